//! The language: an endless, seeded corpus of English, written by a probabilistic grammar of our own.
//!
//! | what | file |
//! |---|---|
//! | how a sentence is written from a rule | [`template`], and the rules in `grammar/*.txt` |
//! | who there is, and what there is | [`character`], [`words`] |
//! | stories, whose facts agree, and questions about them | **[`story`]** |
//! | conversations | [`chat`], [`records`] (JSON and tool calls), [`small_talk`] |
//! | counting, sums, lists | [`numbers`] |
//! | prompts with known answers, to examine a model | [`evaluation`] |
//! | how often a sentence comes again | [`statistics`] |
//!
//! Look first at [`Corpus`], then run `cargo run --release -p cutaway-train -- corpus`.
//!
//! Special tokens stand in the text as `<|im_start|>` and `<|im_end|>`: encode it with `parse_special`. A document
//! is surrounded by BOS and EOS, which are not in its text.

pub mod character;
pub mod chat;
pub mod evaluation;
pub mod numbers;
pub mod random;
pub mod records;
pub mod small_talk;
pub mod statistics;
pub mod story;
pub mod template;
pub mod words;

use random::{Random, scramble};
use story::Story;
use template::Grammar;

/// Texts to learn from, and texts to be examined with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// 19 of 20 combinations.
    Train,
    /// The others, which no training text contains.
    HeldOut,
}

impl Split {
    /// Does this combination (who, where, what, why) belong to this split? It depends on nothing but the words.
    pub fn admits(self, combination: &[&str]) -> bool {
        // FNV-1a, then scrambled: the low bits of FNV alone are no good.
        let bytes = combination.iter().flat_map(|word| word.bytes().chain([0]));
        let hash = bytes.fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        scramble(hash).is_multiple_of(20) == (self == Self::HeldOut)
    }
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A short story.
    Story,
    /// A story, then questions and answers.
    Questions,
    /// A story asked for in a chat, or questions about one.
    Chat,
    /// JSON records.
    Record,
    /// Tool calls.
    Tool,
    /// Conversations between a user and an assistant about small things.
    SmallTalk,
    /// Counting and sums.
    Numbers,
    /// Lists.
    List,
}

/// One text. BOS and EOS are not in it; chat markers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: String,
}

/// The corpus: an endless iterator of documents, the same for the same seed on every platform.
#[derive(Debug)]
pub struct Corpus {
    split: Split,
    random: Random,
    grammar: Grammar,
}

/// How often each kind is drawn.
const MIXTURE: &[(Kind, usize)] = &[
    (Kind::Story, 29),
    (Kind::Questions, 15),
    (Kind::Chat, 15),
    (Kind::Record, 15),
    (Kind::Tool, 5),
    (Kind::SmallTalk, 6),
    (Kind::Numbers, 12),
    (Kind::List, 3),
];

impl Corpus {
    /// The corpus of a seed.
    pub fn new(seed: u64, split: Split) -> Self {
        Self { split, random: Random::new(seed), grammar: grammar() }
    }

    /// A document of a kind.
    pub fn document(&mut self, kind: Kind) -> Document {
        let (split, grammar, random) = (self.split, &self.grammar, &mut self.random);
        let text = match kind {
            Kind::Story => Story::new(split, grammar, random).text,
            Kind::Questions => chat::plain_questions(split, grammar, random),
            Kind::Chat => chat::conversation(split, grammar, random),
            Kind::Record => records::record(split, grammar, random).conversation(),
            Kind::Tool => records::tool_call(split, grammar, random),
            Kind::SmallTalk => small_talk::conversation(split, grammar, random),
            Kind::Numbers => numbers::document(split, grammar, random),
            Kind::List => numbers::list(split, grammar, random),
        };
        Document { kind, text }
    }
}

impl Iterator for Corpus {
    type Item = Document;

    fn next(&mut self) -> Option<Document> {
        let mut ticket = self.random.below(MIXTURE.iter().map(|(_, weight)| weight).sum());
        let kind = MIXTURE.iter().find(|(_, weight)| {
            let drawn = ticket < *weight;
            ticket = ticket.saturating_sub(*weight);
            drawn
        });
        kind.map(|&(kind, _)| self.document(kind))
    }
}

/// The rules of the language.
pub fn grammar() -> Grammar {
    Grammar::new(&[
        include_str!("grammar/common.txt"),
        include_str!("grammar/quests.txt"),
        include_str!("grammar/kindness.txt"),
        include_str!("grammar/questions.txt"),
        include_str!("grammar/talk.txt"),
    ])
}
