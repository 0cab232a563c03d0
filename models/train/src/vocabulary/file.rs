//! The vocabulary as a file: a piece a line, merged pieces first, then single characters. Specials, bytes and scores
//! follow from the order, so they are not written.

use super::{TokenType, Vocabulary};

impl Vocabulary {
    /// The text of `models/train/vocabulary.txt`.
    pub fn to_text(&self) -> String {
        let normal = self.pieces.iter().filter(|(_, _, kind)| *kind == TokenType::Normal);
        normal.map(|(text, _, _)| format!("{text}\n")).collect()
    }
}

/// Reads what [`Vocabulary::to_text`] writes.
pub(super) fn read(text: &str) -> Vocabulary {
    let (characters, merged): (Vec<&str>, Vec<&str>) = text.lines().partition(|piece| piece.chars().count() == 1);
    let merged: Vec<String> = merged.into_iter().map(str::to_owned).collect();
    let characters: Vec<char> = characters.into_iter().flat_map(str::chars).collect();
    Vocabulary::new(&merged, &characters)
}
