//! [`Encode`]: Rust values that a GGUF file can hold, and their bytes.
//!
//! Numbers, `bool` and strings are *scalars*; slices, vectors and arrays of a scalar are GGUF arrays. So
//! `metadata.insert("llama.block_count", 30_u32)` and `metadata.insert("tokenizer.ggml.tokens", ["a", "b"])` both
//! write what they look like.

use super::{Array, Value, ValueType};

/// A value that can be written to a file's metadata.
pub trait Encode {
    /// Appends the type and the value as a file holds them.
    fn encode(&self, out: &mut Vec<u8>);
}

/// A value that can be an element of an array.
pub trait Scalar {
    /// Its type in the file.
    const TYPE: ValueType;

    /// Appends the value alone.
    fn put(&self, out: &mut Vec<u8>);
}

/// A number that can be read back from its little-endian bytes.
pub(super) trait Number: Scalar + Sized {
    /// The number in `bytes`, exactly as long as it is in a file.
    fn from_le(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($rust:ty => $gguf:ident),*) => {$(
        impl Scalar for $rust {
            const TYPE: ValueType = ValueType::$gguf;
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
        impl Number for $rust {
            fn from_le(bytes: &[u8]) -> Self {
                let mut array = [0; size_of::<$rust>()];
                array.copy_from_slice(bytes);
                <$rust>::from_le_bytes(array)
            }
        }
    )*};
}

numbers!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, f32 => F32, u64 => U64, i64 => I64, f64 => F64);

impl Scalar for bool {
    const TYPE: ValueType = ValueType::Bool;
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Number for bool {
    fn from_le(bytes: &[u8]) -> Self {
        bytes[0] != 0 // any byte but 0 is true when read; 1 is written
    }
}

impl Scalar for str {
    const TYPE: ValueType = ValueType::Str;
    fn put(&self, out: &mut Vec<u8>) {
        put_string(self.as_bytes(), out);
    }
}

impl Scalar for String {
    const TYPE: ValueType = ValueType::Str;
    fn put(&self, out: &mut Vec<u8>) {
        put_string(self.as_bytes(), out);
    }
}

impl<T: Scalar + ?Sized> Scalar for &T {
    const TYPE: ValueType = T::TYPE;
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
}

impl<T: Scalar> Encode for T {
    fn encode(&self, out: &mut Vec<u8>) {
        put_type(T::TYPE, out);
        self.put(out);
    }
}

impl<T: Scalar> Encode for &[T] {
    fn encode(&self, out: &mut Vec<u8>) {
        put_type(ValueType::Array, out);
        put_type(T::TYPE, out);
        (self.len() as u64).put(out);
        for element in *self {
            element.put(out);
        }
    }
}

impl<T: Scalar> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_slice().encode(out);
    }
}

impl<T: Scalar, const N: usize> Encode for [T; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_slice().encode(out);
    }
}

/// A value of one file can be written to another as it is.
impl Encode for Value<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Value::U8(x) => x.encode(out),
            Value::I8(x) => x.encode(out),
            Value::U16(x) => x.encode(out),
            Value::I16(x) => x.encode(out),
            Value::U32(x) => x.encode(out),
            Value::I32(x) => x.encode(out),
            Value::F32(x) => x.encode(out),
            Value::Bool(x) => x.encode(out),
            Value::U64(x) => x.encode(out),
            Value::I64(x) => x.encode(out),
            Value::F64(x) => x.encode(out),
            Value::Str(bytes) => {
                put_type(ValueType::Str, out);
                put_string(bytes, out);
            }
            Value::Array(array) => array.encode(out),
        }
    }
}

impl Encode for Array<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_type(ValueType::Array, out);
        put_type(self.elem_type(), out);
        (self.len() as u64).put(out);
        match self.elem_type() {
            // Any nonzero byte reads as true; what is written is 1.
            ValueType::Bool => out.extend(self.bytes().iter().map(|&byte| u8::from(byte != 0))),
            _ => out.extend_from_slice(self.bytes()),
        }
    }
}

fn put_type(ty: ValueType, out: &mut Vec<u8>) {
    (ty as i32).put(out);
}

/// A u64 length, then the bytes.
pub(super) fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    (bytes.len() as u64).put(out);
    out.extend_from_slice(bytes);
}
