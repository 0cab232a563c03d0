//! Pre-tokenizers: cutting text into words before BPE merges inside them.
//!
//! A BPE vocabulary was trained on words, so merges must never cross the word borders it was trained with. Which
//! borders is written in `tokenizer.ggml.pre`, a name for one or more regular expressions. **Several patterns are
//! applied one after another, each to the pieces the previous one left**; what lies between two matches becomes a
//! piece as well, so no byte is ever lost. Look first at [`GPT2`] and [`LLAMA3`], then at [`KNOWN`], the names.
//!
//! The patterns run as hand-written scanners ([`scan`]). Beside each scanner is the regex that it implements; a property
//! test compares the two.
//!
//! Source: llama.cpp `llm_tokenizer_bpe` and `llama_vocab::impl::load` (`src/llama-vocab.cpp`).

mod deepseek;
mod scan;
mod unicode;

use super::TokenizerError;
use super::error::excerpt;
use super::steps;
use deepseek::{CJK, CJK_V3, LETTERS, PUNCTUATION};
use scan::{Scan, Word, Words, in_ranges, is_letter, is_number, run_or_step, spaced_run_or_step};
use unicode::{Class, class};

/// One pattern: what it means, and how it runs.
pub(super) struct Pattern {
    /// The meaning, as a regular expression of `fancy-regex`.
    #[cfg_attr(not(test), allow(dead_code))]
    regex: &'static str,
    scan: fn(&str) -> Scan,
}

type Patterns = &'static [Pattern];

