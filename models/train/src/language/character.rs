//! A character: everything that is true of one of the people and animals of the language.

use super::Split;
use super::random::Random;
use super::template::Facts;
use super::words;

/// Who a character is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whom it is about.
    Hero,
    /// Who comes along.
    Friend,
    /// Either: what is told is no story.
    Anybody,
}

/// A character. What a text says of one agrees with this record.
#[derive(Clone, Debug)]
pub struct Character {
    /// Mia.
    pub name: &'static str,
    /// Is the character "she" (or else "he")?
    pub she: bool,
    /// An animal.
    pub kind: &'static str,
    /// What the character is like: brave.
    pub nature: &'static str,
    /// Years.
    pub age: usize,
    /// Comes after "in the": old mill.
    pub home: &'static str,
    /// Where the home is: by the river.
    pub neighbourhood: &'static str,
    /// Two or three things in the plural.
    pub likes: Vec<&'static str>,
}

impl Character {
    /// One who may play this part.
    pub fn new(part: Part, random: &mut Random) -> Self {
        let she = random.chance(50);
        let names = match part {
            Part::Hero => words::HEROES,
            Part::Friend => words::FRIENDS,
            Part::Anybody => random.pick(&[words::HEROES, words::FRIENDS]),
        };
        Self {
            name: random.pick(names[usize::from(!she)]),
            she,
            kind: random.pick(words::ANIMALS),
            nature: random.pick(words::TRAITS),
            age: random.between(3, 12),
            home: random.pick(words::HOMES),
            neighbourhood: random.pick(words::NEIGHBOURHOODS),
            likes: {
                let n = random.between(2, 3);
                random.sample(words::LIKES, n)
            },
        }
    }

    /// A friend who cannot be taken for `hero`: of another name, kind, nature and home.
    pub fn beside(hero: &Self, random: &mut Random) -> Self {
        loop {
            let it = Self::new(Part::Friend, random);
            if it.name != hero.name && it.kind != hero.kind && it.home != hero.home && it.nature != hero.nature {
                return it;
            }
        }
    }

    /// she or he.
    pub fn he(&self) -> &'static str {
        if self.she { "she" } else { "he" }
    }

    /// Makes the character known to templates as `role`.
    pub fn tell(&self, role: &str, facts: &mut Facts) {
        let [him, his, himself] = if self.she { ["her", "her", "herself"] } else { ["him", "his", "himself"] };
        facts.set(role, self.name);
        for (key, value) in [
            ("he", self.he()),
            ("him", him),
            ("his", his),
            ("himself", himself),
            ("kind", self.kind),
            ("trait", self.nature),
            ("home", self.home),
            ("where", self.neighbourhood),
            ("like.one", self.likes[0]),
            ("like.two", self.likes[1]),
        ] {
            facts.set(&format!("{role}.{key}"), value);
        }
        facts.set(&format!("{role}.age"), self.age.to_string());
        let likes = match self.likes[..] {
            [one, two, three] => format!("{one}, {two} and {three}"),
            _ => self.likes.join(" and "),
        };
        facts.set(&format!("{role}.likes"), likes);
    }
}

/// A random character whose combination belongs to this split, and its facts as the hero.
pub(super) fn character_of(split: Split, random: &mut Random) -> (Character, Facts) {
    loop {
        let it = Character::new(Part::Anybody, random);
        if split.admits(&[it.name, it.kind, it.home, it.likes[0]]) {
            let mut facts = Facts::default();
            it.tell("hero", &mut facts);
            return (it, facts);
        }
    }
}
