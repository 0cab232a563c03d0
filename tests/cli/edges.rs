//! What the program does at its edges: odd bytes and odd text, numbers without measure, streams that cannot be written, and
//! Ctrl-C.

use crate::common::tiny_gguf;
use crate::program::{Place, cutaway, text};
use serde_json::Value;
use std::process::{Output, Stdio};

/// The embedded model, without chance.
const GENERATE: [&str; 5] = ["generate", "--temp", "0", "-n", "4"];
const CHAT: [&str; 7] = ["chat", "--temp", "0", "-n", "4", "--format", "json"];

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The answers of a chat, a line each.
fn answers(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(tokens: &Value) -> Vec<u64> {
    tokens.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

// ------------------------------------------------------------------------------------------------ text

/// A text that begins with `-` is a text wherever one is expected.
#[test]
fn free_text_may_begin_with_a_dash() {
    let place = Place::new();
    for words in ["- first item", "-5 degrees", "--- title", "-x", "-n", "--", "--temp 0"] {
        let tokens = json(&place.run_with_input(&[&GENERATE[..], &["--format", "json"]].concat(), words));
        let tokens = &tokens["prompt_tokens"];
        let attached = format!("--prompt={words}");
        for prompt in [&["-p", words][..], &[&attached]] {
            if words == "--" && prompt.len() == 2 {
                continue; // there it ends the flags
            }
            assert_eq!(place.json(&[&GENERATE[..], prompt].concat())["prompt_tokens"], *tokens, "{prompt:?}");
            assert_eq!(place.json(&[&["logits"], prompt].concat())["tokens"], *tokens, "{prompt:?}");
        }
        if words.contains(' ') && words != "--temp 0" {
            let view = place.json(&["tokenize", words]);
            let found: Vec<&Value> = view["tokens"].as_array().unwrap().iter().map(|token| &token["id"]).collect();
            assert_eq!(found, tokens.as_array().unwrap().iter().collect::<Vec<_>>(), "{words}");
        }
        assert_eq!(place.run(&["tokenize", "--ids", "--", words]).status.code(), Some(0));
        let system = format!("--system={words}");
        let chat = [&CHAT[..], &["-p", "hi", &system]].concat();
        assert_eq!(answers(&place.run(&chat)).len(), 1);
    }
    let verified = place.run(&["verify", "-n", "0", "-p", "- a list"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stderr));

    let story = ["generate", "--temp", "0", "-n", "60", "-p", "Once upon a time"];
    let stopped = place.json(&[&story[..], &["--stop", "- ", "-r", "--x"]].concat());
    assert_eq!(stopped["text"], place.json(&story)["text"], "no story has a dash");

    let misspelt = place.run(&["tokenize", "--idz"]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(text(&misspelt.stderr).contains("--ids"), "it is no text: {}", text(&misspelt.stderr));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let place = Place::new();
    let output = place.run_with_input(&CHAT, b"caf\xe9\nHello!\n\xff\xfe\xfd\n");
    let answers = answers(&output);
    assert_eq!((output.status.code(), answers.len()), (Some(0), 3), "{}", text(&output.stderr));
    let replaced = place.run_with_input(&CHAT, "caf\u{fffd}\n");
    assert_eq!(json(&replaced)["prompt_tokens"], answers[0]["prompt_tokens"]);
    assert!(text(&output.stderr).contains("UTF-8"), "{}", text(&output.stderr));

    let generate = [&GENERATE[..], &["--format", "json"]].concat();
    let right = json(&place.run_with_input(&generate, "caf\u{fffd} Once"));
    assert_eq!(json(&place.run_with_input(&generate, b"caf\xe9 Once"))["prompt_tokens"], right["prompt_tokens"]);
    place.write("latin1.txt", b"caf\xe9 Once");
    assert_eq!(place.json(&[&GENERATE[..], &["-f", "latin1.txt"]].concat())["prompt_tokens"], right["prompt_tokens"]);
    let tokenize = ["tokenize", "--format", "json"];
    let view = json(&place.run_with_input(&tokenize, b"caf\xe9"));
    assert_eq!(view, json(&place.run_with_input(&tokenize, "caf\u{fffd}")));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let mut command = cutaway(place.path());
        command.args(&generate).arg("-p").arg(std::ffi::OsStr::from_bytes(b"caf\xe9 Once"));
        assert_eq!(json(&command.output().unwrap())["prompt_tokens"], right["prompt_tokens"]);
    }
}

/// A byte order mark and one line end at the end belong to the file.
#[test]
fn a_file_is_more_than_its_prompt() {
    let place = Place::new();
    let prompt = |bytes: &[u8]| {
        place.write("prompt.txt", bytes);
        let of_file = place.json(&[&GENERATE[..], &["-f", "prompt.txt"]].concat());
        let of_stdin = json(&place.run_with_input(&[&GENERATE[..], &["--format", "json"]].concat(), bytes));
        assert_eq!(of_file["prompt_tokens"], of_stdin["prompt_tokens"]);
        of_file["prompt_tokens"].clone()
    };
    let plain = prompt(b"Once upon");
    assert_eq!(plain, place.json(&[&GENERATE[..], &["-p", "Once upon"]].concat())["prompt_tokens"]);
    for same in ["Once upon\n", "Once upon\r\n", "\u{feff}Once upon", "\u{feff}Once upon\r\n"] {
        assert_eq!(prompt(same.as_bytes()), plain, "{same:?}");
    }
    for other in
        ["Once upon\n\n", "Once upon\r\n\r\n", "Once upon\r", "Once\r\nupon", "Once \u{feff}upon", " Once upon"]
    {
        assert_ne!(prompt(other.as_bytes()), plain, "{other:?}");
    }
    // What is given by a flag is given exactly.
    assert_ne!(place.json(&[&GENERATE[..], &["-p", "Once upon\n"]].concat())["prompt_tokens"], plain);
    // The first line of a piped conversation may have a mark too.
    let marked = json(&place.run_with_input(&CHAT, "\u{feff}Hello!\r\n"));
    assert_eq!(marked["prompt_tokens"], json(&place.run_with_input(&CHAT, "Hello!\n"))["prompt_tokens"]);
}

#[test]
fn a_seed_of_minus_one_is_random() {
    let place = Place::new();
    let seed = |flags: &[&str]| place.json(&[&["generate", "-p", "Once", "-n", "2"], flags].concat())["seed"].clone();
    let seeds = [seed(&["-s", "-1"]), seed(&["--seed=-1"]), seed(&["-s-1"]), seed(&[])];
    assert!(seeds.iter().all(Value::is_u64), "{seeds:?}");
    assert!(seeds.iter().skip(1).any(|seed| *seed != seeds[0]), "{seeds:?}");
    assert_eq!(seed(&["-s", "4294967295"]), 4_294_967_295_u64);
    for wrong in ["-2", "4294967296", "99999999999999999999", "x"] {
        let output = place.run(&["generate", "-p", "Once", "-s", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(text(&output.stderr).contains("-1 for a random one"), "{}", text(&output.stderr));
    }
}

// ------------------------------------------------------------------------------------------------ errors

#[test]
fn an_error_says_each_cause_once() {
    let place = Place::new();
    place.write("file", b"");
    let said = |args: &[&str], cache: &str| {
        let output = cutaway(place.path()).args(args).env("CUTAWAY_CACHE", cache).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        text(&output.stderr).lines().last().unwrap().to_owned()
    };
    let file = place.path().join("file");
    for cache in ["/proc/nope", file.to_str().unwrap()] {
        let error = said(&["pull", "tiny-mqa"], cache);
        assert_eq!(error.matches("os error").count(), 1, "{error}");
        assert!(error.contains("CUTAWAY_CACHE"), "{error}");
    }
    let error = said(&["generate", "-f", "nowhere.txt"], ".");
    assert!(error.matches("os error").count() == 1 && error.contains("nowhere.txt"), "{error}");
}

#[test]
fn numbers_without_measure_are_refused_before_anything_is_done() {
    let place = Place::new();
    let max = usize::MAX.to_string();
    for args in [
        &["bench", "-p", &max, "-n", "0", "-d", "1", "-r", "1"][..],
        &["bench", "-p", &max],
        &["bench", "-p", "1", "-n", &max],
        &["bench", "-p", "1,1000000000000"],
        &["bench", "-p", "1", "-n", "0", "-d", &max],
        &["bench", "-r", &max],
        &["bench", "-r", "0"],
        &["bench", "kernels", "-r", &max],
        &["bench", "kernels", "--pass", "1e300"],
        &["bench", "kernels", "--pass", "nan"],
        &["bench", "kernels", "--pass", "-1"],
        &["bench", "roofline", "-m", "tiny", "-d", &max],
        &["bench", "roofline", "-r", &max],
        &["bench", "roofline", "--stream", &max],
        &["verify", "-n", &max],
        &["generate", "-p", "a", "-c", &max],
        &["generate", "-p", "a", "-t", &max],
    ] {
        place.refused(args, &[]);
    }
    for args in [&["bench", "-p", "18446744073709551616"][..], &["generate", "-p", "a", "-n", "9223372036854775808"]] {
        assert_eq!(place.run(args).status.code(), Some(2), "{args:?}");
    }
}

/// Names are shown, not sent to the terminal.
#[test]
fn control_characters_are_shown() {
    let place = Place::new();
    let mut model = tiny_gguf::named("llama-gqa-f32").model();
    model.metadata.insert("general.architecture", "x\u{1b}[2Jy").unwrap();
    place.write("red\u{1b}[31m.gguf", &model.to_bytes());
    let name = "a\u{1b}]0;title\u{7}\u{9b}31m\u{202e}";
    for args in [
        &["generate", "-p", "x", "-m", name][..],
        &["generate", "-p", "x", "-m", "red\u{1b}[31m.gguf"],
        &["generate", "-f", name],
        &["generate", "-p", "x", "--kernels", name],
        &["generate", "-p", "x", "--path", name],
        &["generate", "-p", "x", "--temp", name],
        &["generate", name],
        &[name],
        &["inspect", name],
        &["pull", name],
        &["bench", "--peer", name],
        &["verify", "--hook", name],
        &["logits", "--tokens", name],
    ] {
        let output = place.run(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        let order = said.chars().find(|&c| (c.is_control() && c != '\n') || c == '\u{202e}');
        assert!(order.is_none() && said.contains("\\u{1b}"), "{args:?}: {said:?}");
    }
}

// ------------------------------------------------------------------------------------------------ a full context

/// A small context fills up: the oldest questions and answers go, what the model was told before stays.
#[test]
fn a_chat_outlives_its_context() {
    let place = Place::new();
    let lines: String = (0..12).map(|i| format!("Tell me a story about a cat and a dog, number {i}.\n")).collect();
    let flags = ["chat", "--temp", "0", "-n", "30", "-c", "160", "--format", "json", "--system", "You tell stories."];
    let output = place.run_with_input(&flags, &lines);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answers = answers(&output);
    assert_eq!(answers.len(), 12);
    let prompts: Vec<Vec<u64>> = answers.iter().map(|answer| ids(&answer["prompt_tokens"])).collect();
    assert!(prompts.iter().all(|prompt| prompt.len() <= 160 - 30), "there is room for an answer");
    assert!(prompts[1..].iter().all(|prompt| prompt.len() > prompts[0].len()), "what was said is kept while it fits");
    let system = prompts[0].iter().zip(&prompts[11]).take_while(|(a, b)| a == b).count();
    assert!(system > 6, "what the model was told stays: {:?} and {:?}", prompts[0], prompts[11]);
    assert!(answers.iter().all(|answer| !answer["tokens"].as_array().unwrap().is_empty()));
    assert!(text(&output.stderr).contains("the context of 160 tokens is full"), "{}", text(&output.stderr));

    // An answer that fills the context is kept, and the conversation goes on.
    let endless = ["chat", "--temp", "0", "-n", "-1", "-c", "48", "--format", "json"];
    let output = place.run_with_input(&endless, "Tell me a story.\nTell me more.\nAnd then?\n");
    assert_eq!((output.status.code(), self::answers(&output).len()), (Some(0), 3), "{}", text(&output.stderr));
}

#[test]
fn a_message_that_is_too_long_is_not_the_end() {
    let place = Place::new();
    let long = "word ".repeat(300);
    let flags = [&CHAT[..], &["-c", "64"]].concat();
    let output = place.run_with_input(&flags, format!("Hello!\n{long}\nHello!\n"));
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), answers(&output).len()), (Some(2), 2), "{said}");
    assert!(said.contains("not answered: this message makes a prompt of") && said.contains("-c"), "{said}");
    place.refused(&[&flags[..], &["-p", &long]].concat(), &["the context has 64"]);
}

// ------------------------------------------------------------------------------------------------ streams

/// A standard error that is full, or that nobody reads any more, changes neither the answer nor the exit code.
#[cfg(target_os = "linux")]
#[test]
fn notes_that_cannot_be_written_are_lost_and_nothing_else_is() {
    let place = Place::new();
    for (args, input) in [
        (&["generate", "-p", "Once", "--temp", "0", "-n", "4"][..], ""),
        (&["chat", "--temp", "0", "-n", "4", "--show-prompt"], "Hello!\nHello again!\n"),
        (&["tokenize", "--ids"], "abc"),
        (&["logits", "-p", "Once"], ""),
        (&["verify", "-n", "0", "-p", "Once"], ""),
        (&["bench", "kernels", "--kernels", "mmx"], ""),
        (&["generate", "-m", "missing.gguf", "-p", "x"], ""),
        (&["generate", "--no-such-flag"], ""),
        (&["pull", "tiny-mqa"], ""),
        (&["pull", "gemma3-270m"], ""),
        (&[], ""),
    ] {
        place.run_with_input(args, input); // what is fetched is here from now on
        let expected = place.run_with_input(args, input);
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        for stderr in [Stdio::from(full()), Stdio::from(writer)] {
            let mut child = cutaway(place.path()).args(args).stderr(stderr).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), expected.status.code(), "{args:?}");
            assert_eq!(text(&output.stdout), text(&expected.stdout), "{args:?}");
        }
        if !expected.stdout.is_empty() {
            let output = cutaway(place.path()).args(args).stdin(Stdio::null()).stdout(full()).output().unwrap();
            let said = text(&output.stderr);
            assert!(!said.contains("panicked"), "{args:?}: {said}");
            if input.is_empty() {
                assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
                assert!(said.contains("cannot write to standard output: No space left"), "{args:?}: {said}");
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ Ctrl-C

#[cfg(unix)]
mod interrupted {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    fn interrupt(child: &Child) {
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    const ENDLESS: [&str; 8] = ["--ignore-eos", "-n", "-1", "-c", "100000", "--seed", "1", "-p"];

    #[test]
    fn a_generation_ends_with_what_there_is() {
        let place = Place::new();
        for path in ["optimized", "naive"] {
            let args = [&["generate", "-m", "model.gguf", "--path", path], &ENDLESS[..], &["hello"]].concat();
            let mut child = cutaway(place.path()).args(args).spawn().unwrap();
            let mut first = [0; 16];
            child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap(); // it streams: it is generating
            interrupt(&child);
            let output = child.wait_with_output().unwrap();
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(130), "{said}");
            assert!(said.contains("interrupted") && said.contains("tokens/s"), "{said}");
            assert!(output.stdout.ends_with(b"\n"));
        }
    }

    #[test]
    fn json_of_what_there_is_is_whole() {
        let place = Place::new();
        let args = [&["generate", "-m", "model.gguf", "--format", "json"], &ENDLESS[..], &["hello"]].concat();
        let child = cutaway(place.path()).args(args).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500)); // nothing tells when it has begun
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        if !output.stdout.is_empty() {
            let view: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(view["stop_reason"], "interrupted");
        }
    }

    /// Runs until the interrupt falls into the work: before it the program just ends, after it there is nothing to interrupt.
    fn interrupted_at_work(place: &Place, args: &[&str]) -> Output {
        for milliseconds in [300, 150, 600, 1200, 75, 2400] {
            let child = cutaway(place.path()).args(args).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            interrupt(&child);
            let output = child.wait_with_output().unwrap();
            if output.status.code() == Some(130) {
                return output;
            }
        }
        panic!("{args:?} was never interrupted");
    }

    #[test]
    fn a_report_has_what_there_is_and_says_that_it_is_partial() {
        let place = Place::new();
        let args = ["report", "-m", "model.gguf", "-p", "abc", "-n", "16", "-r", "9", "-t", "1", "-o", "page.html"];
        let output = interrupted_at_work(&place, &args);
        assert!(text(&output.stdout).contains("so the page is partial"), "{}", text(&output.stdout));
        let page = std::fs::read_to_string(place.path().join("page.html")).unwrap();
        assert!(page.contains("This run was interrupted"));
        let again = place.run(&["report", "page.jsonl", "-o", "again.html"]);
        assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    }

    #[test]
    fn a_profile_has_what_there_is() {
        let place = Place::new();
        let args =
            [&["profile", "--no-roofs", "--jsonl", "run.jsonl", "-m", "model.gguf"], &["-n", "20000"][..]].concat();
        let output = interrupted_at_work(&place, &[&args[..], &["-c", "30000"]].concat());
        assert!(text(&output.stderr).contains("interrupted"), "{}", text(&output.stderr));
        let lines = std::fs::read_to_string(place.path().join("run.jsonl")).unwrap();
        assert!(lines.contains(r#""ev":"run""#) && !lines.contains(r#""ev":"end""#), "{:?}", lines.lines().next());
    }

    #[test]
    fn a_chat_without_a_terminal_ends() {
        let place = Place::new();
        let mut child =
            cutaway(place.path()).args(["chat", "-n", "-1", "-c", "100000", "--seed", "1"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"Tell me a story.\n").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap(); // the answer, or after it the wait for a question
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        drop(stdin);
    }

    /// A server that sends a beginning and then nothing.
    fn stalls_after(beginning: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.write_all(beginning);
                kept.push(stream);
            }
        });
        address
    }

    /// Runs `pull` until it has said or done something, interrupts it, and returns what it left behind.
    fn interrupted_pull(place: &Place, endpoint: &str, until: impl Fn() -> bool) -> Output {
        let mut command = cutaway(place.path());
        command.args(["pull", "smollm2-135m"]).env("HF_ENDPOINT", endpoint).env("HF_HOME", place.path().join("hf"));
        let child = command.spawn().unwrap();
        let started = Instant::now();
        while !until() {
            assert!(started.elapsed() < Duration::from_secs(20), "pull does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300)); // it waits now
        interrupt(&child);
        let interrupted = Instant::now();
        let output = child.wait_with_output().unwrap();
        // The program promises a second. A busy machine may take longer, but not as long as a silent server: 20 s.
        assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("interrupted; what arrived is kept"), "{}", text(&output.stderr));
        output
    }

    const PART: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf.part";
    const LOCK: &str = "models/.SmolLM2-135M-Instruct.Q4_1.gguf.lock";

    #[test]
    fn a_pull_ends_though_the_server_is_silent() {
        let place = Place::new();
        let part = place.path().join(PART);
        let endpoint = stalls_after(b"HTTP/1.1 200 OK\r\ncontent-length: 98362432\r\n\r\nthe beginning");
        interrupted_pull(&place, &endpoint, || std::fs::read(&part).is_ok_and(|bytes| bytes == b"the beginning"));
        assert_eq!(std::fs::read(&part).unwrap(), b"the beginning");
        // Not even an answer, let alone a body.
        let place = Place::new();
        let part = place.path().join(PART);
        interrupted_pull(&place, &stalls_after(b""), || part.exists());
    }

    #[test]
    fn a_pull_ends_though_another_one_goes_on() {
        let place = Place::new();
        std::fs::create_dir(place.path().join("models")).unwrap();
        let lock = File::create(place.path().join(LOCK)).unwrap();
        lock.lock().unwrap();
        let started = Instant::now();
        let waits = || started.elapsed() > Duration::from_millis(1500); // nothing tells when
        let output = interrupted_pull(&place, "http://127.0.0.1:1", waits);
        assert!(text(&output.stderr).contains("another `cutaway pull`"), "{}", text(&output.stderr));
        assert!(!place.path().join(PART).exists());
    }
}
