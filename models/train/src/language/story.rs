//! Stories: goal, obstacle, help, end. The plot is decided first, as facts; then it is told.
//!
//! Look first at [`Story::new`]. Because everything that happens is drawn before the first sentence is written, no
//! sentence can contradict another, and what may be asked about a story ([`Story::question`]) has a known answer.

use super::Split;
use super::character::{Character, Part};
use super::random::Random;
use super::template::{Facts, Grammar};
use super::words;

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// Something was lost.
    Find,
    /// Something is far away.
    Fetch,
    /// Something is for somebody else.
    Gift,
    /// The friend lacks something.
    Help,
    /// There is enough for two.
    Share,
    /// The friend can do something.
    Learn,
    /// The place is frightening.
    Brave,
    /// Two make something together.
    Work,
}

/// A story that has been told, and what is true in it.
#[derive(Clone, Debug)]
pub struct Story {
    /// Whom it is about.
    pub hero: Character,
    /// Who helps, or is helped.
    pub friend: Character,
    /// Its kind.
    pub plot: Plot,
    /// All facts.
    pub facts: Facts,
    /// The text: sentences separated by spaces.
    pub text: String,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who helped Mia?
    pub question: String,
    /// Tom helped Mia.
    pub answer: String,
    /// What a right answer contains: Tom.
    pub key: String,
}

const PLOTS: [Plot; 10] = [
    Plot::Find,
    Plot::Find,
    Plot::Fetch,
    Plot::Fetch,
    Plot::Gift,
    Plot::Help,
    Plot::Share,
    Plot::Learn,
    Plot::Brave,
    Plot::Work,
];

impl Story {
    /// A story of `split`.
    pub fn new(split: Split, grammar: &Grammar, random: &mut Random) -> Self {
        loop {
            let hero = Character::new(Part::Hero, random);
            let plot = random.pick(&PLOTS);
            let facts = facts(&hero, plot, random);
            let fact = |name| facts.get(name).unwrap_or_default();
            if hero.home.ends_with(fact("place.noun")) {
                continue; // who lives in the old mill does not set out for the lonely mill
            }
            if split.admits(&[hero.name, fact("place.noun"), fact("thing"), &format!("{plot:?}")]) {
                return Self::told(hero, plot, facts, grammar, random);
            }
        }
    }

    fn told(hero: Character, plot: Plot, mut facts: Facts, grammar: &Grammar, random: &mut Random) -> Self {
        let friend = Character::beside(&hero, random);
        hero.tell("hero", &mut facts);
        friend.tell("friend", &mut facts);
        facts.set("like.one", hero.likes[0]);
        facts.set("like.two", hero.likes[1]);
        let obstacle = facts.get("obstacle").unwrap_or_default().to_owned();
        let event = |name: &str| format!("{obstacle}.{name}");
        let rule = |prefix: &str, name: &str| format!("{prefix}.{name}");

        // (a rule, in how many of 100 stories it is told)
        let outline: Vec<(String, usize)> = match plot {
            Plot::Find | Plot::Fetch | Plot::Gift => {
                let prefix = ["find", "fetch", "gift"][plot as usize];
                vec![
                    (rule(prefix, "goal"), 100),
                    (rule(prefix, "why"), 60),
                    (rule(prefix, "go"), 100),
                    ("road".into(), 30),
                    (event("block"), 100),
                    ("stuck".into(), 50),
                    ("meets".into(), 100),
                    ("asks".into(), 50),
                    ("lends".into(), 100),
                    (event("solve"), 100),
                    (rule(prefix, "got"), 100),
                    ("thanks".into(), 50),
                ]
            }
            Plot::Help => vec![
                ("help.start".into(), 100),
                ("help.meet".into(), 100),
                (event("trouble"), 100),
                ("help.ask".into(), 60),
                ("help.give".into(), 100),
                (event("helped"), 100),
                ("help.thanks".into(), 90),
            ],
            Plot::Share => vec![
                ("share.start".into(), 100),
                ("road".into(), 30),
                ("share.meet".into(), 100),
                ("share.give".into(), 100),
                ("share.eat".into(), 80),
            ],
            Plot::Learn => vec![
                ("learn.goal".into(), 100),
                ("learn.try".into(), 80),
                ("meets".into(), 100),
                ("learn.offer".into(), 100),
                ("learn.practice".into(), 80),
                ("learn.done".into(), 100),
                ("thanks".into(), 60),
            ],
            Plot::Brave => vec![
                ("brave.fear".into(), 100),
                ("brave.goal".into(), 100),
                ("meets".into(), 100),
                ("brave.offer".into(), 100),
                ("brave.go".into(), 100),
                ("brave.got".into(), 100),
                ("thanks".into(), 60),
            ],
            Plot::Work => vec![
                ("work.goal".into(), 100),
                ("work.lack".into(), 100),
                ("meets".into(), 100),
                ("work.offer".into(), 100),
                ("work.do".into(), 80),
                ("work.done".into(), 100),
                ("thanks".into(), 50),
            ],
        };
        let mut sentences = Vec::new();
        let opening = [("opening".to_owned(), 100), ("habit".to_owned(), 40)];
        let end = [("ending".to_owned(), 100)];
        for (rule, percent) in opening.iter().chain(&outline).chain(&end) {
            if random.chance(*percent) {
                let sentence = grammar.write(rule, &facts, random);
                if !sentence.is_empty() {
                    sentences.push(sentence);
                }
            }
        }
        Self { hero, friend, plot, facts, text: sentences.join(" ") }
    }

