//! [`Index`]: where each entry begins, in the order of the file and in the order of the names.
//!
//! Keys and tensors are both lists of named entries of different lengths. Sixteen bytes an entry are all that is
//! remembered about either; a name is looked up by bisection, and read where it stands.

use std::ops::Range;

/// Offsets of named entries. The functions take `name`, which reads the name of the entry at an offset.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Offsets in the order of the file.
    at: Vec<usize>,
    /// Numbers of entries (places in `at`), ordered by name.
    by_name: Vec<usize>,
}

impl Index {
    /// Indexes the entries at these offsets, or gives the number and
    /// offset of the first one whose name came before.
    pub(super) fn new<'a>(at: Vec<usize>, name: impl Fn(usize) -> &'a str) -> Result<Self, (usize, usize)> {
        let mut by_name: Vec<usize> = (0..at.len()).collect();
        by_name.sort_unstable_by(|&a, &b| name(at[a]).cmp(name(at[b])).then(a.cmp(&b)));
        let twins = by_name.windows(2).filter(|pair| name(at[pair[0]]) == name(at[pair[1]]));
        match twins.map(|pair| pair[1]).min() {
            Some(duplicate) => Err((duplicate, at[duplicate])),
            None => Ok(Self { at, by_name }),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    /// Offset of an entry by its number in the file.
    pub(super) fn at(&self, number: usize) -> usize {
        self.at[number]
    }

    /// Numbers of all entries, in the order of the file.
    pub(super) fn numbers(&self) -> Range<usize> {
        0..self.at.len()
    }

    /// Number of the entry with this name, or the place in `by_name` where it belongs.
    pub(super) fn find<'a>(&self, wanted: &str, name: impl Fn(usize) -> &'a str) -> Result<usize, usize> {
        let place = self.by_name.binary_search_by(|&number| name(self.at[number]).cmp(wanted))?;
        Ok(self.by_name[place])
    }

    /// Lets an entry begin elsewhere.
    pub(super) fn replace(&mut self, number: usize, at: usize) {
        self.at[number] = at;
    }

    /// Adds an entry at the end of the file, and at `place` in the order of names (from a failed `find`).
    pub(super) fn push(&mut self, place: usize, at: usize) {
        self.by_name.insert(place, self.at.len());
        self.at.push(at);
    }
}
