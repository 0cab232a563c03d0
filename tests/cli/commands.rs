//! The command line from outside: a process, its output, its exit code.
//!
//! Everything here runs on a small random model written to a temporary directory; nothing is downloaded. What happens at the
//! edges (odd bytes, Ctrl-C, streams that cannot be written, huge numbers) is tested in `cli_edges.rs`.

use crate::common::tiny_gguf;
use crate::program::{Place, cutaway, text};
use cutaway::kernels::Kernels;
use serde_json::Value;
use std::io::Write;
use std::process::Command;

const GENERATE: [&str; 7] = ["generate", "-m", "model.gguf", "--temp", "0", "-n", "12"];

#[test]
fn generate_streams_text_and_says_the_same_in_json() {
    let place = Place::new();
    let spoken = place.run(&[&GENERATE[..], &["-p", "hello"]].concat());
    assert_eq!(spoken.status.code(), Some(0), "{}", text(&spoken.stderr));
    let view = place.json(&[&GENERATE[..], &["-p", "hello"]].concat());
    assert_eq!(text(&spoken.stdout), format!("{}\n", view["text"].as_str().unwrap()));
    assert!(text(&spoken.stderr).contains("tokens/s"));

    assert!(!view["prompt_tokens"].as_array().unwrap().is_empty());
    assert!(view["tokens"].as_array().unwrap().len() <= 12);
    assert!(view["timings"]["decode_seconds"].as_f64().unwrap() >= 0.0);
}

#[test]
fn kernels_are_forced_by_name_and_change_nothing() {
    let place = Place::new();
    let optimized = [&GENERATE[..], &["-p", "hello", "--path", "optimized", "--threads", "2"]].concat();
    let detected = place.json(&optimized);
    assert_eq!(detected["timings"]["kernels"], Kernels::detect().name);
    for kernels in Kernels::available() {
        let args = [&optimized[..], &["--kernels", kernels.name]].concat();
        let forced = place.json(&args);
        assert_eq!(forced["timings"]["kernels"], kernels.name);
        assert_eq!(forced["timings"]["threads"], 2);
        assert_eq!(forced["tokens"], detected["tokens"], "{}", kernels.name);
        let spoken = text(&place.run(&args).stderr);
        assert!(spoken.contains(&format!("optimized path, {} kernels, 2 threads", kernels.name)), "{spoken}");
    }
    let every_name: Vec<&str> = Kernels::available().iter().map(|kernels| kernels.name).collect();
    place.refused(&[&optimized[..], &["--kernels", "abacus"]].concat(), &["'abacus'", &every_name.join(", ")]);
    let naive = place.json(&[&GENERATE[..], &["-p", "hello", "--path", "naive"]].concat());
    assert_eq!((&naive["timings"]["path"], &naive["timings"]["kernels"]), (&Value::from("naive"), &Value::Null));
}

#[test]
fn the_prompt_may_come_from_anywhere() {
    let place = Place::new();
    place.write("prompt.txt", b"hello\n"); // an editor ends a file with a newline
    let from_flag = place.json(&[&GENERATE[..], &["-p", "hello"]].concat());
    let from_file = place.json(&[&GENERATE[..], &["--file", "prompt.txt"]].concat());
    let from_stdin = place.run_with_input(&[&GENERATE[..], &["--format", "json"]].concat(), "hello\n");
    let from_stdin: Value = serde_json::from_slice(&from_stdin.stdout).unwrap();
    for view in [&from_file, &from_stdin] {
        assert_eq!(view["prompt_tokens"], from_flag["prompt_tokens"]);
        assert_eq!(view["tokens"], from_flag["tokens"]);
    }
}

