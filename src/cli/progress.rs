//! What moves on standard error while long work is done. Where that is no terminal, nothing is drawn.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Something that turns.
pub(super) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = styled(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}").with_message(message);
    if !spinner.is_hidden() {
        spinner.enable_steady_tick(Duration::from_millis(100)); // a thread of its own
    }
    spinner
}

/// A bar that fills; `what` is counted.
pub(super) fn bar(what: &str) -> ProgressBar {
    styled(ProgressBar::new(0), &format!("{{bar:32}} {what} {{pos}} of {{len}} {{elapsed}}"))
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
