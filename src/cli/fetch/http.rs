//! From a hub, by HTTP: continues where an earlier attempt stopped, if the server can.

use std::time::Duration;

use super::part::Part;
use super::{FetchError, Progress};

/// Attempts at one URL while bytes keep arriving. A connection that breaks is continued, not begun anew.
const ATTEMPTS: u32 = 4;

/// An HTTP client that gives up quickly on a hub it cannot reach, and on one that falls silent.
pub fn agent() -> ureq::Agent {
    let seconds = |n| Some(Duration::from_secs(n));
    ureq::Agent::config_builder()
        .timeout_resolve(seconds(5))
        .timeout_connect(seconds(5))
        .timeout_recv_response(seconds(20))
        .timeout_per_read(seconds(30))
        .http_status_as_error(false)
        .user_agent(concat!("cutaway/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Brings `part` to its full length from `url` and finishes it.
pub fn download(
    agent: &ureq::Agent,
    url: &str,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<(), FetchError> {
    let resumed = part.have() > 0;
    fill(agent, url, part, progress)?;
    match part.finish(url) {
        // The bytes of the earlier attempt may have been the wrong ones: once more, from the start.
        Err(FetchError::WrongHash { .. }) if resumed => {
            progress.note("what an earlier attempt left does not fit; starting over");
            fill(agent, url, part, progress)?;
            part.finish(url)
        }
        done => done,
    }
}

/// Requests until the part is full or a request brings nothing new.
fn fill(agent: &ureq::Agent, url: &str, part: &mut Part, progress: &mut dyn Progress) -> Result<(), FetchError> {
    for _ in 0..ATTEMPTS {
        let before = part.have();
        if part.is_full() {
            break;
        }
        request(agent, url, part, progress)?;
        if part.have() <= before {
            break;
        }
    }
    Ok(())
}

/// One request for what is missing, appended to the part.
fn request(agent: &ureq::Agent, url: &str, part: &mut Part, progress: &mut dyn Progress) -> Result<(), FetchError> {
    let http_error = |reason: String| FetchError::Http { url: url.to_owned(), reason };
    let start = part.have();
    // A compressed body has other bytes at other offsets; the file itself is wanted.
    let mut request = agent.get(url).header("accept-encoding", "identity");
    if start > 0 {
        request = request.header("range", format!("bytes={start}-"));
    }
    let mut response = request.call().map_err(|e| http_error(e.to_string()))?;

    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok()).map(str::to_owned);
    match response.status().as_u16() {
        206 if range.as_deref().is_some_and(|r| r.starts_with(&format!("bytes {start}-"))) => {}
        // The server does not do ranges, or gave another one: only a whole body can be trusted to start at 0.
        200 => part.restart()?,
        206 => {
            part.restart()?;
            return Err(http_error(format!("asked for bytes from {start} on, got {}", range.unwrap_or_default())));
        }
        416 => {
            part.restart()?;
            return Err(http_error(format!(
                "no bytes from {start} on: the file there is shorter than the one known here"
            )));
        }
        status => return Err(http_error(format!("HTTP status {status}"))),
    }
    part.append(url, &mut response.body_mut().as_reader(), progress)
}
