//! [`Value`]: one metadata value, and how it lies in the file.
//!
//! Look first at [`Value::read`]. Strings and arrays are views of the file's own bytes. GGUF asks for UTF-8, but
//! llama.cpp never checked it, and vocabularies hold tokens that are half a character. So a string *value* is kept as the
//! bytes it is; only the getters that promise `&str` check ([`Metadata::str`](super::Metadata::str)). Keys and tensor
//! names are looked up by name, and must be UTF-8.

use std::fmt;

use super::GgufError;
use super::cursor::Cursor;
use super::error::Shown;

/// Most elements that an array may have. Source: `GGUF_MAX_ARRAY_ELEMENTS`.
const MAX_ELEMENTS: u64 = 1 << 30;

/// The type of a value; the discriminant is the id in the file. Source: `enum gguf_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs)] // the variants are the types they name
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    Str = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    /// Every type, in the order of its id.
    pub const ALL: [ValueType; 13] = {
        use ValueType::*;
        [U8, I8, U16, I16, U32, I32, F32, Bool, Str, Array, U64, I64, F64]
    };

    /// The type with this id.
    pub fn from_id(id: i32) -> Option<Self> {
        usize::try_from(id).ok().and_then(|i| Self::ALL.get(i)).copied()
    }

    /// The name llama.cpp prints.
    pub fn name(self) -> &'static str {
        use ValueType::*;
        match self {
            U8 => "u8",
            I8 => "i8",
            U16 => "u16",
            I16 => "i16",
            U32 => "u32",
            I32 => "i32",
            F32 => "f32",
            Bool => "bool",
            Str => "str",
            Array => "arr",
            U64 => "u64",
            I64 => "i64",
            F64 => "f64",
        }
    }

    /// Bytes of one element in the file; `None` for strings and arrays, which say their length themselves.
    pub(super) fn size(self) -> Option<u64> {
        use ValueType::*;
        match self {
            U8 | I8 | Bool => Some(1),
            U16 | I16 => Some(2),
            U32 | I32 | F32 => Some(4),
            U64 | I64 | F64 => Some(8),
            Str | Array => None,
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One value of a file's metadata. Strings and arrays borrow from the file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    /// Text, in UTF-8 unless the file breaks the rule: see [`as_str`](Self::as_str).
    Str(&'a [u8]),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'a> Value<'a> {
    /// Reads a type and a value of that type; the cursor then stands behind it. `key` is for the error.
    pub(super) fn read(cursor: &mut Cursor<'a>, key: &str) -> Result<Self, GgufError> {
        let offset = cursor.position();
        let id = cursor.i32(format_args!("type of key '{}'", Shown(key)))?;
        let invalid = |offset, found| GgufError::InvalidType { key: key.into(), offset, found };
        match ValueType::from_id(id).ok_or_else(|| invalid(offset, id))? {
            ValueType::Array => {
                let offset = cursor.position();
                let id = cursor.i32(format_args!("element type of key '{}'", Shown(key)))?;
                let elem = ValueType::from_id(id).ok_or_else(|| invalid(offset, id))?;
                if elem == ValueType::Array {
                    return Err(invalid(offset, id));
                }
                Array::read(cursor, elem, key).map(Value::Array)
            }
            ValueType::Str => cursor.string(format_args!("value of key '{}'", Shown(key))).map(Value::Str),
            number => {
                let size = number.size().unwrap_or(0);
                let bytes = cursor.take(size, format_args!("value of key '{}'", Shown(key)))?;
                Ok(Self::number(number, bytes))
            }
        }
    }

    /// The number of this type whose little-endian bytes begin at `bytes`; strings and arrays are not numbers.
    fn number(ty: ValueType, bytes: &[u8]) -> Self {
        let mut word = [0u8; 8];
        let size = ty.size().unwrap_or(0) as usize;
        word[..size].copy_from_slice(&bytes[..size]);
        let word = u64::from_le_bytes(word); // the low `size` bytes are the number
        match ty {
            ValueType::U8 => Value::U8(word as u8),
            ValueType::I8 => Value::I8(word as i8),
            ValueType::U16 => Value::U16(word as u16),
            ValueType::I16 => Value::I16(word as i16),
            ValueType::U32 => Value::U32(word as u32),
            ValueType::I32 => Value::I32(word as i32),
            ValueType::F32 => Value::F32(f32::from_bits(word as u32)),
            ValueType::Bool => Value::Bool(word != 0),
            ValueType::I64 => Value::I64(word as i64),
            ValueType::F64 => Value::F64(f64::from_bits(word)),
            ValueType::U64 | ValueType::Str | ValueType::Array => Value::U64(word),
        }
    }

    /// The type this value has in the file.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::U8(_) => ValueType::U8,
            Value::I8(_) => ValueType::I8,
            Value::U16(_) => ValueType::U16,
            Value::I16(_) => ValueType::I16,
            Value::U32(_) => ValueType::U32,
            Value::I32(_) => ValueType::I32,
            Value::F32(_) => ValueType::F32,
            Value::Bool(_) => ValueType::Bool,
            Value::Str(_) => ValueType::Str,
            Value::Array(_) => ValueType::Array,
            Value::U64(_) => ValueType::U64,
            Value::I64(_) => ValueType::I64,
            Value::F64(_) => ValueType::F64,
        }
    }

    /// The type in words, with the element type of an array: `u32`, `arr[str]`.
    pub fn type_name(&self) -> String {
        match self {
            Value::Array(array) => format!("arr[{}]", array.elem_type()),
            other => other.value_type().name().to_owned(),
        }
    }

    /// The number, if it is an integer of any type and not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Value::U8(x) => Some(x.into()),
            Value::U16(x) => Some(x.into()),
            Value::U32(x) => Some(x.into()),
            Value::U64(x) => Some(x),
            Value::I8(x) => x.try_into().ok(),
            Value::I16(x) => x.try_into().ok(),
            Value::I32(x) => x.try_into().ok(),
            Value::I64(x) => x.try_into().ok(),
            Value::F32(_) | Value::F64(_) | Value::Bool(_) | Value::Str(_) | Value::Array(_) => None,
        }
    }

    /// The text of a string, if it is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Value::Str(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// As text: strings as they are (U+FFFD for what is not UTF-8; control characters are *not* escaped, see
