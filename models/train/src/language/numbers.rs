//! Counting, simple sums and lists.

use super::Split;
use super::chat::Chat;
use super::random::Random;
use super::records::admitted;
use super::template::Grammar;
use super::words;

/// Counting or a few sums, plain or as a chat.
pub fn document(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    match random.below(3) {
        0 => counting(split, grammar, random),
        1 => (0..random.between(3, 6)).map(|_| Sum::new(split, random).plain()).collect::<Vec<_>>().join("\n"),
        _ => {
            let mut chat = Chat::new(grammar, random);
            for _ in 0..random.between(1, 3) {
                let (question, answer, _) = Sum::new(split, random).asked(split, grammar, random);
                chat = chat.exchange(&question, &answer);
            }
            chat.text()
        }
    }
}

/// `left ± right`, nothing in it above 20.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    left: usize,
    right: usize,
    plus: bool,
}

impl Sum {
    /// A sum of `split`.
    pub fn new(split: Split, random: &mut Random) -> Self {
        loop {
            let plus = random.chance(60);
            let larger = random.between(0, 20);
            let smaller = random.between(0, larger);
            let left = if plus { larger - smaller } else { larger };
            if split.admits(&[words::NUMBERS[left], words::NUMBERS[smaller], if plus { "plus" } else { "minus" }]) {
                return Self { left, right: smaller, plus };
            }
        }
    }

    fn result(self) -> usize {
        if self.plus { self.left + self.right } else { self.left - self.right }
    }

    fn plain(self) -> String {
        let sign = if self.plus { '+' } else { '-' };
        format!("{} {sign} {} = {}", self.left, self.right, self.result())
    }

    /// Question, answer, and the number in the answer.
    pub fn asked(self, split: Split, grammar: &Grammar, random: &mut Random) -> (String, String, String) {
        let (_, mut facts) = admitted(split, random);
        let pool = if random.chance(50) { words::FRUITS } else { words::THINGS };
        let (one, many) = random.pick(pool);
        for (name, n) in [("left", self.left), ("right", self.right), ("result", self.result())] {
            facts.set(name, n.to_string());
            facts.set(&format!("{name}.word"), words::NUMBERS[n]);
            facts.set(&format!("{name}.things"), if n == 1 { one } else { many });
        }
        facts.set("things", many);
        let bare = self.right == 0 || self.result() == 0 || random.chance(50);
        let rule = match (bare, self.plus) {
            (true, true) => "sum.plus",
            (true, false) => "sum.minus",
            (false, true) => "sum.plus.told",
            (false, false) => "sum.minus.told",
        };
        let line = grammar.write(rule, &facts, random);
        let (question, answer) = line.split_once(" => ").unwrap_or((&line, ""));
        let key =
            if rule.ends_with("told") { words::NUMBERS[self.result()].to_owned() } else { self.result().to_string() };
        (question.to_owned(), answer.to_owned(), key)
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
    let (_, mut facts) = admitted(split, random);
    facts.set("from", name(numbers[0]));
    facts.set("to", name(numbers[numbers.len() - 1]));
    facts.set("row", row.clone());
    if random.chance(50) {
        return grammar.write("count.told", &facts, random);
    }
    Chat::new(grammar, random)
        .exchange(&grammar.write("count.ask", &facts, random), &grammar.write("count.row", &facts, random))
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
        ("names", [words::GIRLS, words::BOYS].concat()),
        ("toys and things", words::OBJECTS.to_vec()),
    ];
    let (topic, pool) = &topics[random.below(topics.len())];
    let items = loop {
        let items = random.sample(pool, n);
        if split.admits(&items[..3]) {
            break items;
        }
    };
    let (_, mut facts) = admitted(split, random);
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
            ("list.line", grammar.write("count.row", &facts, random))
        }
    };
    let request = grammar.write(request, &facts, random);
    if random.chance(40) {
        return format!("{}\n{answer}", grammar.write("list.title", &facts, random));
    }
    Chat::new(grammar, random).exchange(&request, &answer).text()
}
