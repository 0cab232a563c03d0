//! Prompts to examine a model with. All of them come from the held-out split.

use super::chat::{Chat, about};
use super::numbers::Sum;
use super::random::Random;
use super::story::Story;
use super::{Split, grammar, records};

/// A prompt and what a right answer contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// Text with chat markers, to be continued.
    pub prompt: String,
    /// A word or two that a right answer contains.
    pub key: String,
}

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// 20 beginnings of stories.
    pub openings: Vec<String>,
    /// 30 requests that determine a JSON record; the key is the whole record.
    pub records: Vec<Examination>,
    /// 50 stories with a question.
    pub questions: Vec<Examination>,
    /// 30 sums.
    pub sums: Vec<Examination>,
}

/// The examination of a seed.
pub fn evaluation(seed: u64) -> Evaluation {
    let (grammar, random) = (&grammar(), &mut Random::new(seed));
    let split = Split::HeldOut;
    let openings = (0..20).map(|_| {
        let text = Story::new(split, grammar, random).text;
        let end = text.find('.').map_or(text.len(), |at| at + 1);
        text[..end].to_owned()
    });
    let openings = openings.collect();
    let records = (0..30).map(|_| {
        let record = loop {
            let record = records::record(split, grammar, random);
            if record.determined {
                break record;
            }
        };
        Examination { key: record.json.clone(), prompt: record.prompt() }
    });
    let records = records.collect();
    let questions = (0..50).map(|_| {
        let story = Story::new(split, grammar, random);
        let it = story.question(grammar, random);
        let prompt = Chat::default().turn("user", &about(&story, &it.question, grammar, random)).prompt();
        Examination { prompt, key: it.key }
    });
    let questions = questions.collect();
    let sums = (0..30).map(|_| {
        let told = Sum::worth_telling(random).told(split, grammar, random);
        Examination { prompt: Chat::default().turn("user", &told.question).prompt(), key: told.key }
    });
    Evaluation { openings, records, questions, sums: sums.collect() }
}
