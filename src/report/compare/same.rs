//! What must be equal in two runs so that their speeds can be compared.

use crate::escape::{Quoted, one_line};
use crate::measure::record::schema::RunRecord;
use serde::Serialize;
use std::fmt;

/// In what two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `model`, `prompt`, `processor`.
    pub what: &'static str,
    /// In run A.
    pub a: String,
    /// In run B.
    pub b: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| one_line(text, Quoted::MAX);
        write!(f, "another {}: {:?} and {:?}", self.what, shown(&self.a), shown(&self.b))
    }
}

/// What differs, if anything does.
pub fn differences(a: &RunRecord, b: &RunRecord) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut check = |what, a: String, b: String, is_same: bool| {
        if !is_same {
            differences.push(Difference { what, a, b });
        }
    };
    check("model", model(a), model(b), same_model(a, b));
    // Equal prompts in different tokenizers are different work, but then the models differ too.
    let same_prompt = a.prompt == b.prompt && a.prompt_tokens == b.prompt_tokens;
    let prompt = |run: &RunRecord| match a.prompt == b.prompt {
        true => format!("{} ({} tokens)", run.prompt, run.prompt_tokens.len()),
        false => run.prompt.clone(),
    };
    check("prompt", prompt(a), prompt(b), same_prompt);
    let cpu =
        |run: &RunRecord| run.machine.cpu.clone().unwrap_or_else(|| format!("unknown {}", run.machine.architecture));
    check("processor", cpu(a), cpu(b), cpu(a) == cpu(b));
    differences
}

/// Files are the same if their hashes are; without hashes, if name and size are.
fn same_model(a: &RunRecord, b: &RunRecord) -> bool {
    match (&a.model.sha256, &b.model.sha256) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => a.model.name == b.model.name && a.model.file_bytes == b.model.file_bytes,
    }
}

fn model(run: &RunRecord) -> String {
    let hash =
        run.model.sha256.as_deref().map(|hash| format!(", SHA-256 {}…", hash.chars().take(12).collect::<String>()));
    format!("{} ({} bytes{})", run.model.name, run.model.file_bytes, hash.unwrap_or_default())
}
