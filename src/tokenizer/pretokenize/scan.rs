//! The patterns of the pre-tokenizers, written out as scanners: one function for each alternative of a regex.
//!
//! A scanner looks at the start of a text and says where its match ends. The regex that each one stands for is
//! written beside it; `pretokenize` keeps the whole regex next to the scanner, and a property test holds the two
//! against each other. Written out they are several times faster than a backtracking engine, and they show what
//! the patterns mean: [`gpt2`] and [`words`] are the two to read.
//!
//! Whitespace beyond ASCII counts as `\s` and as nothing else (llama.cpp folds it to a vertical tab).
//!
//! Source: llama.cpp `src/unicode.cpp` (`unicode_regex_split_custom_*`, and `unicode_regex_split_stl` for the
//! patterns it leaves to `std::regex`).

use super::steps;
use super::unicode::{Class, class};

/// `Ok(n)`: the pattern matches the first `n` bytes. `Err(n)`: no match begins in the first `n` bytes.
pub(super) type Scan = Result<usize, usize>;

/// The length of the longest prefix of characters that satisfy `is`.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    let n = text.find(|c| !is(c)).unwrap_or(text.len());
    steps::add(n);
    n
}

/// `[…]+`, or a step of one character.
pub(super) fn run_or_step(text: &str, is: impl Fn(char) -> bool) -> Scan {
    match run(text, is) {
        0 => Err(first_len(text)),
        n => Ok(n),
    }
}

/// `\s?[…]+`, or a step of one character.
pub(super) fn spaced_run_or_step(text: &str, is: impl Fn(char) -> bool) -> Scan {
    let space = text.chars().next().filter(|&c| is_space(c)).map_or(0, char::len_utf8);
    match run(&text[space..], is) {
        0 => Err(first_len(text)),
        n => Ok(space + n),
    }
}

/// Bytes of the first character.
pub(super) fn first_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// ` ?[…]+`
fn after_space(text: &str, is: impl Fn(char) -> bool) -> Option<usize> {
    let space = usize::from(text.starts_with(' '));
    match run(&text[space..], is) {
        0 => None,
        n => Some(space + n),
    }
}

pub(super) fn is_letter(c: char) -> bool {
    class(c) == Class::Letter
}

pub(super) fn is_number(c: char) -> bool {
    class(c) == Class::Number
}

fn is_space(c: char) -> bool {
    class(c) == Class::Space
}

fn is_newline(c: char) -> bool {
    matches!(c, '\r' | '\n')
}

/// `[^\s\p{L}\p{N}]`
fn is_other(c: char) -> bool {
    !matches!(class(c), Class::Space | Class::Letter | Class::Number)
}

/// `'s|'t|'re|'ve|'m|'ll|'d`, where `fold` says whether capitals count too.
fn contraction(text: &str, fold: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'\'') {
        return None;
    }
    let letter = |i: usize| bytes.get(i).map(|b| if fold { b.to_ascii_lowercase() } else { *b });
    match (letter(1)?, letter(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(2),
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) => Some(3),
        _ => None,
    }
}

/// `\p{N}{1,max}`
fn digits(text: &str, max: usize) -> Option<usize> {
    let n = text.chars().take(max).take_while(|&c| is_number(c)).map(char::len_utf8).sum();
    (n > 0).then_some(n)
}

/// `\s+(?!\S)|\s+`: whitespace, but the last one is left to the word that follows.
fn whitespace(text: &str) -> Option<usize> {
    let n = run(text, is_space);
    let last = text[..n].chars().next_back()?.len_utf8();
    Some(if n < text.len() && n > last { n - last } else { n })
}

/// `\s*[\r\n]+`: whitespace up to the last line break in it.
fn line_breaks(text: &str) -> Option<usize> {
    let n = run(text, is_space);
    text[..n].rfind(is_newline).map(|last| last + 1)
}

