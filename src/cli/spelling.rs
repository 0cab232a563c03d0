//! What is made of the command line before clap reads it.
//!
//! llama.cpp's short flags of several letters, `-ctk` and the like, are spelled out: here, as almost everywhere, a single
//! dash begins single letters, and `-ctk` would be `-c tk`. So commands can be carried over from llama.cpp.
//!
//! The text of `tokenize` has no flag before it. Where it begins with `-` and cannot be a flag (`- first item`, `-5 °C`), it is
//! put behind `--`, which says that no flags follow.

use std::ffi::OsString;

/// What llama.cpp says, and what it is called here.
const SPELLINGS: [(&str, &str); 2] = [("-ctk", "--cache-type-k"), ("-ctv", "--cache-type-v")];

/// The same arguments as clap understands them. What follows `--` is left alone: it is no flag.
pub(super) fn spell_out(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let end_of_flags = args.iter().position(|arg| arg == "--");
    for arg in args.iter_mut().take(end_of_flags.unwrap_or(usize::MAX)) {
        if let Some((_, long)) = SPELLINGS.iter().find(|(short, _)| arg == short) {
            *arg = OsString::from(long);
        }
    }
    let takes_text = end_of_flags.is_none() && args.get(1).is_some_and(|command| command == "tokenize");
    let text = args.iter().position(|arg| is_text(&arg.to_string_lossy()));
    if let Some(at) = text.filter(|_| takes_text) {
        let text = args.remove(at);
        args.extend(["--".into(), text]);
    }
    args
}

/// Whether an argument that begins with `-` cannot be meant as a flag.
fn is_text(arg: &str) -> bool {
    let name = arg.trim_start_matches('-');
    let (name, is_flag): (&str, fn(char) -> bool) = match arg.len() - name.len() {
        0 => return false,
        1 => (name, |c| !c.is_whitespace()), // -m tiny, -mtiny
        2 => (name.split('=').next().unwrap_or(name), |c| c.is_ascii_alphanumeric() || c == '-'), // --model="my model"
        _ => return true,
    };
    let may_be_flag = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_flag);
    arg != "-" && !may_be_flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(args: &[&str]) -> Vec<String> {
        spell_out(args.iter().map(OsString::from)).into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn only_whole_words_before_the_end_of_flags_are_spelled_out() {
        let args = ["-c", "8", "-ctk", "q8_0", "-ctv", "f16", "-ctkx", "ctk"];
        let long = ["-c", "8", "--cache-type-k", "q8_0", "--cache-type-v", "f16", "-ctkx", "ctk"];
        assert_eq!(spelled(&args), long);
        assert_eq!(spelled(&["cutaway", "tokenize", "--", "-ctk"]), ["cutaway", "tokenize", "--", "-ctk"]);
        assert_eq!(spelled(&[]), [""; 0]);
    }

    #[test]
    fn text_that_cannot_be_a_flag_goes_behind_the_flags() {
        for text in ["- first item", "-5 degrees", "-5", "--- x", "----", "-m x", "--no bos", "-é", "-- "] {
            let expected = ["cutaway", "tokenize", "--ids", "--", text];
            assert_eq!(spelled(&["cutaway", "tokenize", text, "--ids"]), expected, "{text}");
        }
        for flag in ["-m", "-mtiny", "--ids", "--idz", "--model=my model.gguf", "-", "hello"] {
            let same = ["cutaway", "tokenize", flag, "x"];
            assert_eq!(spelled(&same), same, "{flag}");
        }
        let other = ["cutaway", "generate", "-p", "- first item"];
        assert_eq!(spelled(&other), other, "it has a flag, and stays behind it");
    }
}
