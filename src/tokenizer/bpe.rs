//! Byte-pair encoding: ranked rules merge symbols inside each word.
//!
//! Look first at [`Bpe::word`]. At the beginning each byte of a word is a symbol (written as a character of the GPT-2
//! alphabet); the rule that was learned first is applied first. Rules are pairs of symbols, not of tokens: a rule may
//! make a symbol that is no token, so symbols outside the vocabulary get numbers behind the last token id.
//!
//! Gemma 4 and Sarvam run the same rules on characters, with ▁ for space and `<0xXX>` for what is left.
//!
//! Source: Sennrich et al. 2016; llama.cpp `llm_tokenizer_bpe_session` (`src/llama-vocab.cpp`).

use std::collections::HashMap;
use std::ops::Range;

use super::error::excerpt;
use super::merge::{Rule, UNKNOWN};
use super::pretokenize::PreTokenizer;
use super::sentence::{self, Places};
use super::trace::Reason;
use super::vocab::{Vocab, byte_token};
use super::words::Session;
use super::{TokenId, TokenizerError, bytes};

/// Rules and tables of one BPE vocabulary.
pub(super) struct Bpe {
    pre: &'static PreTokenizer,
    rules: HashMap<(u32, u32), Rule>,
    /// The symbol of each single byte in the GPT-2 alphabet.
    byte_symbols: [u32; 256],
    /// Symbols that are no tokens.
    extra: HashMap<String, u32>,
    /// Whole words that are tokens, by their bytes: only where the vocabulary asks for it.
    whole_words: HashMap<Vec<u8>, TokenId>,
    /// What is emitted for a byte of a symbol that is no token; `None` drops the byte.
    fallback: [Option<TokenId>; 256],
}

impl Bpe {
    /// Reads the rules. Errors: a rule that does not name two symbols. A rule that is no UTF-8 is passed over: its symbols
    /// never occur in a text.
    pub(super) fn new(vocab: &Vocab, pre: &'static PreTokenizer, merges: &[&[u8]]) -> Result<Self, TokenizerError> {
        let mut names = Names { vocab, extra: HashMap::new() };
        let mut rules = HashMap::with_capacity(merges.len());
        let mut joined = String::new();
        for (rank, merge) in merges.iter().enumerate() {
            // The separator is the first space that is not the first character: a symbol may be a space.
            let (left, right) = split_rule(merge)
                .ok_or_else(|| TokenizerError::MalformedMerge { index: rank, text: excerpt(merge) })?;
            let (Ok(left), Ok(right)) = (std::str::from_utf8(left), std::str::from_utf8(right)) else { continue };
            joined.clear();
            joined.push_str(left);
            joined.push_str(right);
            let rule = Rule { priority: rank as u32, id: names.symbol(&joined) };
            rules.entry((names.symbol(left), names.symbol(right))).or_insert(rule);
        }

        let mut byte_symbols = [UNKNOWN; 256];
        let mut fallback = [None; 256];
        for byte in 0..=255u8 {
            byte_symbols[byte as usize] = names.find(bytes::stand_in(byte).encode_utf8(&mut [0; 4])).unwrap_or(UNKNOWN);
            // llama.cpp looks bytes of the *written* symbol up, so only characters that stand for themselves are found.
            fallback[byte as usize] = match pre.sentence_pieces {
                true => vocab.id(&byte_token(byte)),
                false if byte.is_ascii_graphic() => vocab.id((byte as char).encode_utf8(&mut [0; 4])),
                false => None,
            };
        }
        let whole_words = match pre.ignore_merges {
            true => vocab.texts().filter_map(|(text, id)| Some((bytes::decode(text)?, id))).collect(),
            false => HashMap::new(),
        };
        Ok(Self { pre, rules, byte_symbols, extra: names.extra, whole_words, fallback })
    }

    /// Encodes a stretch of text that holds no special tokens.
    pub(super) fn encode(&self, vocab: &Vocab, session: &mut Session<'_>, span: Range<usize>) {
        let mut start = span.start;
        for len in self.pre.split(&session.source[span]) {
            session.word(start..start + len, |session, span| match self.pre.sentence_pieces {
                true => self.characters(vocab, session, span),
                false => self.word(vocab, session, span),
            });
            start += len;
        }
    }

    /// One word, byte by byte.
    fn word(&self, vocab: &Vocab, session: &mut Session<'_>, span: Range<usize>) {
        let word = &session.source.as_bytes()[span.clone()];
        if let Some(&id) = self.whole_words.get(word) {
            return session.out.push(id, span);
        }
        let Session { merger, out, .. } = session;
        merger.clear();
        for &byte in word {
            merger.push(1, self.byte_symbols[byte as usize]);
        }
        out.begin_word(&span, || word.iter().map(|&byte| bytes::stand_in(byte)).collect());
        merger.run(
            |left, right| self.rules.get(&(left.id, right.id)).copied(),
            |merge| out.note(merge, || Reason::Rank(merge.rule.priority)),
        );
        for symbol in merger.symbols() {
            let place = span.start + symbol.start()..span.start + symbol.end();
            if vocab.token(symbol.id).is_some() {
                out.push(symbol.id, place);
                continue;
            }
            for at in place {
                if let Some(id) = self.fallback[session.source.as_bytes()[at] as usize] {
                    out.push(id, at..at + 1);
                }
            }
        }
    }

    /// One line, character by character, with ▁ for space.
    fn characters(&self, vocab: &Vocab, session: &mut Session<'_>, span: Range<usize>) {
        let line = sentence::escape(&session.source[span.clone()], false);
        if self.pre.gemma4
            && line.starts_with('\n')
            && let Some(id) = vocab.id(&line)
        {
            return session.out.push(id, span);
        }
        let Session { merger, out, source, .. } = session;
        merger.clear();
        for (at, c) in line.char_indices() {
            let text = &line[at..at + c.len_utf8()];
            let id = vocab.id(text).or_else(|| self.extra.get(text).copied());
            merger.push(text.len(), id.unwrap_or(UNKNOWN));
        }
        out.begin_word(&span, || line.clone());
        merger.run(
            |left, right| self.rules.get(&(left.id, right.id)).copied(),
            |merge| out.note(merge, || Reason::Rank(merge.rule.priority)),
        );
        let mut places = Places::new(&source[span.clone()], span.start, false);
        for symbol in merger.symbols() {
            if vocab.token(symbol.id).is_some() {
                let place = places.next(symbol.len());
                out.push(symbol.id, place);
                continue;
            }
            for byte in line[symbol.start()..symbol.end()].bytes() {
                let place = places.next(1);
                if let Some(id) = self.fallback[byte as usize] {
                    out.push(id, place);
                }
            }
        }
    }
}

/// The two symbols of a rule: they are separated by the first space behind the first byte.
fn split_rule(merge: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = merge.iter().skip(1).position(|&byte| byte == b' ')? + 1;
    Some((&merge[..space], &merge[space + 1..]))
}

/// Numbers for symbols: the token id where there is one, else a number behind the last.
struct Names<'a> {
    vocab: &'a Vocab,
    extra: HashMap<String, u32>,
}

impl Names<'_> {
    fn find(&self, text: &str) -> Option<u32> {
        self.vocab.id(text).or_else(|| self.extra.get(text).copied())
    }

    fn symbol(&mut self, text: &str) -> u32 {
        self.find(text).unwrap_or_else(|| {
            let id = (self.vocab.tokens().len() + self.extra.len()) as u32;
            self.extra.insert(text.to_owned(), id);
            id
        })
    }
}
