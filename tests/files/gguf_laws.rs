//! Laws of the GGUF reader and writer: what is written is read back, and no bytes whatever make the reader panic.

use cutaway::gguf::{Encode, Gguf, GgufError, Metadata, Value, Writer};
use cutaway::quant::GgmlType;
use proptest::collection::vec;
use proptest::prelude::*;

/// A metadata value that owns what it says. It is compared by its bytes, so that NaN equals itself.
#[derive(Debug, Clone)]
enum Any {
    Number(usize, u64),
    Str(String),
    Numbers(usize, Vec<u64>),
    Strs(Vec<String>),
}

/// Numbers of every type, by their number in `ValueType::ALL` (strings and arrays left out).
const NUMBERS: [usize; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12];

macro_rules! with_number {
    ($ty:expr, $bits:expr, |$x:ident| $body:expr) => {
        match $ty {
            0 => {
                let $x = $bits.map(|b| b as u8);
                $body
            }
            1 => {
                let $x = $bits.map(|b| b as i8);
                $body
            }
            2 => {
                let $x = $bits.map(|b| b as u16);
                $body
            }
            3 => {
                let $x = $bits.map(|b| b as i16);
                $body
            }
            4 => {
                let $x = $bits.map(|b| b as u32);
                $body
            }
            5 => {
                let $x = $bits.map(|b| b as i32);
                $body
            }
            6 => {
                let $x = $bits.map(|b| f32::from_bits(b as u32));
                $body
            }
            7 => {
                let $x = $bits.map(|b| b & 1 == 1);
                $body
            }
            10 => {
                let $x = $bits;
                $body
            }
            11 => {
                let $x = $bits.map(|b| b as i64);
                $body
            }
            _ => {
                let $x = $bits.map(f64::from_bits);
                $body
            }
        }
    };
}

impl Encode for Any {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Any::Number(ty, bits) => with_number!(*ty, [*bits].into_iter(), |x| x.for_each(|x| x.encode(out))),
            Any::Numbers(ty, bits) => with_number!(*ty, bits.iter().copied(), |x| x.collect::<Vec<_>>().encode(out)),
            Any::Str(text) => text.encode(out),
            Any::Strs(texts) => texts.clone().encode(out),
        }
    }
}

fn any_value() -> impl Strategy<Value = Any> {
    let ty = || prop::sample::select(&NUMBERS[..]);
    prop_oneof![
        (ty(), any::<u64>()).prop_map(|(ty, bits)| Any::Number(ty, bits)),
        (ty(), vec(any::<u64>(), 0..9)).prop_map(|(ty, bits)| Any::Numbers(ty, bits)),
        ".{0,12}".prop_map(Any::Str),
        vec(".{0,5}", 0..9).prop_map(Any::Strs),
    ]
}

/// Keys and values, `general.alignment` sometimes among them; a later value of a key replaces an earlier one.
fn any_metadata() -> impl Strategy<Value = Vec<(String, Any)>> {
    let entries = vec(("[a-d.]{1,3}|[ -~é字]{1,20}", any_value()), 0..12);
    let alignment = prop::option::of((0u32..8).prop_map(|log2| 1u32 << log2));
    (entries, alignment).prop_map(|(mut entries, alignment)| {
        entries.retain(|(key, _)| key != "general.alignment");
        entries.extend(alignment.map(|n| ("general.alignment".to_owned(), Any::Number(4, n.into()))));
        entries
    })
}

type AnyTensor = (GgmlType, Vec<usize>, u8);

fn any_tensors() -> impl Strategy<Value = Vec<AnyTensor>> {
    let ty = prop::sample::select(&GgmlType::ALL[..]);
    let tensor = (ty, 0usize..3, vec(0usize..4, 0..4), any::<u8>()).prop_map(|(ty, blocks, outer, fill)| {
        let ne = [&[blocks * ty.block_len()][..], &outer].concat();
        (ty, ne, fill)
    });
    vec(tensor, 0..6)
}

fn bytes_of((ty, ne, fill): &AnyTensor) -> Vec<u8> {
    let n = ty.row_bytes(ne[0]).unwrap() * ne[1..].iter().product::<usize>();
    (0..n).map(|i| (i as u8).wrapping_add(*fill)).collect()
}