const GPT2_PATTERN: Pattern =
    Pattern { regex: r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", scan: scan::gpt2 };
const GPT2: Patterns = &[GPT2_PATTERN];

const DIGIT: Pattern = Pattern { regex: r"\p{N}", scan: |text| scan::digit_group(text, 1) };
const DIGITS_3: Pattern = Pattern { regex: r"\p{N}{1,3}", scan: |text| scan::digit_group(text, 3) };
const DIGITS: Pattern = Pattern { regex: r"\p{N}+", scan: |text| run_or_step(text, is_number) };
const THREE_DIGITS: Pattern = Pattern { regex: r"[0-9][0-9][0-9]", scan: scan::three_ascii_digits };
const NEWLINE: Pattern = Pattern { regex: r"[\r\n]", scan: scan::one_newline };
const LINES: Pattern = Pattern { regex: r"[^\n]+|[\n]+", scan: scan::lines };

/// StarCoder and SmolLM: every digit on its own, then GPT-2.
const STARCODER: Patterns = &[DIGIT, GPT2_PATTERN];

const LLAMA3_WORDS: Words = Words { contractions: true, word: Word::Letters, digits: 3, slash_ends_symbols: false };
const LLAMA3: Patterns = &[Pattern {
    regex: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| scan::words(text, LLAMA3_WORDS),
}];

const QWEN2_PATTERN: Pattern = Pattern {
    regex: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| scan::words(text, Words { digits: 1, ..LLAMA3_WORDS }),
};
const QWEN2: Patterns = &[QWEN2_PATTERN];
const LAGUNA: Patterns = &[LINES, QWEN2_PATTERN];

const QWEN35: Patterns = &[Pattern {
    regex: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| scan::words(text, Words { digits: 1, word: Word::LettersAndMarks, ..LLAMA3_WORDS }),
}];

const UFAKZEKA: Patterns = &[Pattern {
    regex: r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| scan::words(text, Words { contractions: false, digits: 1, ..LLAMA3_WORDS }),
}];

const MINICPM5: Patterns = &[
    DIGITS_3,
    Pattern {
        regex: r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        scan: |text| scan::words(text, Words { digits: usize::MAX, ..LLAMA3_WORDS }),
    },
];

const TEKKEN: Patterns = &[Pattern {
    regex: r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| {
        let options = Words { contractions: false, word: Word::Cased, digits: 1, slash_ends_symbols: true };
        scan::words(text, options)
    },
}];

const GPT4O: Patterns = &[Pattern {
    regex: r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    scan: |text| {
        let word = Word::CasedWithContraction;
        scan::words(text, Words { contractions: false, word, digits: 3, slash_ends_symbols: true })
    },
}];

const FALCON: Patterns = &[
    Pattern {
        regex: r"[\p{P}\$\+<=>\^~\|`]+",
        scan: |text| run_or_step(text, |c| class(c) == Class::Punctuation || "$+<=>^~|`".contains(c)),
    },
    GPT2_PATTERN,
    THREE_DIGITS,
];

const DEFAULT: Patterns = &[
    Pattern {
        regex: r"[\p{P}\$\+<=>\^~\|]+",
        scan: |text| run_or_step(text, |c| class(c) == Class::Punctuation || "$+<=>^~|".contains(c)),
    },
    GPT2_PATTERN,
    DIGITS,
    THREE_DIGITS,
];

const DEEPSEEK_LLM: Patterns = &[
    NEWLINE,
    Pattern { regex: deepseek::LETTERS_REGEX, scan: |text| spaced_run_or_step(text, |c| in_ranges(c, LETTERS)) },
    Pattern {
        regex: r"\s?[!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}]+",
        scan: |text| spaced_run_or_step(text, |c| in_ranges(c, PUNCTUATION)),
    },
    Pattern { regex: r"\s+$", scan: scan::trailing_whitespace },
    CJK_PATTERN,
    DIGITS,
];
const CJK_PATTERN: Pattern = Pattern {
    regex: r"[\u{4E00}-\u{9FA5}\u{800}-\u{4E00}\u{AC00}-\u{D7FF}]+",
    scan: |text| run_or_step(text, |c| in_ranges(c, CJK)),
};

const DEEPSEEK_CODER: Patterns = &[
    NEWLINE,
    Pattern { regex: r"\s?\p{L}+", scan: |text| spaced_run_or_step(text, is_letter) },
    Pattern { regex: r"\s?\p{P}+", scan: |text| spaced_run_or_step(text, |c| class(c) == Class::Punctuation) },
    CJK_PATTERN,
    DIGIT,
];

const DEEPSEEK_V3: Patterns = &[
    DIGITS_3,
    Pattern {
        regex: r"[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+",
        scan: |text| run_or_step(text, |c| in_ranges(c, CJK_V3)),
    },
    Pattern {
        regex: r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
        scan: scan::deepseek_v3,
    },
];

const BLOOM_PATTERN: Pattern =
    Pattern { regex: r" ?[^(\s|.,!?\u{2026}\u{3002}\u{FF0C}\u{3001}\u{964}\u{6D4}\u{60C})]+", scan: scan::bloom };
const BLOOM: Patterns = &[BLOOM_PATTERN];
const VIKING: Patterns = &[BLOOM_PATTERN, DIGIT];
const SENTENCE_PIECES: Patterns = &[LINES];

/// How one family of BPE vocabularies cuts text, and the switches that llama.cpp sets by the same name.
pub(super) struct PreTokenizer {
    /// The values of `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    patterns: Patterns,
    /// A piece that is a token as a whole is taken without merging.
    pub(super) ignore_merges: bool,
    /// The default of `tokenizer.ggml.add_bos_token`.
    pub(super) add_bos: bool,
    /// Detokenising drops spaces before punctuation.
    pub(super) clean_spaces: bool,
    /// GLM has no beginning-of-sequence token unless the file names one.
    pub(super) no_bos: bool,
    /// Gemma 4 and Sarvam: spaces become ▁ and merges run on characters, not on GPT-2's byte alphabet.
    pub(super) sentence_pieces: bool,
    /// Gemma 4: BOS is added even if the file says otherwise; a run of newlines may be a token of its own.
    pub(super) gemma4: bool,
}

const PLAIN: PreTokenizer = PreTokenizer {
    names: &[],
    patterns: GPT2,
    ignore_merges: false,
    add_bos: false,
    clean_spaces: true,
    no_bos: false,
    sentence_pieces: false,
    gemma4: false,
};
/// Most newer vocabularies leave spaces alone when detokenising.
const EXACT: PreTokenizer = PreTokenizer { clean_spaces: false, ..PLAIN };

/// Every name this engine knows, with what llama.cpp does for it.
#[rustfmt::skip]
const KNOWN: &[PreTokenizer] = &[
    PreTokenizer { names: &["default"], patterns: DEFAULT, ..PLAIN },
    PreTokenizer { names: &["gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
        "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4"], patterns: GPT2, ..PLAIN },
    PreTokenizer { names: &["trillion", "granite-docling"], patterns: GPT2, ..EXACT },
    PreTokenizer { names: &["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano"], patterns: LLAMA3, ignore_merges: true, add_bos: true, ..PLAIN },
    PreTokenizer { names: &["dbrx", "smaug-bpe"], patterns: LLAMA3, ..PLAIN },
    PreTokenizer { names: &["chatglm-bpe"], patterns: LLAMA3, no_bos: true, ..PLAIN },
    PreTokenizer { names: &["glm4", "glm5"], patterns: LLAMA3, no_bos: true, ignore_merges: true, ..PLAIN },
    PreTokenizer { names: &["minicpm5"], patterns: MINICPM5, ignore_merges: true, ..PLAIN },
    PreTokenizer { names: &["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "hunyuan", "grok-2", "solar-open"], patterns: QWEN2,
        ..EXACT },
    PreTokenizer { names: &["stablelm2", "megrez"], patterns: QWEN2, ..PLAIN },
    PreTokenizer { names: &["qwen35"], patterns: QWEN35, ..EXACT },
    PreTokenizer { names: &["ufakzeka"], patterns: UFAKZEKA, ..EXACT },
    PreTokenizer { names: &["laguna"], patterns: LAGUNA, ..EXACT },
    PreTokenizer { names: &["smollm", "command-r"], patterns: STARCODER, ..EXACT },
    PreTokenizer { names: &["starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"], patterns: STARCODER, ..PLAIN },
    PreTokenizer { names: &["falcon"], patterns: FALCON, ..PLAIN },
    PreTokenizer { names: &["tekken"], patterns: TEKKEN, ignore_merges: true, add_bos: true, ..EXACT },
    PreTokenizer { names: &["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], patterns: GPT4O, ..EXACT },
    PreTokenizer { names: &["deepseek-llm"], patterns: DEEPSEEK_LLM, ..EXACT },
    PreTokenizer { names: &["deepseek-coder"], patterns: DEEPSEEK_CODER, ..EXACT },
    PreTokenizer { names: &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], patterns: DEEPSEEK_V3, ..EXACT },
    PreTokenizer { names: &["bloom", "gpt3-finnish"], patterns: BLOOM, ..PLAIN },
    PreTokenizer { names: &["poro-chat"], patterns: BLOOM, ..EXACT },
    PreTokenizer { names: &["viking"], patterns: VIKING, ..EXACT },
    PreTokenizer { names: &["gemma4", "granite-embed-multi-311m"], patterns: SENTENCE_PIECES, sentence_pieces: true, gemma4: true,
        ..PLAIN },
    PreTokenizer { names: &["sarvam-moe"], patterns: SENTENCE_PIECES, sentence_pieces: true, ..EXACT },
];

impl PreTokenizer {
    /// The pre-tokenizer that `tokenizer.ggml.pre` names.
    pub(super) fn named(name: &str) -> Result<&'static Self, TokenizerError> {
        KNOWN.iter().find(|pre| pre.names.contains(&name)).ok_or_else(|| TokenizerError::UnknownPreTokenizer {
            found: excerpt(name.as_bytes()),
            expected: KNOWN.iter().flat_map(|pre| pre.names).copied().collect::<Vec<_>>().join(", "),
        })
    }

    /// The lengths, in bytes, of the words of `text`, in order; they add up to the whole of it.
    pub(super) fn split(&self, text: &str) -> Vec<usize> {
        let mut pieces = vec![text.len()];
        for pattern in self.patterns {
            pieces = pattern.split(text, &pieces);
        }
        pieces
    }
}

impl Pattern {
    /// Cuts each of `pieces` into matches and what lies between them.
    fn split(&self, text: &str, pieces: &[usize]) -> Vec<usize> {
        let mut cut = Vec::with_capacity(pieces.len().max(text.len() / 5));
        let mut rest = text;
        for &len in pieces {
            let (mut piece, after) = rest.split_at(len);
            rest = after;
            let mut gap = 0;
            while gap < piece.len() {
                steps::add(1);
                match (self.scan)(&piece[gap..]) {
                    Ok(matched) => {
                        cut.extend((gap > 0).then_some(gap));
                        cut.push(matched);
                        piece = &piece[gap + matched..];
                        gap = 0;
                    }
                    Err(step) => gap += step,
                }
            }
            cut.extend((gap > 0).then_some(gap));
        }
        cut
    }
}

#[cfg(test)]
mod tests;
