//! The words that stories are about. Who and what is drawn from here; how it is said stands in `grammar/`.

/// Names of heroes: "she" first, then "he".
///
/// In stories, heroes and friends are called differently, so that a name tells the part that its bearer plays: where a
/// friend comes in, a model need not know which name is taken. Records and conversations are about anybody.
pub const HEROES: [&[&str]; 2] = [
    &["Mia", "Anna", "Lily", "Rosa", "Nina", "Emma", "Ruby", "Lucy", "Molly", "Alice"],
    &["Tom", "Ben", "Max", "Leo", "Jack", "Oscar", "Paul", "Fred", "Milo", "Tim"],
];

/// Names of friends, none of them a hero's.
pub const FRIENDS: [&[&str]; 2] = [
    &["Ella", "Clara", "Wendy", "Greta", "Flora", "Hazel", "Kate", "Olga", "Sophie", "Vera"],
    &["Otto", "Peter", "Bruno", "Ned", "Felix", "Henry", "Rufus", "Karl", "Simon", "Jacob"],
];

/// What a character can be.
pub const ANIMALS: &[&str] = &[
    "fox", "bear", "rabbit", "mouse", "hedgehog", "frog", "duck", "cat", "dog", "goat", "owl", "squirrel", "beaver",
    "pony", "turtle", "otter",
];

/// What a character is like.
pub const TRAITS: &[&str] = &[
    "young", "kind", "brave", "clever", "shy", "quiet", "cheerful", "curious", "gentle", "merry", "friendly", "patient",
];

/// Where characters live: all come after "in the".
pub const HOMES: &[&str] = &[
    "old mill",
    "red barn",
    "hollow tree",
    "little cottage",
    "stone house",
    "round hut",
    "tall tower",
    "green wagon",
    "small cabin",
    "yellow house",
    "white castle",
    "wooden house",
    "cosy burrow",
    "old inn",
    "blue tent",
    "brick house",
];

/// Where a home stands.
pub const NEIGHBOURHOODS: &[&str] = &[
    "by the river",
    "near the forest",
    "on the hill",
    "by the sea",
    "at the edge of the village",
    "behind the garden",
    "near the bridge",
    "by the lake",
    "under the big oak",
    "in the valley",
    "by the road",
    "near the market",
];

/// Places to go to, with the preposition for being there.
pub const PLACES: &[(&str, &str)] = &[
    ("in", "forest"),
    ("on", "hill"),
    ("by", "lake"),
    ("at", "market"),
    ("in", "meadow"),
    ("on", "beach"),
    ("in", "cave"),
    ("in", "garden"),
    ("on", "island"),
    ("at", "bridge"),
    ("by", "well"),
    ("in", "orchard"),
    ("in", "barn"),
    ("on", "mountain"),
    ("by", "river"),
    ("in", "village"),
    ("at", "mill"),
    ("in", "castle"),
    ("in", "library"),
    ("at", "bakery"),
    ("at", "harbour"),
    ("in", "field"),
    ("in", "tower"),
    ("by", "pond"),
    ("in", "valley"),
    ("in", "park"),
    ("at", "school"),
    ("in", "cellar"),
];

/// Places with walls.
pub const INDOORS: &[&str] = &["cave", "barn", "mill", "castle", "library", "bakery", "tower", "school", "cellar"];

/// Where a thing lies indoors, and out of doors.
pub const SPOTS: [&[&str]; 2] = [
    &["in a corner", "behind the door", "under a table", "in an old chest", "on the stairs", "behind a basket"],
    &["under a bush", "behind a big stone", "in the grass", "next to a tree", "under the leaves", "between two rocks"],
];

/// Seasons.
pub const SEASONS: &[&str] = &["spring", "summer", "autumn", "winter"];

/// Weather for any season, for rain, and for snow.
pub const WEATHERS: [&[&str]; 3] = [
    &["sunny", "windy", "cloudy", "bright", "grey", "quiet", "misty", "fine"],
    &["rainy", "cloudy", "grey", "dark"],
    &["cold", "grey", "white", "quiet"],
];

/// What a place is like. Any of these fits any place.
///
/// What a place, a thing ([`LOOKS`]) and a helpful thing ([`TOOL_LOOKS`]) can be like are different words: as with names,
/// the word tells what is spoken of.
pub const PLACE_LOOKS: &[&str] = &[
    "lonely",
    "strange",
    "famous",
    "silent",
    "hidden",
    "peaceful",
    "beautiful",
    "empty",
    "great",
    "noisy",
    "pleasant",
    "secret",
];

/// Things that are wanted, lost, found and given.
pub const OBJECTS: &[&str] = &[
    "kite", "ball", "drum", "book", "hat", "scarf", "bell", "basket", "ring", "whistle", "coin", "blanket", "button",
    "shell", "feather", "ribbon", "cup", "spoon", "crown", "doll", "puzzle", "marble", "box", "clock", "teapot",
    "brush", "mitten", "mirror", "letter", "stone", "pearl", "violin", "wagon", "pillow", "jar", "balloon", "bucket",
    "bracelet", "candle", "cloak",
];

