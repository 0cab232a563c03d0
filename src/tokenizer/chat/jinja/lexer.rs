//! The source of a template → tokens.
//!
//! A template is text with tags in it: `{{ … }}` prints, `{% … %}` is a statement, `{# … #}` a comment. Look first at
//! [`Lexer::run`]. White space around tags follows the settings of Hugging Face: `trim_blocks` (the line end behind a
//! statement goes) and `lstrip_blocks` (blanks between the start of a line and a statement go); `{%-` and `-%}` take away
//! all white space, `{%+` and `+%}` none.
//!
//! Not here: what stands inside a tag (`words`).
//!
//! Source: Jinja 3.1.6, `lexer.py`.

use super::error::{Fault, Run};
use super::words::{Kind, Token, is_space, word};

/// `source` with every line end as `\n` and without the last one.
pub(super) fn normalize(source: &str) -> String {
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// The tokens of a [normalized](normalize) source. The last one is [`Kind::End`].
pub(super) fn tokens(source: &str) -> Run<Vec<Token<'_>>> {
    let mut lexer = Lexer { source, at: 0, line_starts: true, tokens: Vec::new() };
    lexer.run()?;
    lexer.push(source.len(), Kind::End);
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    /// Did what was read last end with a line end?
    line_starts: bool,
    tokens: Vec<Token<'s>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Print,
    Statement,
    Comment,
}

impl<'s> Lexer<'s> {
    fn run(&mut self) -> Run<()> {
        while let Some((start, tag)) = self.next_tag() {
            let sign = self.source[start + 2..].chars().next().filter(|&c| c == '-' || c == '+');
            self.text(start, tag, sign);
            let inside = start + 2 + usize::from(sign.is_some());
            match tag {
                Tag::Comment => self.comment(start, inside)?,
                Tag::Statement if self.raw(start, inside)? => {}
                Tag::Statement => self.tag(start, inside, Kind::StatementStart, Kind::StatementEnd, "%}")?,
                Tag::Print => self.tag(start, inside, Kind::PrintStart, Kind::PrintEnd, "}}")?,
            }
        }
        self.push_data(self.at, self.source.len());
        Ok(())
    }

    fn push(&mut self, at: usize, kind: Kind<'s>) {
        self.tokens.push(Token { at: at as u32, kind });
    }

    fn push_data(&mut self, from: usize, to: usize) {
        if from < to {
            self.push(from, Kind::Data(&self.source[from..to]));
        }
    }

    /// Where the next tag begins, and what kind it is.
    fn next_tag(&self) -> Option<(usize, Tag)> {
        let mut from = self.at;
        while let Some(found) = self.source[from..].find('{') {
            let start = from + found;
            match self.source.as_bytes().get(start + 1) {
                Some(b'{') => return Some((start, Tag::Print)),
                Some(b'%') => return Some((start, Tag::Statement)),
                Some(b'#') => return Some((start, Tag::Comment)),
                _ => from = start + 1,
            }
        }
        None
    }

    /// The text before a tag, without the white space that the tag takes away.
    fn text(&mut self, tag_start: usize, tag: Tag, sign: Option<char>) {
        let text = &self.source[self.at..tag_start];
        let kept = match sign {
            Some('-') => text.trim_end_matches(is_space),
            None if tag != Tag::Print => {
                let line = text.rfind('\n').map_or(0, |at| at + 1);
                let only_blanks = !text[line..].is_empty() && text[line..].chars().all(is_space);
                if only_blanks && (line > 0 || self.line_starts) { &text[..line] } else { text }
            }
            _ => text,
        };
        self.push_data(self.at, self.at + kept.len());
    }

    /// Goes behind the end of a tag, which begins at `end` and has the sign before it and `trims` the line end after it.
    fn behind(&mut self, end: usize, sign: Option<u8>, trims: bool) {
        self.at = end + 2;
        let rest = &self.source[self.at..];
        match sign {
            Some(b'-') => self.at += rest.len() - rest.trim_start_matches(is_space).len(),
            None if trims && rest.starts_with('\n') => self.at += 1,
            _ => {}
        }
        self.line_starts = self.source[..self.at].ends_with('\n');
    }

