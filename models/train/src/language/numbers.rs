//! Counting, simple sums and lists.

use super::Split;
use super::character::Character;
use super::character::character_of;
use super::chat::Chat;
use super::random::Random;
use super::template::{Facts, Grammar};
use super::words;

/// Counting or a few sums, plain or as a chat.
pub fn document(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    match random.below(8) {
        0 => counting(split, grammar, random),
        1..5 => (0..random.between(10, 20)).map(|_| Sum::new(random).plain()).collect::<Vec<_>>().join("\n"),
        _ => {
            let mut chat = Chat::new(split, grammar, random);
            for _ in 0..random.between(2, 4) {
                let sum = Sum::new(random);
                let (question, answer) = if sum.is_trivial() || random.chance(20) {
                    sum.asked(grammar, random)
                } else {
                    let told = sum.told(split, grammar, random);
                    (told.question, told.answer)
                };
                chat = chat.exchange(&question, &answer);
            }
            chat.text()
        }
    }
}

/// `left ± right`: the sums of two numbers below ten, and their inversions.
///
/// Every sum is in every split, as the bare fact that it is: no rule would tell a model what it has not seen. What is held
/// out is its use, on these things of this hero.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    left: usize,
    right: usize,
    plus: bool,
}

/// A sum with who and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Mia has 3 plums and gets 4 more from Otto. How many …?
    pub question: String,
    /// Since 3 + 4 = 7, Mia has 7 plums.
    pub answer: String,
    /// What a right answer contains: 7 plums.
    pub key: String,
}

impl Sum {
    /// Any sum.
    pub fn new(random: &mut Random) -> Self {
        let lowest = usize::from(random.chance(80)); // little can be learned from zeros
        let (one, other) = (random.between(lowest, 9), random.between(lowest, 9));
        if random.chance(50) {
            Self { left: one, right: other, plus: true }
        } else {
            Self { left: one + other, right: other, plus: false }
        }
    }

    /// A sum that something can be told about.
    pub fn worth_telling(random: &mut Random) -> Self {
        loop {
            let sum = Self::new(random);
            if !sum.is_trivial() {
                return sum;
            }
        }
    }

    fn result(self) -> usize {
        if self.plus { self.left + self.right } else { self.left - self.right }
    }

    /// Is there a zero in it?
    fn is_trivial(self) -> bool {
        self.left == 0 || self.right == 0 || self.result() == 0
    }

    fn plain(self) -> String {
        let sign = if self.plus { '+' } else { '-' };
        format!("{} {sign} {} = {}", self.left, self.right, self.result())
    }

    /// The bare fact: question and answer.
    fn asked(self, grammar: &Grammar, random: &mut Random) -> (String, String) {
        let mut facts = Facts::default();
        self.tell(&mut facts);
        let line = grammar.write(if self.plus { "sum.plus" } else { "sum.minus" }, &facts, random);
        let (question, answer) = line.split_once(" => ").unwrap_or((&line, ""));
        (question.to_owned(), answer.to_owned())
    }

    /// The fact put to use, as `split` may see it.
    pub fn told(self, split: Split, grammar: &Grammar, random: &mut Random) -> Told {
        let [left, right] = [words::NUMBERS[self.left], words::NUMBERS[self.right]];
        let sign = if self.plus { "plus" } else { "minus" };
        let (mut facts, one, many) = loop {
            let (hero, mut facts) = character_of(split, random);
            let pool = if random.chance(50) { words::FRUITS } else { words::THINGS };
            let (one, many) = random.pick(pool);
            if split.admits(&[hero.name, many, left, sign, right]) {
                Character::beside(&hero, random).tell("friend", &mut facts);
                break (facts, one, many);
            }
        };
        let (at, place) = random.pick(words::PLACES);
        facts.set("at", at);
        facts.set("place", format!("{} {place}", random.pick(words::PLACE_LOOKS)));
        self.tell(&mut facts);
        facts.set("things", many);
        let things = |n| if n == 1 { one } else { many };
        facts.set("left.things", things(self.left));
        facts.set("result.things", things(self.result()));
        let line = grammar.write(if self.plus { "sum.plus.told" } else { "sum.minus.told" }, &facts, random);
        let (question, answer) = line.split_once(" => ").unwrap_or((&line, ""));
        Told {
            question: question.to_owned(),
            answer: answer.to_owned(),
            key: format!("{} {}", self.result(), things(self.result())),
        }
    }

    /// Makes the numbers known to templates.
    fn tell(self, facts: &mut Facts) {
        for (name, n) in [("left", self.left), ("right", self.right), ("result", self.result())] {
            facts.set(name, n.to_string());
        }
    }
}

fn counting(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let (from, to, word) = loop {
        let from = random.between(1, 12);
        let to = from + random.between(3, 8);
        let word = random.chance(50);
        if split.admits(&["count", words::NUMBERS[from], words::NUMBERS[to], if word { "words" } else { "digits" }]) {
            break (from, to, word);
        }
    };
    let down = random.chance(25);
    let name = |n: usize| if word { words::NUMBERS[n].to_owned() } else { n.to_string() };
    let mut numbers: Vec<usize> = (from..=to).collect();
    if down {
        numbers.reverse();
    }
    let row = numbers.iter().map(|&n| name(n)).collect::<Vec<_>>().join(", ");
    let (_, mut facts) = character_of(split, random);
    facts.set("from", name(numbers[0]));
    facts.set("to", name(numbers[numbers.len() - 1]));
    facts.set("row", row.clone());
    if random.chance(50) {
        return grammar.write("count.told", &facts, random);
    }
    Chat::new(split, grammar, random)
        .exchange(&grammar.write("count.ask", &facts, random), &grammar.write("count.answer", &facts, random))
        .text()
}

/// A list on request: as lines, or as a sentence.
pub fn list(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let n = random.between(3, 5);
    let one = |pool: &[(&'static str, &'static str)]| pool.iter().map(|(_, many)| *many).collect::<Vec<_>>();
    let topics: [(&str, Vec<&str>); 7] = [
        ("animals", words::ANIMALS.to_vec()),
        ("colours", words::COLOURS.to_vec()),
        ("places", words::PLACES.iter().map(|(_, noun)| *noun).collect()),
        ("things to eat", one(words::FRUITS)),
        ("things to count", one(words::THINGS)),
        ("names", [words::HEROES, words::FRIENDS].concat().concat()),
        ("toys and things", words::OBJECTS.to_vec()),
    ];
    let (topic, pool) = &topics[random.below(topics.len())];
    let items = loop {
        let items = random.sample(pool, n);
        if split.admits(&items[..3]) {
            break items;
        }
    };
    let (_, mut facts) = character_of(split, random);
    facts.set("topic", *topic);
    facts.set("n", words::NUMBERS[n]);
    let (request, answer) = match random.below(3) {
        0 => ("list.lines", items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n")),
        1 => (
            "list.numbers",
            items.iter().enumerate().map(|(i, item)| format!("{}. {item}", i + 1)).collect::<Vec<_>>().join("\n"),
        ),
        _ => {
            facts.set("row", format!("{} and {}", items[..n - 1].join(", "), items[n - 1]));
            ("list.line", grammar.write("list.row", &facts, random))
        }
    };
    let request = grammar.write(request, &facts, random);
    if random.chance(40) {
        return format!("{}\n{answer}", grammar.write("list.title", &facts, random));
    }
    Chat::new(split, grammar, random).exchange(&request, &answer).text()
}