    /// A question about the story that it answers.
    pub fn question(&self, grammar: &Grammar, random: &mut Random) -> Question {
        let plots: &[&str] = match self.plot {
            Plot::Find => &["ask.friend", "ask.place", "ask.object.find", "ask.tool"],
            Plot::Fetch => &["ask.friend", "ask.place", "ask.object.fetch", "ask.tool"],
            Plot::Gift => &["ask.friend", "ask.place", "ask.object.gift", "ask.tool"],
            Plot::Help => &["ask.met", "ask.given", "ask.given"],
            Plot::Share => &["ask.met", "ask.share", "ask.share"],
            Plot::Learn => &["ask.friend", "ask.skill", "ask.skill"],
            Plot::Brave => &["ask.friend", "ask.fear", "ask.place"],
            Plot::Work => &["ask.friend", "ask.work", "ask.work"],
        };
        let mut rules = vec!["ask.hero", "ask.home"];
        rules.extend(plots);
        let rule = random.pick(&rules);
        let line = grammar.write(rule, &self.facts, random);
        let mut parts = line.split(" => ").map(str::to_owned);
        let [question, answer, key] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        Question { question, answer, key }
    }

    /// Up to `n` different questions.
    pub fn questions(&self, n: usize, grammar: &Grammar, random: &mut Random) -> Vec<Question> {
        let mut asked: Vec<Question> = Vec::new();
        for _ in 0..n {
            let it = self.question(grammar, random);
            if asked.iter().all(|before| before.answer != it.answer) {
                asked.push(it);
            }
        }
        asked
    }
}

/// What happens in a story with this hero: place, thing, relative, obstacle.
fn facts(hero: &Character, plot: Plot, random: &mut Random) -> Facts {
    let mut facts = Facts::default();
    let (mut at, mut place) = random.pick(words::PLACES);
    let mut thing = random.pick(words::OBJECTS);
    facts.set("object", format!("{} {thing}", random.pick(words::LOOKS)));
    let obstacle = match plot {
        Plot::Help => random.pick(words::TROUBLES),
        _ => random.pick(words::OBSTACLES),
    };
    facts.set("obstacle", obstacle.0);
    facts.set("tool", format!("{} {}", random.pick(words::TOOL_LOOKS), obstacle.1));
    match plot {
        Plot::Find | Plot::Fetch | Plot::Gift => {}
        Plot::Help => thing = obstacle.1,
        Plot::Share => {
            let (one, many) = random.pick(words::FRUITS);
            let all = random.between(3, 12);
            let given = random.between(1, all - 1);
            facts.set("fruits", many);
            for (name, n) in [("all", all), ("given", given), ("left", all - given)] {
                facts.set(&format!("n.{name}"), words::NUMBERS[n]);
                facts.set(&format!("fruits.{name}"), if n == 1 { one } else { many });
            }
            thing = many;
        }
        Plot::Learn => {
            let (skill, skilled) = random.pick(words::SKILLS);
            facts.set("skill", skill);
            facts.set("skilled", skilled);
            thing = skill;
        }
        Plot::Brave => {
            let (fear, there) = random.pick(words::FEARS);
            facts.set("fear", fear);
            (at, place) = *words::PLACES.iter().find(|(_, noun)| *noun == there).unwrap_or(&words::PLACES[0]);
        }
        Plot::Work => {
            let (work, one, two) = random.pick(words::WORKS);
            let (one, two) = if random.chance(50) { (one, two) } else { (two, one) };
            facts.set("work", work);
            facts.set("part.one", one);
            facts.set("part.two", two);
            facts.set("look", random.pick(words::COLOURS));
            thing = work;
        }
    }
    let place_name = format!("{} {place}", random.pick(words::PLACE_LOOKS));
    let deed = match plot {
        Plot::Learn | Plot::Brave => format!("the help {at} the {place_name}"),
        Plot::Work => format!("the {}", facts.get("part.two").unwrap_or_default()),
        _ => format!("the {}", facts.get("tool").unwrap_or_default()),
    };
    facts.set("deed", deed);
    facts.set("days", words::NUMBERS[random.between(2, 10)]);
    facts.set("thing", thing);
    facts.set("place.noun", place);
    facts.set("at", at);
    facts.set("at.the", format!("{at} the"));
    facts.set("place", place_name);
    let she = random.chance(50);
    facts.set("relative", random.pick(words::RELATIVES[usize::from(!she)]));
    facts.set("relative.he", if she { "she" } else { "he" });
    facts.set("relative.him", if she { "her" } else { "him" });
    facts.set(
        "trait",
        *words::TRAITS.iter().cycle().skip(random.below(99)).find(|&&it| it != hero.nature).unwrap_or(&""),
    );
    facts.set("spot", random.pick(words::SPOTS[usize::from(!words::INDOORS.contains(&place))]));
    let (weathers, season) = match obstacle.0 {
        "rain" | "wet" => (1, words::SEASONS[random.below(3)]),
        "snow" => (2, "winter"),
        _ => (0, random.pick(words::SEASONS)),
    };
    facts.set("weather", random.pick(words::WEATHERS[weathers]));
    facts.set("season", season);
    facts
}
