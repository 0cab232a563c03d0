//! Metadata by key *and type*: what the modules above ask for.
//!
//! Each getter comes twice: `u32(key)` is `Ok(None)` where the key is absent, `require_u32(key)` is an error then.
//! A key of another type is an error in both. They are as strict as llama.cpp: no number is converted.

use std::borrow::Cow;

use super::encode::Number;
use super::{Array, GgufError, Metadata, Value, ValueType};
use crate::escape::Quoted;

macro_rules! scalar_getters {
    ($($get:ident $require:ident $rust:ty, $variant:ident);* $(;)?) => {
        impl Metadata {$(
            #[doc = concat!("The value of a key of type `", stringify!($rust), "`, if the key is there.")]
            pub fn $get(&self, key: &str) -> Result<Option<$rust>, GgufError> {
                match self.get(key) {
                    None => Ok(None),
                    Some(Value::$variant(x)) => Ok(Some(x)),
                    Some(other) => Err(wrong_type(key, ValueType::$variant.name().to_owned(), other)),
                }
            }

            #[doc = concat!("The value of a key of type `", stringify!($rust), "` that must be there.")]
            pub fn $require(&self, key: &str) -> Result<$rust, GgufError> {
                self.$get(key)?.ok_or_else(|| missing(key, ValueType::$variant.name()))
            }
        )*}
    };
}

scalar_getters! {
    u8 require_u8 u8, U8;
    i8 require_i8 i8, I8;
    u16 require_u16 u16, U16;
    i16 require_i16 i16, I16;
    u32 require_u32 u32, U32;
    i32 require_i32 i32, I32;
    u64 require_u64 u64, U64;
    i64 require_i64 i64, I64;
    f32 require_f32 f32, F32;
    f64 require_f64 f64, F64;
    bool require_bool bool, Bool;
}

macro_rules! array_getters {
    ($($get:ident $require:ident $rust:ty);* $(;)?) => {
        impl Metadata {$(
            #[doc = concat!("The elements of a key that is an array of `", stringify!($rust), "`, if it is there.")]
            pub fn $get(&self, key: &str) -> Result<Option<Vec<$rust>>, GgufError> {
                self.numbers(key)
            }

            #[doc = concat!("The elements of a key that must be there, an array of `", stringify!($rust), "`.")]
            pub fn $require(&self, key: &str) -> Result<Vec<$rust>, GgufError> {
                self.$get(key)?.ok_or_else(|| missing(key, concat!("arr[", stringify!($rust), "]")))
            }
        )*}
    };
}

array_getters! {
    u32s require_u32s u32;
    i32s require_i32s i32;
    f32s require_f32s f32;
    bools require_bools bool;
}

impl Metadata {
    /// The text of a key, if it is there. An error where it is not UTF-8: for text that is compared with other text. For
    /// text that is only shown see [`text`](Self::text).
    pub fn str(&self, key: &str) -> Result<Option<&str>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Str(bytes)) => text(key, None, bytes).map(Some),
            Some(other) => Err(wrong_type(key, ValueType::Str.name().to_owned(), other)),
        }
    }

    /// The text of a key that must be there.
    pub fn require_str(&self, key: &str) -> Result<&str, GgufError> {
        self.str(key)?.ok_or_else(|| missing(key, "str"))
    }

    /// The text of a key as it can be shown, if the key is there: U+FFFD stands for what is not UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<Cow<'_, str>>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Str(bytes)) => Ok(Some(String::from_utf8_lossy(bytes))),
            Some(other) => Err(wrong_type(key, ValueType::Str.name().to_owned(), other)),
        }
    }

    /// As [`text`](Self::text), for a key that must be there.
    pub fn require_text(&self, key: &str) -> Result<Cow<'_, str>, GgufError> {
        self.text(key)?.ok_or_else(|| missing(key, "str"))
    }

    /// The strings of a key that is an array of them, as the bytes they are, if the key is there: tokens need not be whole
    /// characters.
    pub fn byte_strs(&self, key: &str) -> Result<Option<Vec<&[u8]>>, GgufError> {
        let Some(array) = self.array_of(key, ValueType::Str)? else { return Ok(None) };
        let mut strings = Vec::with_capacity(array.len()); // the file has at least eight bytes for each
        strings.extend(array.iter().filter_map(|element| match element {
            Value::Str(bytes) => Some(bytes),
            _ => None,
        }));
        Ok(Some(strings))
    }

    /// The strings of a key that is an array of them, if it is there. An error where one is not UTF-8; for their bytes see
    /// [`byte_strs`](Self::byte_strs).
    pub fn strs(&self, key: &str) -> Result<Option<Vec<&str>>, GgufError> {
        let Some(strings) = self.byte_strs(key)? else { return Ok(None) };
        let texts = strings.into_iter().enumerate().map(|(i, bytes)| text(key, Some(i), bytes));
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// The strings of a key that must be there.
    pub fn require_strs(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        self.strs(key)?.ok_or_else(|| missing(key, "arr[str]"))
    }

    /// The array of a key, whatever its elements, if the key is there.
    pub fn array(&self, key: &str) -> Result<Option<Array<'_>>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array)),
            Some(other) => Err(wrong_type(key, ValueType::Array.name().to_owned(), other)),
        }
    }

    fn array_of(&self, key: &str, elem: ValueType) -> Result<Option<Array<'_>>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) if array.elem_type() == elem => Ok(Some(array)),
            Some(other) => Err(wrong_type(key, format!("arr[{elem}]"), other)),
        }
    }

    fn numbers<T: Number>(&self, key: &str) -> Result<Option<Vec<T>>, GgufError> {
        let Some(array) = self.array_of(key, T::TYPE)? else { return Ok(None) };
        Ok(Some(array.bytes().chunks_exact(size_of::<T>()).map(T::from_le).collect()))
    }
}

fn text<'a>(key: &str, element: Option<usize>, bytes: &'a [u8]) -> Result<&'a str, GgufError> {
    std::str::from_utf8(bytes).map_err(|error| GgufError::ValueNotUtf8 {
        key: key.into(),
        element,
        byte: error.valid_up_to(),
        found: Quoted::of_bytes(bytes),
    })
}

fn wrong_type(key: &str, expected: String, found: Value<'_>) -> GgufError {
    GgufError::KeyType { key: key.into(), expected, found: found.type_name() }
}

fn missing(key: &str, expected: &'static str) -> GgufError {
    GgufError::MissingKey { key: key.into(), expected }
}
