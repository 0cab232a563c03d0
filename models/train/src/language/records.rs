//! JSON records of characters, things and places, and tool calls. A few schemas, always well-formed.

use super::Split;
use super::character::{Character, Part, character_of};
use super::chat::Chat;
use super::random::Random;
use super::story::{Plot, Story};
use super::template::{Facts, Grammar};
use super::words;

/// A request for a record, and the record.
#[derive(Clone, Debug)]
pub struct Record {
    /// What comes before it.
    pub chat: Chat,
    /// What the user asks for.
    pub request: String,
    /// The JSON.
    pub json: String,
    /// Does the request say all that the JSON does, or has the assistant to make something up?
    pub determined: bool,
}

impl Record {
    /// Request and answer.
    pub fn conversation(self) -> String {
        self.chat.exchange(&self.request, &self.json).text()
    }

    /// The request, to be answered.
    pub fn prompt(self) -> String {
        self.chat.turn("user", &self.request).prompt()
    }
}

/// `["plums", "songs"]`
fn array(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(", "))
}

/// Everything about a character.
pub fn character_json(it: &Character) -> String {
    format!(
        r#"{{"name": "{}", "age": {}, "animal": "{}", "home": "{}", "likes": {}}}"#,
        it.name,
        it.age,
        it.kind,
        it.home,
        array(&it.likes)
    )
}

/// A record of one of the schemas.
pub fn record(split: Split, grammar: &Grammar, random: &mut Random) -> Record {
    let chat = Chat::new(split, grammar, random);
    let determined = random.chance(90);
    let (request, json) = match random.below(10) {
        _ if !determined => character("record.free", split, grammar, random),
        0..5 => character("record.told", split, grammar, random),
        5..7 => thing(split, grammar, random),
        7..8 => place(split, grammar, random),
        _ => summary(split, grammar, random),
    };
    Record { chat, request, json, determined }
}

fn character(rule: &str, split: Split, grammar: &Grammar, random: &mut Random) -> (String, String) {
    let (it, facts) = character_of(split, random);
    (grammar.write(rule, &facts, random), character_json(&it))
}

fn thing(split: Split, grammar: &Grammar, random: &mut Random) -> (String, String) {
    loop {
        let owner = Character::new(Part::Anybody, random);
        let (object, colour) = (random.pick(words::OBJECTS), random.pick(words::COLOURS));
        let size = random.pick(&["small", "big", "tiny"]);
        if !split.admits(&[owner.name, object, colour]) {
            continue;
        }
        let mut facts = Facts::default();
        owner.tell("hero", &mut facts);
        facts.set("object", object);
        facts.set("colour", colour);
        facts.set("size", size);
        let json =
            format!(r#"{{"object": "{object}", "colour": "{colour}", "size": "{size}", "owner": "{}"}}"#, owner.name);
        return (grammar.write("record.thing", &facts, random), json);
    }
}

fn place(split: Split, grammar: &Grammar, random: &mut Random) -> (String, String) {
    loop {
        let (one, weather) =
            (Character::new(Part::Anybody, random), random.pick(&["sunny", "windy", "rainy", "cloudy", "cold"]));
        let two = Character::beside(&one, random);
        let (_, place) = random.pick(words::PLACES);
        if !split.admits(&[one.name, place, weather]) {
            continue;
        }
        let open = random.chance(50);
        let mut facts = Facts::default();
        one.tell("hero", &mut facts);
        two.tell("friend", &mut facts);
        facts.set("place", place);
        facts.set("weather", weather);
        facts.set("open", if open { "open" } else { "closed" });
        let visitors = array(&[one.name, two.name]);
        let json = format!(r#"{{"place": "{place}", "weather": "{weather}", "open": {open}, "visitors": {visitors}}}"#);
        return (grammar.write("record.place", &facts, random), json);
    }
}

fn summary(split: Split, grammar: &Grammar, random: &mut Random) -> (String, String) {
    loop {
        let story = Story::new(split, grammar, random);
        let Some(place) = story.facts.get("place.noun") else { continue };
        let mut json = format!(
            r#"{{"hero": "{}", "animal": "{}", "friend": "{}", "place": "{place}""#,
            story.hero.name, story.hero.kind, story.friend.name
        );
        if matches!(story.plot, Plot::Find | Plot::Fetch | Plot::Gift | Plot::Brave) {
            json.push_str(&format!(r#", "object": "{}""#, story.facts.get("object").unwrap_or_default()));
        }
        json.push('}');
        return (format!("{} {}", grammar.write("record.story", &story.facts, random), story.text), json);
    }
}

/// What the assistant may call: some of the tools, in any order, `needed` among them.
fn tools(needed: &str, random: &mut Random) -> String {
    const TOOLS: [&str; 4] = ["find(object)", "give(from, to, object)", "count(name, things)", "weather(place)"];
    loop {
        let n = random.between(2, 4);
        let tools = random.sample(&TOOLS, n);
        if tools.iter().any(|tool| tool.starts_with(needed)) {
            return format!("Tools: {}", tools.join(", "));
        }
    }
}

/// A request that is answered by calling a tool; sometimes the tool's answer, and the assistant's.
pub fn tool_call(split: Split, grammar: &Grammar, random: &mut Random) -> String {
    let (hero, mut facts) = character_of(split, random);
    let friend = Character::beside(&hero, random);
    friend.tell("friend", &mut facts);
    let object = format!("{} {}", random.pick(words::COLOURS), random.pick(words::OBJECTS));
    let (at, noun) = random.pick(words::PLACES);
    let place = format!("{} {noun}", random.pick(words::PLACE_LOOKS));
    let (_, things) = random.pick(words::FRUITS);
    let number = random.between(2, 20);
    let weather = random.pick(&["sunny", "windy", "rainy", "cloudy", "cold"]);
    facts.set("object", object.as_str());
    facts.set("at", at);
    facts.set("place", place.as_str());
    facts.set("things", things);
    facts.set("n", words::NUMBERS[number]);
    facts.set("weather", weather);
    let (name, friend) = (hero.name, friend.name);
    let (tool, arguments, result) = match random.below(4) {
        0 => ("find", format!(r#"{{"object": "{object}"}}"#), format!(r#"{{"place": "{place}"}}"#)),
        1 => (
            "give",
            format!(r#"{{"from": "{name}", "to": "{friend}", "object": "{object}"}}"#),
            r#"{"done": true}"#.to_owned(),
        ),
        2 => ("count", format!(r#"{{"name": "{name}", "things": "{things}"}}"#), format!(r#"{{"number": {number}}}"#)),
        _ => ("weather", format!(r#"{{"place": "{place}"}}"#), format!(r#"{{"weather": "{weather}"}}"#)),
    };
    let call = format!(r#"{{"tool": "{tool}", "arguments": {arguments}}}"#);
    let chat = Chat::default()
        .turn("system", &tools(tool, random))
        .exchange(&grammar.write(&format!("tool.{tool}"), &facts, random), &call);
    if random.chance(40) {
        return chat.text();
    }
    chat.turn("tool", &result).turn("assistant", &grammar.write(&format!("tool.{tool}.told"), &facts, random)).text()
}
