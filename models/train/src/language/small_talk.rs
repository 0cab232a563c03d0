//! Conversations about small things: greetings, characters, what one likes, what to do.

use super::Split;
use super::character::Character;
use super::character::character_of;
use super::chat::Chat;
use super::random::Random;
use super::template::Grammar;
use super::words;

const TOPICS: [&str; 6] = ["talk.hello", "talk.meet", "talk.who", "talk.help", "talk.play", "talk.animal"];

/// A conversation of one to three exchanges.
pub fn conversation(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let (hero, mut facts) = character_of(split, random);
    Character::beside(&hero, random).tell("friend", &mut facts);
    facts.set("object", format!("{} {}", random.pick(words::LOOKS), random.pick(words::OBJECTS)));
    let (at, place) = random.pick(words::PLACES);
    facts.set("at", at);
    facts.set("place", format!("{} {place}", random.pick(words::PLACE_LOOKS)));
    facts.set("like.one", hero.likes[0]);
    facts.set("like.two", hero.likes[1]);
    let mut chat = Chat::new(split, grammar, random);
    let n = random.between(1, 3);
    for topic in random.sample(&TOPICS, n) {
        let line = grammar.write(topic, &facts, random);
        for exchange in line.split(" || ") {
            if let Some((question, answer)) = exchange.split_once(" => ") {
                chat = chat.exchange(question, answer);
            }
        }
    }
    if random.chance(40) {
        let line = grammar.write("talk.goodbye", &facts, random);
        if let Some((question, answer)) = line.split_once(" => ") {
            chat = chat.exchange(question, answer);
        }
    }
    chat.text()
}