fn written(metadata: &[(String, Any)], tensors: &[AnyTensor]) -> Vec<u8> {
    let mut dictionary = Metadata::new();
    for (key, value) in metadata {
        dictionary.insert(key, value.clone()).unwrap();
    }
    let mut writer = Writer::new(dictionary);
    for (i, tensor) in tensors.iter().enumerate() {
        writer.tensor(&format!("blk.{i}"), tensor.0, &tensor.1, bytes_of(tensor)).unwrap();
    }
    writer.to_bytes().unwrap()
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// Touches everything that can be asked of a file.
fn touch(gguf: &Gguf) -> usize {
    let mut sum = 0;
    for (key, value) in gguf.metadata().iter() {
        assert_eq!(gguf.metadata().get(key).map(|value| encoded(&value)), Some(encoded(&value)));
        sum += value.to_string().len() + encoded(&value).len();
        if let Value::Array(array) = value {
            assert_eq!(array.iter().count(), array.len());
        }
        sum += gguf.metadata().strs(key).map_or(0, |strings| strings.map_or(0, |strings| strings.len()));
        sum += gguf.metadata().f32s(key).map_or(0, |numbers| numbers.map_or(0, |numbers| numbers.len()));
    }
    for info in gguf.tensors() {
        assert_eq!(gguf.tensor(info.name), Some(info));
        assert_eq!(gguf.data(&info).len(), info.n_bytes());
        sum += info.n_bytes();
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read(metadata in any_metadata(), tensors in any_tensors()) {
        let bytes = written(&metadata, &tensors);
        let gguf = Gguf::from_bytes(bytes.clone()).unwrap();
        touch(&gguf);

        let mut last = std::collections::BTreeMap::new();
        metadata.iter().for_each(|(key, value)| { last.insert(key.as_str(), value); });
        prop_assert_eq!(gguf.metadata().len(), last.len());
        for (key, value) in last {
            prop_assert_eq!(encoded(&gguf.metadata().get(key).unwrap()), encoded(value));
        }

        prop_assert_eq!(gguf.tensors().len(), tensors.len());
        for (i, (info, tensor)) in gguf.tensors().zip(&tensors).enumerate() {
            let (ty, ne, _) = tensor;
            prop_assert_eq!((info.name, info.ty), (&*format!("blk.{i}"), *ty));
            prop_assert_eq!(&info.ne[..ne.len()], &ne[..]);
            prop_assert!(info.n_dims == 1 || info.shape().last() != Some(&1), "trailing dimensions of 1 are trimmed");
            prop_assert_eq!((gguf.data_offset() + info.offset) % gguf.alignment(), 0);
            prop_assert_eq!(gguf.data(&info), bytes_of(tensor));
        }

        // Writing what was read gives the same file, byte for byte.
        let mut writer = Writer::new(gguf.metadata().clone());
        for info in gguf.tensors() {
            writer.tensor(info.name, info.ty, info.shape(), gguf.data(&info)).unwrap();
        }
        prop_assert_eq!(writer.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn inserting_into_what_was_read_changes_that_key_alone(metadata in any_metadata(), value in any_value(), at: usize) {
        let gguf = Gguf::from_bytes(written(&metadata, &[])).unwrap();
        let before = gguf.metadata();
        let keys: Vec<&str> = before.iter().map(|(key, _)| key).chain(["new key"]).collect();
        let key = keys[at % keys.len()];

        let mut after = before.clone();
        after.insert(key, value.clone()).unwrap();
        prop_assert_eq!(after.len(), before.len() + usize::from(key == "new key"));
        prop_assert_eq!(encoded(&after.get(key).unwrap()), encoded(&value));
        for ((old_key, old), (new_key, new)) in before.iter().zip(after.iter()) {
            prop_assert_eq!(old_key, new_key);
            prop_assert!(old_key == key || encoded(&old) == encoded(&new));
        }
        after.retain(|kept| kept != key);
        prop_assert!(after.get(key).is_none());
        prop_assert_eq!(after.len(), before.len() - usize::from(key != "new key"));
    }

    #[test]
    fn mutated_files_are_read_or_refused(
        metadata in any_metadata(),
        tensors in any_tensors(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = written(&metadata, &tensors);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match Gguf::from_bytes(bytes) {
            Ok(gguf) => { touch(&gguf); }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_bytes_after_the_magic_are_read_or_refused(rest in vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..200)) {
        let bytes = [&b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"[..], &rest].concat();
        if let Ok(gguf) = Gguf::from_bytes(bytes) {
            touch(&gguf);
        }
    }
}

/// Every byte of a small file in turn, set to the values that break things.
#[test]
fn every_byte_may_be_wrong() {
    let metadata = [
        ("general.architecture".to_owned(), Any::Str("llama".to_owned())),
        ("tokens".to_owned(), Any::Strs(vec!["a".to_owned(), "bc".to_owned()])),
        ("scores".to_owned(), Any::Numbers(6, vec![1, 2])),
        ("flag".to_owned(), Any::Number(7, 1)),
    ];
    let tensors = [(GgmlType::F32, vec![4, 3], 0), (GgmlType::Q8_0, vec![64, 2], 7)];
    let bytes = written(&metadata, &tensors);
    let mut refused = 0;
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at].wrapping_add(1)] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            match Gguf::from_bytes(bytes) {
                Ok(gguf) => _ = touch(&gguf),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 500, "only {refused} mutations were refused");
}

#[test]
fn the_writer_keeps_the_readers_rules() {
    let mut writer = Writer::new(Metadata::new());
    let error = writer.tensor("w", GgmlType::F32, &[4, 2], vec![0; 31]).unwrap_err();
    assert_eq!(error.to_string(), "tensor 'w' of type F32 and shape [4, 2] takes 32 bytes, found 31");
    assert!(matches!(
        writer.tensor(&"n".repeat(64), GgmlType::F32, &[1], vec![0; 4]),
        Err(GgufError::NameTooLong { .. })
    ));
    assert!(matches!(writer.tensor("w", GgmlType::F32, &[1; 5], vec![0; 4]), Err(GgufError::Dimensions { .. })));
    assert!(matches!(writer.tensor("w", GgmlType::Q4_K, &[32], vec![]), Err(GgufError::RowNotWholeBlocks { .. })));
    writer.tensor("w", GgmlType::F32, &[1], vec![0; 4]).unwrap();
    assert!(matches!(writer.tensor("w", GgmlType::F32, &[1], vec![0; 4]), Err(GgufError::DuplicateTensor { .. })));

    let mut metadata = Metadata::new();
    assert!(matches!(metadata.insert("", 1u8), Err(GgufError::EmptyKey { .. })));
    metadata.insert("general.alignment", 12u32).unwrap();
    assert!(matches!(Writer::new(metadata).to_bytes(), Err(GgufError::Alignment { found: 12 })));
}

#[test]
fn getters_are_strict_and_say_so() {
    let mut metadata = Metadata::new();
    metadata.insert("llama.block_count", 30u64).unwrap();
    metadata.insert("tokenizer.ggml.scores", [0.5f32, 1.0]).unwrap();
    let error = metadata.u32("llama.block_count").unwrap_err();
    assert_eq!(error.to_string(), "key 'llama.block_count' must be of type u32 but is u64");
    let error = metadata.i32s("tokenizer.ggml.scores").unwrap_err();
    assert_eq!(error.to_string(), "key 'tokenizer.ggml.scores' must be of type arr[i32] but is arr[f32]");
    let error = metadata.require_str("general.architecture").unwrap_err();
    assert_eq!(error.to_string(), "key not found in model: general.architecture (expected type str)");
    assert_eq!(metadata.f32s("tokenizer.ggml.scores").unwrap(), Some(vec![0.5, 1.0]));
    assert_eq!(metadata.strs("absent").unwrap(), None);
    let long = metadata.insert("ids", (0..9).collect::<Vec<i32>>()).map(|()| metadata.get("ids").unwrap().to_string());
    assert_eq!(long.unwrap(), "[0, 1, 2, 3, 4, 5, …] (9 elements)");
}