/// GPT-2: words and numbers with the space before them, everything else in runs.
///
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)` (and the whitespace left over).
pub(super) fn gpt2(text: &str) -> Scan {
    contraction(text, false)
        .or_else(|| after_space(text, is_letter))
        .or_else(|| after_space(text, is_number))
        .or_else(|| after_space(text, is_other))
        .or_else(|| whitespace(text))
        .ok_or(first_len(text))
}

/// What distinguishes the descendants of GPT-4's pattern: see [`words`].
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// `(?i:'s|'t|…)` as pieces of their own, before anything else.
    pub(super) contractions: bool,
    /// How a word is recognised after its optional first character `[^\r\n\p{L}\p{N}]?`.
    pub(super) word: Word,
    /// `\p{N}{1,digits}`
    pub(super) digits: usize,
    /// The characters that may follow a run of symbols: `[\r\n]*`, or `[\r\n/]*` with the slash.
    pub(super) slash_ends_symbols: bool,
}

/// The shape of a word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// `\p{L}+`
    Letters,
    /// `[\p{L}\p{M}]+`; symbols then exclude marks.
    LettersAndMarks,
    /// `U*L+|U+L*`: a capital ends a word that has small letters (`HelloWorld` is two).
    Cased,
    /// The same, with a contraction taken along: `(?i:'s|'t|…)?`.
    CasedWithContraction,
}

/// GPT-4 and its many descendants (llama 3, qwen, tekken, GPT-4o):
///
/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
pub(super) fn words(text: &str, options: Words) -> Scan {
    let contraction = if options.contractions { contraction(text, true) } else { None };
    contraction
        .or_else(|| word(text, options.word))
        .or_else(|| digits(text, options.digits))
        .or_else(|| symbols(text, options))
        .or_else(|| line_breaks(text))
        .or_else(|| whitespace(text))
        .ok_or(first_len(text))
}

/// `[^\r\n\p{L}\p{N}]?` and a word.
fn word(text: &str, shape: Word) -> Option<usize> {
    let first = text.chars().next()?;
    let lead = match class(first) {
        Class::Letter => 0,
        Class::Number => return None,
        _ if is_newline(first) => return None,
        _ => first.len_utf8(),
    };
    match shape {
        Word::Letters => nonzero(run(&text[lead..], is_letter)).map(|n| lead + n),
        Word::LettersAndMarks => {
            let is = |c| matches!(class(c), Class::Letter | Class::Mark);
            match run(&text[lead..], is) {
                // The optional first character gives way: a lone mark is a word too.
                0 => nonzero(run(text, is)),
                n => Some(lead + n),
            }
        }
        Word::Cased => cased(&text[lead..]).map(|n| lead + n),
        Word::CasedWithContraction => {
            let end = lead + cased(&text[lead..])?;
            Some(end + contraction(&text[end..], true).unwrap_or(0))
        }
    }
}

/// `U*L+|U+L*`, where U is any letter but a–z and L any letter but A–Z: a letter beyond ASCII is both.
fn cased(text: &str) -> Option<usize> {
    let upper = run(text, |c| is_letter(c) && !c.is_ascii_lowercase());
    let lower = run(&text[upper..], |c| is_letter(c) && !c.is_ascii_uppercase());
    if lower > 0 {
        return Some(upper + lower);
    }
    // U* gives letters back until L+ has one: the last letter that is both.
    let both = text[..upper].char_indices().rev().find(|(_, c)| !c.is_ascii());
    both.map(|(at, c)| at + c.len_utf8()).or(nonzero(upper))
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n]*`
fn symbols(text: &str, options: Words) -> Option<usize> {
    let marks = options.word != Word::LettersAndMarks;
    let n = after_space(text, |c| is_other(c) && (marks || class(c) != Class::Mark))?;
    Some(n + run(&text[n..], |c| is_newline(c) || (options.slash_ends_symbols && c == '/')))
}

fn nonzero(n: usize) -> Option<usize> {
    (n > 0).then_some(n)
}

/// DeepSeek V3, the last of its three patterns:
///
/// ``[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|``
/// `\s*[\r\n]+|\s+(?!\S)|\s+`
pub(super) fn deepseek_v3(text: &str) -> Scan {
    let punctuated = || {
        text.starts_with(|c: char| c.is_ascii_punctuation())
            .then(|| run(&text[1..], |c| c.is_ascii_alphabetic()))
            .and_then(nonzero)
            .map(|n| 1 + n)
    };
    let word = || {
        let first = text.chars().next()?;
        let is = |c| matches!(class(c), Class::Letter | Class::Mark);
        let may_lead =
            !is_newline(first) && !matches!(class(first), Class::Letter | Class::Punctuation | Class::Symbol);
        let lead = if may_lead { first.len_utf8() } else { 0 };
        match run(&text[lead..], is) {
            0 => nonzero(run(text, is)),
            n => Some(lead + n),
        }
    };
    let symbols = || {
        let n = after_space(text, |c| matches!(class(c), Class::Punctuation | Class::Symbol))?;
        Some(n + run(&text[n..], is_newline))
    };
    punctuated()
        .or_else(word)
        .or_else(symbols)
        .or_else(|| line_breaks(text))
        .or_else(|| whitespace(text))
        .ok_or(first_len(text))
}

/// `\p{N}{1,max}`, or a step.
pub(super) fn digit_group(text: &str, max: usize) -> Scan {
    digits(text, max).ok_or(first_len(text))
}

/// `[0-9][0-9][0-9]`
pub(super) fn three_ascii_digits(text: &str) -> Scan {
    match text.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => Ok(3),
        _ => Err(first_len(text)),
    }
}

/// `[\r\n]`
pub(super) fn one_newline(text: &str) -> Scan {
    if text.starts_with(is_newline) { Ok(1) } else { Err(first_len(text)) }
}

/// `\s+$`
pub(super) fn trailing_whitespace(text: &str) -> Scan {
    match run(text, is_space) {
        0 => Err(first_len(text)),
        n if n == text.len() => Ok(n),
        n => Err(n),
    }
}

/// ` ?[^(\s|.,!?…。，、।۔،)]+`
pub(super) fn bloom(text: &str) -> Scan {
    after_space(text, |c| !is_space(c) && !"(|.,!?\u{2026}\u{3002}\u{FF0C}\u{3001}\u{964}\u{6D4}\u{60C})".contains(c))
        .ok_or(first_len(text))
}

/// `[^\n]+|[\n]+`
pub(super) fn lines(text: &str) -> Scan {
    let newline = text.starts_with('\n');
    Ok(run(text, |c| (c == '\n') == newline))
}

/// `c` lies in one of `ranges`, and is not whitespace (which is folded before the pattern sees it).
pub(super) fn in_ranges(c: char, ranges: &[(char, char)]) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= ranges[after - 1].1 && !is_space(c)
}