#[test]
fn a_seed_repeats_a_run() {
    let place = Place::new();
    let run = |seed: &str| {
        let args =
            ["generate", "-m", "model.gguf", "-p", "hello", "-n", "20", "--temp", "1.5", "--ignore-eos", "-s", seed];
        place.json(&args)["tokens"].clone()
    };
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn a_stop_sequence_ends_the_text_before_it() {
    let place = Place::new();
    let args = [&GENERATE[..], &["-p", "hello", "--ignore-eos"]].concat();
    let whole = place.json(&args)["text"].as_str().unwrap().to_owned();
    let stop: String = whole.chars().skip(3).take(2).collect();
    let view = place.json(&[&args[..], &["--stop", &stop]].concat());
    assert_eq!(view["stop_reason"], "stop_sequence");
    assert_eq!(view["text"].as_str().unwrap(), &whole[..whole.find(&stop).unwrap()]);
}

#[test]
fn logits_come_for_text_for_ids_and_for_every_position() {
    let place = Place::new();
    let of_text = place.json(&["logits", "-m", "model.gguf", "-p", "hello"]);
    let ids: Vec<String> = of_text["tokens"].as_array().unwrap().iter().map(Value::to_string).collect();
    let of_ids = place.json(&["logits", "-m", "model.gguf", "--tokens", &ids.join(",")]);
    assert_eq!(of_text, of_ids);

    let all = place.json(&["logits", "-m", "model.gguf", "-p", "hello", "--all"]);
    let rows = all["logits"].as_array().unwrap();
    assert_eq!(rows.len(), ids.len());
    assert_eq!(rows.last().unwrap(), &of_text["logits"]);
    assert_eq!(all["nll"].as_array().unwrap().len(), ids.len() - 1);

    let shown = place.run(&["logits", "-m", "model.gguf", "-p", "hello", "--top", "3"]);
    assert_eq!(text(&shown.stdout).lines().count(), 4, "a heading and three candidates");
}

#[test]
fn tokenize_takes_its_text_exactly_as_given() {
    let place = Place::new();
    let view = place.json(&["tokenize", "-m", "model.gguf", "ab\n"]);
    let pieces: Vec<&str> = view["tokens"].as_array().unwrap().iter().map(|t| t["piece"].as_str().unwrap()).collect();
    assert!(pieces.last().unwrap().ends_with('\n'), "{pieces:?}");
    assert_eq!(view["bytes"], 3);
    assert_eq!(view["round_trip"], true);

    let from_stdin = place.run_with_input(&["tokenize", "-m", "model.gguf", "--format", "json"], "ab\n");
    assert_eq!(serde_json::from_slice::<Value>(&from_stdin.stdout).unwrap(), view);

    let ids = place.run(&["tokenize", "-m", "model.gguf", "--no-bos", "--ids", "ab"]);
    let with_bos = place.run(&["tokenize", "-m", "model.gguf", "--ids", "ab"]);
    assert_eq!(text(&with_bos.stdout), format!("1 {}", text(&ids.stdout)));
}

#[test]
fn a_chat_takes_a_message_from_every_line_that_says_something() {
    let place = Place::new();
    let mut model = tiny_gguf::named("llama-gqa-f32").model();
    let template = "{% for message in messages %}{{ message.content }}.{% endfor %}";
    model.metadata.insert("tokenizer.chat_template", template).unwrap();
    place.write("chat.gguf", &model.to_bytes());

    let chat = ["chat", "-m", "chat.gguf", "--temp", "0", "-n", "4", "--format", "json"];
    let output = place.run_with_input(&chat, "one\n\ntwo\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answers: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2, "an empty line is no message and ends nothing");

    // The second answer is what the whole conversation leads to, though only its new part was processed.
    let conversation = format!("one.{}.two.", answers[0]["content"].as_str().unwrap());
    let generate = ["generate", "-m", "chat.gguf", "--temp", "0", "-n", "4", "-p", &conversation];
    let whole = place.json(&generate);
    assert_eq!(answers[1]["prompt_tokens"], whole["prompt_tokens"]);
    assert_eq!(answers[1]["tokens"], whole["tokens"]);
    let processed = answers[1]["timings"]["prompt_tokens"].as_u64().unwrap() as usize;
    assert!(processed < whole["prompt_tokens"].as_array().unwrap().len(), "the beginning was still in the cache");
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let place = Place::new();
    let good = tiny_gguf::named("llama-gqa-q8_0").to_bytes();
    place.write("text.gguf", b"This is a text and not a model.");
    place.write("empty.gguf", b"");
    place.write("short.gguf", &good[..good.len() / 2]);
    let mut unknown = tiny_gguf::named("llama-gqa-f32").model();
    unknown.metadata.insert("general.architecture", "perceptron").unwrap();
    place.write("unknown.gguf", &unknown.to_bytes());
    let mut template = tiny_gguf::named("llama-gqa-f32").model();
    template.metadata.insert("tokenizer.chat_template", "{% for message in messages %}{{ oops").unwrap();
    place.write("template.gguf", &template.to_bytes());
    template.metadata.insert("tokenizer.chat_template", "{{ messages | length }}").unwrap();
    place.write("silent.gguf", &template.to_bytes());

    let generate = |model: &str, why: &[&str]| place.refused(&["generate", "-m", model, "-p", "hello"], why);
    generate("missing.gguf", &["missing.gguf"]);
    generate("smollm2-135m", &["smollm2-135m", "cutaway pull"]);
    generate("text.gguf", &["text.gguf", "GGUF"]);
    generate("empty.gguf", &["empty.gguf"]);
    generate("short.gguf", &["short.gguf"]);
    generate("unknown.gguf", &["perceptron", "llama"]);
    generate(".", &["."]);

    place.refused(&["generate", "-m", "model.gguf", "-p", ""], &["empty"]);
    place.refused(&["generate", "-m", "model.gguf"], &["empty"]);
    place.refused(&["generate", "-m", "model.gguf", "-f", "nowhere.txt"], &["nowhere.txt"]);
    place.refused(&["generate", "-m", "model.gguf", "-p", "hello", "--top-p", "NaN"], &["top_p"]);
    place.refused(&["generate", "-m", "model.gguf", "-c", "3", "-p", "abcdefghij"], &["context of 3"]);
    place.refused(&["logits", "-m", "model.gguf", "--tokens", "1,99999"], &["99999", "vocabulary"]);
    place.refused(&["logits", "-m", "model.gguf", "-c", "2", "--tokens", "1,2,3"], &["position 2", "context"]);
    place.refused(&["logits", "-m", "model.gguf", "-p", ""], &["empty"]);
    place.refused(&["chat", "-m", "model.gguf", "-p", "hello"], &["tokenizer.chat_template", "generate"]);
    place.refused(&["chat", "-m", "template.gguf", "-p", "hello"], &["chat template"]);
    place.refused(&["chat", "-m", "silent.gguf", "-p", "hello"], &["chat template", "leaves out what the user says"]);
    place.refused(&["inspect", "text.gguf"], &["text.gguf", "GGUF"]);
    place.refused(&["pull", "no-such-model"], &["no-such-model"]);
}

#[test]
fn without_a_model_the_embedded_one_runs() {
    let place = Place::new();
    let story = place.json(&["generate", "-p", "Once upon a time", "--temp", "0", "-n", "24"]);
    let words = story["text"].as_str().unwrap().split_whitespace().count();
    assert!(words > 10, "24 tokens of a story are more words than this: {story}");
    assert_eq!(
        place.json(&["generate", "-m", "tiny", "-p", "Once upon a time", "--temp", "0", "-n", "24"])["text"],
        story["text"]
    );
    assert_eq!(place.json(&["tokenize", "Once upon a time"])["round_trip"], true);
    assert_eq!(place.json(&["inspect"])[0]["path"], "tiny");
    let answer = place.json(&["chat", "-p", "Tell me a story.", "--temp", "0", "-n", "8"]);
    assert_eq!(answer["role"], "assistant");
}

#[test]
fn bad_usage_is_exit_code_2() {
    let place = Place::new();
    for args in [&["frobnicate"][..], &["generate", "--no-such-flag"], &["logits", "-m", "model.gguf"], &[]] {
        assert_eq!(place.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn every_command_has_help_with_examples() {
    let place = Place::new();
    let help = text(&place.run(&["--help"]).stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        commands.filter_map(|line| line.split_whitespace().next()).filter(|n| *n != "help").collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        let output = place.run(&[name, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(&format!("cutaway {name} ")), "{name} --help has no example");
    }
}

/// `--activations 16` computes something else, closer to the naive path, and says so.
#[test]
fn activations_have_as_many_bits_as_asked() {
    let place = Place::new();
    let logits = |flags: &[&str]| -> Vec<f64> {
        let args = ["logits", "-m", "model.gguf", "--tokens", "1,2,3,4,5", "-ctk", "f32", "-ctv", "f32"];
        let view = place.json(&[&args[..], flags].concat());
        view["logits"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let naive = logits(&["--path", "naive"]);
    let off = |flags: &[&str]| -> f64 {
        let logits = logits(flags);
        logits.iter().zip(&naive).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
    };
    let (eight, sixteen) = (off(&["--activations", "8"]), off(&["--activations", "16"]));
    assert_eq!(off(&[]), eight, "the default");
    assert!(sixteen > 0.0 && sixteen < eight / 30.0, "{sixteen:e} with 16 bits, {eight:e} with 8");

    let generate = ["generate", "-m", "model.gguf", "-p", "a", "-n", "2", "--activations", "16"];
    let answer = place.json(&generate);
    assert_eq!(answer["timings"]["activations"], 16);
    let refused = place.run(&["logits", "-m", "model.gguf", "--activations", "12"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("'12'") && text(&refused.stderr).contains("8, 16"));
}

/// `--cache-type-k` and `--cache-type-v`, by llama.cpp's short names too, on both paths.
#[test]
fn keys_and_values_are_stored_as_asked() {
    let place = Place::new();
    let logits = |path: &str, flags: &[&str]| {
        let args = ["logits", "-m", "model.gguf", "--tokens", "1,2,3,4,5", "--path", path];
        place.json(&[&args[..], flags].concat())["logits"].clone()
    };
    for (path, format) in [("naive", "f32"), ("optimized", "f16")] {
        let exact = logits(path, &[]);
        assert_eq!(exact, logits(path, &["-ctk", format, "-ctv", format]), "{path}: the default");
        let keys = logits(path, &["--cache-type-k", "q8_0"]);
        let values = logits(path, &["--cache-type-v", "q8_0"]);
        assert!(keys != exact && values != exact && keys != values, "{path}");
        assert_eq!(keys, logits(path, &["-ctk", "q8_0"]), "{path}");
        assert_eq!(values, logits(path, &["-ctv", "q8_0"]), "{path}");
    }
    let unknown = place.run(&["generate", "-m", "model.gguf", "-p", "hello", "-ctk", "q5_1"]);
    assert_eq!(unknown.status.code(), Some(2));
    for part in ["q5_1", "f32", "f16", "q8_0", "q4_0"] {
        assert!(text(&unknown.stderr).contains(part), "{part} in: {}", text(&unknown.stderr));
    }
}

/// More threads than any machine has, and more than this address space has room for, whose first ones have started by then.
#[test]
fn too_many_threads_are_refused() {
    let place = Place::new();
    let said = |limit: &str, threads: &str| {
        let script = format!("{limit} exec \"$0\" generate -m model.gguf -p hello -n 1 -t {threads}");
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", &script, env!("CARGO_BIN_EXE_cutaway")]).current_dir(place.path()).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let too_many = said("", "200000");
    assert!(too_many.contains("error: 200000 threads are too many: expected at most 4096"), "{too_many}");
    if cfg!(target_os = "linux") {
        let refused = said("ulimit -v 2000000;", "4000");
        assert!(
            refused.contains("error: the system started only ") && refused.contains(" of 4000 threads"),
            "{refused}"
        );
    }
}

/// What the help says of a flag: the paragraph below it.
fn said_of(help: &str, flag: &str) -> String {
    let below = help.lines().skip_while(|line| !line.contains(&format!("--{flag} <"))).skip(1);
    below.take_while(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A flag means the same on every command that runs a model, and is explained in the same words.
#[test]
fn commands_that_run_a_model_speak_one_dialect() {
    let place = Place::new();
    let help = |args: &[&str]| text(&place.run(&[args, &["--help"]].concat()).stdout);
    let commands = [&["generate"][..], &["chat"], &["logits"], &["verify"], &["bench"], &["bench", "roofline"]];
    for (flag, commands) in [
        ("kernels", &commands[..]),
        ("activations", &commands),
        ("cache-type-k", &commands),
        ("cache-type-v", &commands),
        ("threads", &commands[..5]), // the roofline is measured on one thread and on all
        ("path", &[&commands[..3], &commands[4..5]].concat()), // the others need both, or the fast one
        ("ctx-size", &commands[..4]), // the tests of a benchmark say how long they are
        ("model", &[&commands[..5], &[&["tokenize"][..]]].concat()),
    ] {
        let expected = said_of(&help(commands[0]), flag);
        assert!(expected.len() > 20, "{flag}: {expected:?}");
        for command in commands {
            assert_eq!(said_of(&help(command), flag), expected, "{command:?} --{flag}");
        }
    }
    // Both commands that compare kernels.
    let tables = said_of(&help(&["bench", "kernels"]), "kernels");
    assert!(tables.len() > 20 && tables == said_of(&help(&["verify", "kernels"]), "kernels"), "{tables}");
    // And one message where there are none of that name.
    let mut messages: Vec<String> = Vec::new();
    for command in commands.iter().copied().chain([&["bench", "kernels"][..], &["verify", "kernels"]]) {
        let text_flag: &[&str] = if command.len() == 1 && command[0] != "bench" { &["-p", "a"] } else { &[] };
        let model: &[&str] = if command == ["bench", "roofline"] { &["-m", "tiny"] } else { &[] };
        let output = place.run(&[command, model, text_flag, &["--kernels", "abacus"]].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", text(&output.stderr));
        messages.push(text(&output.stderr));
    }
    assert!(messages[0].contains("no kernels 'abacus' run on this machine; expected one of: "), "{}", messages[0]);
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
}

/// A tokenizer computes nothing: flags that say how to compute mean nothing to it.
#[test]
fn tokenize_takes_no_flag_that_means_nothing_to_it() {
    let place = Place::new();
    for flags in [["-c", "8"], ["--path", "naive"], ["-t", "2"], ["--kernels", "scalar"], ["-ctk", "f16"]] {
        let output = place.run(&[&["tokenize", "-m", "model.gguf", "abc"][..], &flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", text(&output.stdout));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = cutaway(place.path()).args(["tokenize", "-m", "model.gguf"]).spawn().unwrap();
    drop(child.stdout.take()); // as `| head` does when it has seen enough
    let input = "abc ".repeat(100_000);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