    fn comment(&mut self, start: usize, inside: usize) -> Run<()> {
        let Some(end) = self.source[inside..].find("#}").map(|found| inside + found) else {
            return Err(Fault::syntax(start as u32, "the comment is not closed: expected '#}'"));
        };
        let sign = (end > inside).then(|| self.source.as_bytes()[end - 1]).filter(|&c| c == b'-' || c == b'+');
        self.behind(end, sign, true);
        Ok(())
    }

    /// `{% raw %}…{% endraw %}`: text in which nothing is a tag. `false` if the statement is another one.
    fn raw(&mut self, start: usize, inside: usize) -> Run<bool> {
        let Some((end, sign)) = self.lone_word(inside, "raw").filter(|&(_, sign)| sign != Some(b'+')) else {
            return Ok(false);
        };
        self.behind(end, sign, false);
        let mut from = self.at;
        while let Some(found) = self.source[from..].find("{%") {
            let tag = from + found;
            let sign = self.source[tag + 2..].chars().next().filter(|&c| c == '-' || c == '+');
            let inside = tag + 2 + usize::from(sign.is_some());
            if let Some((end, end_sign)) = self.lone_word(inside, "endraw") {
                self.text(tag, Tag::Statement, sign);
                self.behind(end, end_sign, true);
                return Ok(true);
            }
            from = tag + 2;
        }
        Err(Fault::syntax(start as u32, "'raw' is not closed: expected '{% endraw %}'"))
    }

    /// Is `word` all that stands in this statement? Then where its `%}` begins, and the sign before that.
    fn lone_word(&self, inside: usize, word: &str) -> Option<(usize, Option<u8>)> {
        let rest = self.source[inside..].trim_start_matches(is_space).strip_prefix(word)?.trim_start_matches(is_space);
        let sign = rest.bytes().next().filter(|&c| c == b'-' || c == b'+');
        let end = self.source.len() - rest.len() + usize::from(sign.is_some());
        self.source[end..].starts_with("%}").then_some((end, sign))
    }

    /// The words of a tag up to its end, which counts only outside of brackets.
    fn tag(&mut self, start: usize, inside: usize, open: Kind<'s>, close: Kind<'s>, end: &str) -> Run<()> {
        self.push(start, open);
        let mut brackets = Vec::new();
        let mut at = inside;
        loop {
            let rest = &self.source[at..];
            let skipped = rest.len() - rest.trim_start_matches(is_space).len();
            at += skipped;
            let rest = &rest[skipped..];
            if brackets.is_empty() {
                let sign = rest.bytes().next().filter(|&c| c == b'-' || (c == b'+' && end == "%}"));
                let from = usize::from(sign.is_some());
                let sign_belongs = rest[from..].starts_with(end);
                if sign_belongs || rest.starts_with(end) {
                    let sign = sign.filter(|_| sign_belongs);
                    let from = if sign_belongs { from } else { 0 };
                    self.push(at, close);
                    self.behind(at + from, sign, end == "%}");
                    return Ok(());
                }
            }
            if rest.is_empty() {
                return Err(Fault::syntax(start as u32, format!("the tag is not closed: expected '{end}'")));
            }
            let (kind, len) = word(self.source, at)?;
            match kind {
                Kind::Sign(open @ ("(" | "[" | "{")) => brackets.push(open),
                Kind::Sign(close @ (")" | "]" | "}")) => {
                    let expected = brackets.pop().map(closing);
                    if expected != Some(close) {
                        let hint = expected.map_or(String::new(), |sign| format!(", expected '{sign}'"));
                        return Err(Fault::syntax(at as u32, format!("unexpected '{close}'{hint}")));
                    }
                }
                _ => {}
            }
            self.push(at, kind);
            at += len;
        }
    }
}

fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}
