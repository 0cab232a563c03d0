//! llama.cpp's short flags of several letters, `-ctk` and the like.
//!
//! Here, as almost everywhere, a single dash begins single letters: `-ctk` would be `-c tk`. So that commands can be
//! carried over from llama.cpp, these few words are spelled out before anything else reads them.

use std::ffi::OsString;

/// What llama.cpp says, and what it is called here.
const SPELLINGS: [(&str, &str); 2] = [("-ctk", "--cache-type-k"), ("-ctv", "--cache-type-v")];

/// The same arguments, these flags in their long form. What follows `--` is left alone: it is no flag.
pub fn spell_out(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut flags_are_over = false;
    args.into_iter().map(move |arg| {
        flags_are_over |= arg == "--";
        let long = SPELLINGS.iter().find(|(short, _)| !flags_are_over && arg == *short);
        long.map_or(arg, |(_, long)| OsString::from(long))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(args: &[&str]) -> Vec<String> {
        spell_out(args.iter().map(OsString::from)).map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn only_whole_words_before_the_end_of_flags_are_spelled_out() {
        let args = ["-c", "8", "-ctk", "q8_0", "-ctv", "f16", "-ctkx", "ctk"];
        let long = ["-c", "8", "--cache-type-k", "q8_0", "--cache-type-v", "f16", "-ctkx", "ctk"];
        assert_eq!(spelled(&args), long);
        assert_eq!(spelled(&["tokenize", "--", "-ctk"]), ["tokenize", "--", "-ctk"]);
    }
}
