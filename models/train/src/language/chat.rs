//! Conversations in the chat format, and questions about stories.
//!
//! ```text
//! <|im_start|>user
//! Tell me a story about Mia the fox.<|im_end|>
//! <|im_start|>assistant
//! Once upon a time, …<|im_end|>
//! ```

use super::Split;
use super::character::character_of;
use super::random::Random;
use super::story::Story;
use super::template::Grammar;

/// A conversation in the making.
#[derive(Clone, Debug, Default)]
pub struct Chat(String);

impl Chat {
    /// A conversation that begins, sometimes, with a system message.
    pub fn new(split: Split, grammar: &Grammar, random: &mut Random) -> Self {
        let chat = Self::default();
        if random.chance(20) {
            let (_, facts) = character_of(split, random);
            return chat.turn("system", &grammar.write("system", &facts, random));
        }
        chat
    }

    /// Adds a message.
    pub fn turn(mut self, role: &str, content: &str) -> Self {
        self.0.push_str(&format!("<|im_start|>{role}\n{content}<|im_end|>\n"));
        self
    }

    /// Adds a question of the user, and what the assistant says to it.
    pub fn exchange(self, question: &str, answer: &str) -> Self {
        self.turn("user", question).turn("assistant", answer)
    }

    /// The whole text.
    pub fn text(self) -> String {
        self.0
    }

    /// The text to be continued by the assistant.
    pub fn prompt(mut self) -> String {
        self.0.push_str("<|im_start|>assistant\n");
        self.0
    }
}

/// A story, then lines of `Question:` and `Answer:`.
pub fn plain_questions(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let story = Story::new(split, grammar, random);
    let mut text = story.text.clone();
    let n = random.between(2, 5);
    for it in story.questions(n, grammar, random) {
        text.push_str(&format!("\n\nQuestion: {}\nAnswer: {}", it.question, it.answer));
    }
    text
}

/// A story on request, or a question about a story, or both.
pub fn conversation(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let story = Story::new(split, grammar, random);
    let chat = Chat::new(split, grammar, random);
    if random.chance(50) {
        let request = if random.chance(90) { "request.story" } else { "request.short" };
        let mut chat = chat.exchange(&grammar.write(request, &story.facts, random), &story.text);
        let n = random.below(3);
        for it in story.questions(n, grammar, random) {
            chat = chat.exchange(&it.question, &it.answer);
        }
        return chat.text();
    }
    let n = random.between(1, 4);
    let mut chat = chat;
    for (i, it) in story.questions(n, grammar, random).into_iter().enumerate() {
        let question = if i == 0 { about(&story, &it.question, grammar, random) } else { it.question };
        chat = chat.exchange(&question, &it.answer);
    }
    chat.text()
}

/// A message that tells a story and asks about it.
pub fn about(story: &Story, question: &str, grammar: &Grammar, random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("{} {}\n{question}", grammar.write("request.read", &story.facts, random), story.text),
        1 => format!("{}\n{question}", story.text),
        _ => format!("{}\n\n{question}", story.text),
    }
}