/// [`crate::escape`]), arrays by their first elements and their length.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U8(x) => write!(f, "{x}"),
            Value::I8(x) => write!(f, "{x}"),
            Value::U16(x) => write!(f, "{x}"),
            Value::I16(x) => write!(f, "{x}"),
            Value::U32(x) => write!(f, "{x}"),
            Value::I32(x) => write!(f, "{x}"),
            Value::F32(x) => write!(f, "{x}"),
            Value::Bool(x) => write!(f, "{x}"),
            Value::U64(x) => write!(f, "{x}"),
            Value::I64(x) => write!(f, "{x}"),
            Value::F64(x) => write!(f, "{x}"),
            Value::Str(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Value::Array(array) => {
                f.write_str("[")?;
                for (i, element) in array.iter().take(Array::SHOWN).enumerate() {
                    write!(f, "{}{element}", if i == 0 { "" } else { ", " })?;
                }
                match array.len() {
                    n if n > Array::SHOWN => write!(f, ", …] ({n} elements)"),
                    _ => f.write_str("]"),
                }
            }
        }
    }
}

/// An array value: elements of one type, never arrays themselves. A view of the file's bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    elem: ValueType,
    len: usize,
    /// The elements as in the file: numbers back to back, strings each behind its u64 length.
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// How many elements are shown when an array is printed.
    const SHOWN: usize = 6;

    /// Reads a count and that many elements.
    fn read(cursor: &mut Cursor<'a>, elem: ValueType, key: &str) -> Result<Self, GgufError> {
        let offset = cursor.position();
        let length = cursor.u64(format_args!("array length of key '{}'", Shown(key)))?;
        if length > MAX_ELEMENTS {
            return Err(GgufError::ArrayTooLong { key: key.into(), offset, length, max: MAX_ELEMENTS });
        }
        // Every element takes its size, a string at least the eight bytes of its length.
        let least = length * elem.size().unwrap_or(8);
        let mut ahead = cursor.clone();
        let mut bytes = ahead.take(least, format_args!("array of {length} {elem} in key '{}'", Shown(key)))?;
        if elem == ValueType::Str {
            ahead = cursor.clone();
            for i in 0..length {
                ahead.string(format_args!("string {i} of key '{}'", Shown(key)))?;
            }
            bytes = ahead.since(cursor.position());
        }
        *cursor = ahead;
        Ok(Self { elem, len: length as usize, bytes })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The type of every element.
    pub fn elem_type(&self) -> ValueType {
        self.elem
    }

    /// The elements as they lie in the file.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The elements in order, without a copy.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let Self { elem, len, bytes } = *self;
        let mut rest = bytes;
        (0..len).map(move |_| {
            let (size, skip) = match elem.size() {
                Some(size) => (size as usize, 0),
                None => {
                    let Value::U64(length) = Value::number(ValueType::U64, rest) else { unreachable!() };
                    (length as usize, 8)
                }
            };
            let element = &rest[skip..skip + size]; // the lengths were added up when the array was read
            rest = &rest[skip + size..];
            match elem {
                ValueType::Str => Value::Str(element),
                number => Value::number(number, element),
            }
        })
    }
}
