//! Model files that are unusual, damaged or no models, as a user meets them: what opens, and the one sentence about what
//! does not.

use crate::common::tiny_gguf::named;
use crate::program::{Place, cutaway, text};
use cutaway::gguf::Value;

const CASE: &str = "llama-gqa-q8_0";

#[test]
fn a_file_without_its_last_padding_runs() {
    let place = Place::new();
    let mut model = named(CASE).model();
    model.metadata.insert("general.alignment", 4096u32).unwrap();
    let bytes = model.to_bytes();
    let gguf = model.gguf();
    let end = gguf.tensors().map(|info| gguf.range(&info).end).max().unwrap();
    assert!(end < bytes.len(), "there is padding to leave out");
    place.write("whole.gguf", &bytes);
    place.write("unpadded.gguf", &bytes[..end]);
    place.write("short.gguf", &bytes[..end - 1]);
    let logits = |file: &str| place.json(&["logits", "-m", file, "--tokens", "1,2,3"])["logits"].clone();
    assert_eq!(logits("unpadded.gguf"), logits("whole.gguf"));
    place.refused(&["generate", "-m", "short.gguf", "-p", "a"], &["is not within the file bounds", "short.gguf"]);
}

#[test]
fn the_first_reason_is_named() {
    let place = Place::new();
    let change = |name: &str, keys: &[(&str, Value<'_>)], without_tokenizer: bool| {
        let mut model = named(CASE).model();
        keys.iter().for_each(|(key, value)| model.metadata.insert(key, *value).unwrap());
        if without_tokenizer {
            model.metadata.retain(|key| !key.starts_with("tokenizer."));
        }
        place.write(name, &model.to_bytes());
    };
    let str = |text: &'static str| Value::Str(text.as_bytes());
    change("m-00002-of-00002.gguf", &[("split.no", Value::U16(1)), ("split.count", Value::U16(2))], true);
    change("mmproj.gguf", &[("general.architecture", str("clip"))], true);
    change("lora.gguf", &[("general.type", str("adapter"))], true);
    change("steer.gguf", &[("general.architecture", str("controlvector"))], true);
    for (file, why) in [
        ("m-00002-of-00002.gguf", "shard 2 of 2 of a split model (m-00001-of-00002.gguf"),
        ("mmproj.gguf", "a projector, not a language model (architecture 'clip')"),
        ("lora.gguf", "an adapter, not a whole model"),
        ("steer.gguf", "a control vector"),
    ] {
        for command in [
            &["generate", "-p", "a"][..],
            &["chat", "-p", "a"],
            &["logits", "-p", "a"],
            &["verify"],
            &["tokenize", "a"],
        ] {
            place.refused(&[command, &["-m", file]].concat(), &[why]);
        }
        let report = text(&place.run(&["inspect", file]).stdout);
        assert!(report.contains(why) && report.contains("tensor list"), "{file}: {report}");
    }
    // A family that is not known: its tokenizer may be, so tokenizing works.
    change("mamba.gguf", &[("general.architecture", str("mamba"))], false);
    place.refused(&["generate", "-p", "a", "-m", "mamba.gguf"], &["unknown model architecture 'mamba'", "gemma3"]);
    assert_eq!(place.run(&["tokenize", "a", "-m", "mamba.gguf"]).status.code(), Some(0));
}

/// A weight that is NaN or infinite, in every role in which it reaches the logits.
#[test]
fn logits_that_are_no_numbers_are_an_error_everywhere() {
    let place = Place::new();
    for (i, (tensor, value)) in [
        ("output_norm.weight", f32::NAN),
        ("blk.0.attn_norm.weight", f32::INFINITY),
        ("blk.1.ffn_norm.weight", f32::NEG_INFINITY),
    ]
    .into_iter()
    .enumerate()
    {
        let mut model = named(CASE).model();
        let damaged = model.tensors.iter_mut().find(|t| t.name == tensor).unwrap();
        damaged.bytes[..4].copy_from_slice(&value.to_le_bytes());
        let file = format!("damaged-{i}.gguf");
        place.write(&file, &model.to_bytes());
        for path in ["naive", "optimized"] {
            for command in
                [&["generate", "-p", "a"][..], &["logits", "--tokens", "3,4"], &["logits", "--all", "--tokens", "3,4"]]
            {
                for format in ["text", "json"] {
                    let args = [command, &["-m", &file, "--path", path, "--format", format]].concat();
                    place.refused(&args, &["the logits after position", "are not numbers"]);
                }
            }
        }
        let op = ["output_norm", "attn_norm", "ffn_norm"][i];
        place.refused(&["verify", "-m", &file, "-p", "a"], &["are not numbers", &format!("made by op {op}")]);
        let output = place.run(&["bench", "-m", &file, "-p", "4", "-n", "0", "-r", "1", "-o", "json"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", text(&output.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_is_bytes_and_a_pipe_is_told_as_one() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = OsStr::from_bytes(b"caf\xe9.gguf");
    std::fs::copy(place.path().join("model.gguf"), place.path().join(name)).unwrap();
    for args in [
        &["inspect"][..],
        &["inspect", "--format", "json"],
        &["logits", "--tokens", "3", "-m"],
        &["tokenize", "a", "-m"],
    ] {
        let output = cutaway(place.path()).args(args).arg(name).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    }
    let pipe = place.path().join("pipe.gguf");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    place.refused(&["inspect", "pipe.gguf"], &["'pipe.gguf' is a pipe: expected a regular file"]);
    place.refused(&["generate", "-p", "a", "-m", "pipe.gguf"], &["is a pipe"]);
    place.refused(&["inspect", "."], &["`.` is a directory"]);
}

/// Nothing that a file holds reaches the terminal as an order.
#[test]
fn reports_show_control_characters() {
    let place = Place::new();
    let mut model = named(CASE).model();
    for key in ["general.name", "general.description", "tokenizer.ggml.pre", "a\u{1b}[31mkey"] {
        model.metadata.insert(key, "x\u{1b}]0;t\u{7}\u{9b}2J\u{202e}y\n").unwrap();
    }
    model.tensors[0].name = "t\u{1b}[31m".to_owned();
    place.write("r\u{1b}[31m.gguf", &model.to_bytes());
    for args in [
        &["inspect", "--metadata", "--tensors"][..],
        &["inspect", "--format", "json", "--metadata"],
        &["generate", "-p", "a", "-m"],
    ] {
        let output = place.run(&[args, &["r\u{1b}[31m.gguf"]].concat());
        assert_eq!(output.status.code(), Some(if args[0] == "inspect" { 0 } else { 2 }), "{args:?}");
        for said in [text(&output.stdout), text(&output.stderr)] {
            let order = said.chars().find(|&c| (c.is_control() && c != '\n') || c == '\u{202e}');
            assert!(order.is_none(), "{args:?}: {order:?} in {said:?}");
        }
    }
}