/// What a thing is like. Any of these fits any thing.
pub const LOOKS: &[&str] = &[
    "red", "blue", "green", "yellow", "white", "golden", "silver", "purple", "orange", "pink", "old", "new", "tiny",
    "big", "pretty", "shiny", "lovely",
];

/// Colours alone.
pub const COLOURS: &[&str] =
    &["red", "blue", "green", "yellow", "white", "golden", "silver", "purple", "orange", "pink"];

/// What stands in the way, and the tool that helps. The grammar has `NAME.block`, `NAME.try` and `NAME.solve`.
pub const OBSTACLES: &[(&str, &str)] = &[
    ("river", "boat"),
    ("wall", "ladder"),
    ("dark", "lamp"),
    ("rain", "umbrella"),
    ("gate", "key"),
    ("path", "map"),
    ("snow", "sledge"),
    ("mud", "pair of boots"),
    ("cliff", "rope"),
    ("thorns", "pair of gloves"),
    ("ditch", "plank"),
    ("dragon", "flute"),
    ("giant", "pie"),
];

/// What a helpful thing is like.
pub const TOOL_LOOKS: &[&str] =
    &["good", "fine", "special", "handy", "strong", "light", "small", "perfect", "large", "plain"];

/// Things to eat that can be counted: one and many.
pub const FRUITS: &[(&str, &str)] = &[
    ("apple", "apples"),
    ("plum", "plums"),
    ("pear", "pears"),
    ("cherry", "cherries"),
    ("nut", "nuts"),
    ("carrot", "carrots"),
    ("cake", "cakes"),
    ("cookie", "cookies"),
    ("berry", "berries"),
    ("bun", "buns"),
    ("potato", "potatoes"),
    ("peach", "peaches"),
    ("egg", "eggs"),
    ("orange", "oranges"),
];

/// Things to count that are not eaten: one and many.
pub const THINGS: &[(&str, &str)] = &[
    ("star", "stars"),
    ("stone", "stones"),
    ("shell", "shells"),
    ("button", "buttons"),
    ("bird", "birds"),
    ("flower", "flowers"),
    ("boat", "boats"),
    ("book", "books"),
    ("leaf", "leaves"),
    ("coin", "coins"),
    ("sheep", "sheep"),
    ("feather", "feathers"),
];

/// What characters like.
pub const LIKES: &[&str] = &[
    "trees", "stories", "stars", "apples", "plums", "honey", "flowers", "books", "kites", "drums", "snow", "rain",
    "boats", "riddles", "games", "nuts", "berries", "cakes", "shells", "clouds", "birds", "bells", "maps", "hats",
];

/// Relatives: "she" first, then "he".
pub const RELATIVES: [&[&str]; 2] =
    [&["mother", "sister", "grandmother", "aunt", "teacher"], &["father", "brother", "grandfather", "uncle", "cousin"]];

/// What can be learnt: the skill, and what was done in the end.
pub const SKILLS: &[(&str, &str)] = &[
    ("swim", "swam"),
    ("sing", "sang"),
    ("dance", "danced"),
    ("whistle", "whistled"),
    ("read", "read"),
    ("paint", "painted"),
    ("bake", "baked"),
    ("skate", "skated"),
    ("climb", "climbed"),
    ("juggle", "juggled"),
    ("row", "rowed"),
    ("knit", "knitted"),
];

/// What a sad character lacks (the grammar has `NAME.trouble` and `NAME.helped`), and the thing that helps.
pub const TROUBLES: &[(&str, &str)] = &[
    ("cold", "blanket"),
    ("hungry", "loaf of bread"),
    ("thirsty", "bottle of water"),
    ("lost", "map"),
    ("broken", "hammer"),
    ("wet", "umbrella"),
    ("stuck", "rope"),
    ("sad", "song book"),
    ("hurt", "bandage"),
    ("dark", "lamp"),
    ("tired", "cart"),
    ("bored", "ball"),
];

/// What characters fear, and the place for it.
pub const FEARS: &[(&str, &str)] = &[
    ("the dark", "cave"),
    ("deep water", "lake"),
    ("thunder", "tower"),
    ("the wind", "mountain"),
    ("owls", "forest"),
    ("ghosts", "castle"),
    ("high bridges", "bridge"),
    ("big waves", "beach"),
    ("loud noises", "mill"),
    ("spiders", "cellar"),
];

/// What two characters make together: the work, and the two things it needs.
pub const WORKS: &[(&str, &str, &str)] = &[
    ("kite", "paper", "string"),
    ("cake", "flour", "honey"),
    ("boat", "wood", "cloth"),
    ("soup", "carrots", "salt"),
    ("swing", "rope", "wood"),
    ("scarf", "wool", "needles"),
    ("puppet", "cloth", "buttons"),
    ("bird house", "wood", "nails"),
    ("lantern", "paper", "wire"),
    ("crown", "flowers", "ribbon"),
    ("drum", "tin", "leather"),
    ("picture", "paper", "paint"),
];

/// Numbers in words.
pub const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
