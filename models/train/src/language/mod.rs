//! The language: an endless, seeded corpus of English.
