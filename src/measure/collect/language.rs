//! Bytes and tokens of the same sentence in several languages: article 1 of the Universal Declaration of Human Rights
//! (United Nations, 1948; free of rights), and a few lines of a program.

use super::{CollectError, Done, Run};
use crate::measure::record::schema::{Record, TokenizerRecord};
use crate::tokenizer::EncodeOptions;

/// The text alone, without BOS.
const PLAIN: EncodeOptions = EncodeOptions { add_bos: false, add_eos: false, parse_special: false };

const TEXTS: [(&str, &str); 10] = [
    (
        "English",
        "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
    ),
    (
        "German",
        "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geiste der Brüderlichkeit begegnen.",
    ),
    (
        "French",
        "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de fraternité.",
    ),
    (
        "Spanish",
        "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
    ),
    (
        "Russian",
        "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    ),
    (
        "Arabic",
        "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميرًا وعليهم أن يعامل بعضهم بعضًا بروح الإخاء.",
    ),
    (
        "Hindi",
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
    ),
    ("Chinese", "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"),
    (
        "Japanese",
        "すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    ),
    (
        "Rust",
        "fn main() {\n    let words = [\"free\", \"equal\"];\n    for (i, word) in words.iter().enumerate() {\n        println!(\"{i}: {word}\");\n    }\n}\n",
    ),
];

pub(super) fn texts(run: &mut Run<'_>) -> Done {
    for (name, text) in TEXTS {
        let tokens = run.tokenizer.encode(text, PLAIN).len();
        let record = TokenizerRecord { text: name.to_owned(), bytes: text.len(), tokens };
        run.record(Record::Tokenizer(record))?;
    }
    Ok::<_, CollectError>(true)
}
