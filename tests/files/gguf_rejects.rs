//! Every case of llama.cpp's `tests/test-gguf.cpp`, built in memory: bad files are refused with a typed error that says
//! what, where, expected and found; the odd but good ones are read. The cases keep that file's names and order, so the
//! two can be read side by side: 34 in four groups, then what else the format forbids.

use cutaway::gguf::{Directory, Gguf, GgufError, ValueType};
use cutaway::quant::GgmlType;

/// A file in the making, in which any field can be wrong.
struct File {
    magic: [u8; 4],
    version: u32,
    n_tensors: Option<i64>,
    n_kv: Option<i64>,
    kv: Vec<Vec<u8>>,
    infos: Vec<Vec<u8>>,
    /// Of the file as it is written; what the metadata claims is one of `kv`.
    alignment: usize,
    data: usize,
}

impl File {
    fn new() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            n_tensors: None,
            n_kv: None,
            kv: Vec::new(),
            infos: Vec::new(),
            alignment: 32,
            data: 0,
        }
    }

    fn kv(mut self, key: &str, ty: i32, value: &[u8]) -> Self {
        self.kv.push([&string(key)[..], &ty.to_le_bytes(), value].concat());
        self
    }

    fn alignment_key(mut self, alignment: u32) -> Self {
        self.alignment = alignment as usize;
        self.kv("general.alignment", ValueType::U32 as i32, &alignment.to_le_bytes())
    }

    fn raw_info(mut self, name: &str, n_dims: u32, ne: &[i64], ty: i32, offset: u64) -> Self {
        let ne: Vec<u8> = ne.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.infos
            .push([&string(name)[..], &n_dims.to_le_bytes(), &ne, &ty.to_le_bytes(), &offset.to_le_bytes()].concat());
        self
    }

    fn info(self, name: &str, ne: &[i64], ty: GgmlType, offset: u64) -> Self {
        self.raw_info(name, ne.len() as u32, ne, ty.id() as i32, offset)
    }

    fn data(mut self, bytes: usize) -> Self {
        self.data = bytes;
        self
    }

    fn bytes(self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend(self.n_tensors.unwrap_or(self.infos.len() as i64).to_le_bytes());
        out.extend(self.n_kv.unwrap_or(self.kv.len() as i64).to_le_bytes());
        out.extend(self.kv.concat());
        out.extend(self.infos.concat());
        out.resize(out.len().next_multiple_of(self.alignment), 0);
        out.extend((0..self.data).map(|i| i as u8));
        out
    }

    /// The error of reading this file, whose text must contain `core`.
    #[track_caller]
    fn rejected(self, core: &str) -> GgufError {
        let error = Gguf::from_bytes(self.bytes()).expect_err("a bad file was read");
        assert!(error.to_string().contains(core), "`{error}` does not say `{core}`");
        error
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A hundred pairs of every type, array or not, with arbitrary bytes; strings are not UTF-8.
fn random_kv(mut file: File) -> File {
    let mut state = 42u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    for i in 0..100 {
        let ty = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12][i % 12];
        let mut element = || match ty {
            8 => {
                let n = random() % 64;
                [&(n as u64).to_le_bytes()[..], &(0..n).map(|_| random() as u8 | 1).collect::<Vec<u8>>()].concat()
            }
            ty => (0..[1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][ty as usize]).map(|_| random() as u8).collect(),
        };
        let key = format!("my_key_{i}");
        if i % 5 == 0 {
            let n = i as u64 % 17;
            let elements: Vec<u8> = (0..n).flat_map(|_| element()).collect();
            let value = [&i32::to_le_bytes(ty)[..], &n.to_le_bytes(), &elements].concat();
            file = file.kv(&key, ValueType::Array as i32, &value);
        } else {
            let value = element();
            file = file.kv(&key, ty, &value);
        }
    }
    file
}

// ---------------------------------------------------------------------------------------------------- header

#[test]
fn header_bad_magic() {
    let error = File { magic: *b"FUGG", ..File::new() }.rejected("invalid magic characters: 'FUGG', expected 'GGUF'");
    assert!(matches!(error, GgufError::Magic { found: [b'F', b'U', b'G', b'G'] }));
}

#[test]
fn header_bad_version_0() {
    let error = File { version: 0, ..File::new() }.rejected("bad GGUF version: 0");
    assert!(matches!(error, GgufError::Version { found: 0 }));
}

#[test]
fn header_bad_version_1() {
    let error = File { version: 1, ..File::new() }.rejected("GGUFv1 is no longer supported");
    assert!(matches!(error, GgufError::Version1));
}

#[test]
fn header_bad_version_future() {
    let error =
        File { version: 4, ..File::new() }.rejected("is version 4 but this software only supports up to version 3");
    assert!(matches!(error, GgufError::FutureVersion { found: 4 }));
}

#[test]
fn header_bad_n_tensors() {
    let error = File { n_tensors: Some(-1), ..File::new() }.rejected("number of tensors is -1 but must be in [0, ");
    assert!(matches!(error, GgufError::Count { offset: 8, found: -1, .. }));
}

#[test]
fn header_bad_n_kv() {
    let error = File { n_kv: Some(-1), ..File::new() }.rejected("number of key value pairs is -1 but must be in [0, ");
    assert!(matches!(error, GgufError::Count { offset: 16, found: -1, .. }));
}

#[test]
fn header_empty() {
    let gguf = Gguf::from_bytes(File::new().bytes()).unwrap();
    assert_eq!((gguf.version(), gguf.metadata().len(), gguf.tensors().len()), (3, 0, 0));
    assert_eq!((gguf.alignment(), gguf.data_offset()), (32, 24), "a file without tensors has no data padding");
}

// ------------------------------------------------------------------------------------------- key-value pairs

#[test]
fn kv_bad_key_size() {
    let mut file = File::new().kv("my_key", 4, &[0; 4]);
    file.kv[0][..8].fill(0xff);
    let error = file.rejected("string length 18446744073709551615 exceeds maximum 1073741824");
    assert!(matches!(error, GgufError::StringTooLong { offset: 24, length: u64::MAX, .. }));
}

#[test]
fn kv_empty_key() {
    let error = File::new().kv("a", 4, &[0; 4]).kv("", 4, &[0; 4]).rejected("key 1 is empty");
    assert!(matches!(error, GgufError::EmptyKey { index: 1, offset: 41 }));
}

#[test]
fn kv_bad_type() {
    let error = File::new().kv("my_key", 13, &[0]).rejected("key 'my_key' has invalid GGUF type 13");
    assert!(matches!(error, GgufError::InvalidType { offset: 38, found: 13, .. }));
    File::new().kv("my_key", -1, &[0]).rejected("invalid GGUF type -1");
}

#[test]
fn kv_duplicate_key() {
    let file = ["b", "a", "b", "a"].into_iter().fold(File::new(), |file, key| file.kv(key, 0, &[1]));
    let error = file.rejected("duplicate key 'b' for KV pair 2");
    assert!(matches!(error, GgufError::DuplicateKey { index: 2, offset: 52, .. }));
}

#[test]
fn kv_bad_align() {
    let error = File::new().alignment_key(13).rejected("alignment 13 is not a power of 2");
    assert!(matches!(error, GgufError::Alignment { found: 13 }));
    File { alignment: 1, ..File::new() }
        .kv("general.alignment", 4, &[0; 4])
        .rejected("alignment 0 is not a power of 2");
}

#[test]
fn kv_wrong_type_align() {
    let error = File::new()
        .kv("general.alignment", ValueType::I32 as i32, &13i32.to_le_bytes())
        .rejected("key 'general.alignment' must be of type u32 but is i32");
    assert!(matches!(error, GgufError::KeyType { .. }));
}

#[test]
fn kv_success() {
    let gguf = Gguf::from_bytes(random_kv(File::new()).bytes()).unwrap();
    assert_eq!(gguf.metadata().len(), 100);
    // Strings that are not UTF-8 are bytes, and an error only for a caller who wants text.
    let error = gguf.metadata().str("my_key_8").unwrap_err();
    assert!(error.to_string().contains("value of key 'my_key_8' is not UTF-8 from byte"), "{error}");
    assert!(gguf.metadata().text("my_key_8").unwrap().unwrap().contains('\u{fffd}'));
}

// ----------------------------------------------------------------------------------------------- tensor infos

#[test]
fn tensors_bad_name_size() {
    let file = |length: usize| File::new().info(&"n".repeat(length), &[32], GgmlType::I8, 0).data(32);
    let error = file(64).rejected("tensor name 0 at offset 24 is too long: 64 >= 64");
    assert!(matches!(error, GgufError::NameTooLong { index: 0, offset: 24, length: 64 }));
    assert!(Gguf::from_bytes(file(63).bytes()).is_ok());
}

#[test]
fn tensors_bad_n_dims() {
    let error = File::new()
        .raw_info("my_tensor", 5, &[1; 5], 0, 0)
        .rejected("tensor 'my_tensor' has invalid number of dimensions: 5 > 4");
    assert!(matches!(error, GgufError::Dimensions { offset: 41, found: 5, .. }));
}

#[test]
fn tensors_bad_shape() {
    let error = File::new()
        .info("my_tensor", &[32, -1], GgmlType::F32, 0)
        .rejected("tensor 'my_tensor' dimension 1 has invalid number of elements: -1 < 0");
    assert!(matches!(error, GgufError::NegativeDimension { dim: 1, offset: 53, found: -1, .. }));
}

#[test]
fn tensors_zero_dim() {
    let file = File::new().info("none", &[32, 0], GgmlType::Q4_0, 0).info("some", &[8], GgmlType::F32, 0).data(32);
    let gguf = Gguf::from_bytes(file.bytes()).unwrap();
    assert_eq!(gguf.data(&gguf.tensor("none").unwrap()), [0u8; 0]);
    assert_eq!(gguf.data(&gguf.tensor("some").unwrap()).len(), 32);
}

#[test]
fn tensors_ne_too_big() {
    let big = 4 * i64::from(i32::MAX);
    let error = File::new().info("my_tensor", &[big, big], GgmlType::I8, 0).rejected("may cause overflow errors");
    assert!(matches!(error, GgufError::TooManyElements { offset: 41, .. }));
    // A zero does not excuse what stands before it, but nothing after it matters.
    File::new().info("t", &[big, big, 0], GgmlType::I8, 0).rejected("may cause overflow errors");
    assert!(Gguf::from_bytes(File::new().info("t", &[big, 0, big], GgmlType::I8, 0).bytes()).is_ok());
}

#[test]
fn tensors_nbytes_too_big() {
    let error = File::new()
        .info("my_tensor", &[1 << 31, 1 << 31], GgmlType::I64, 0)
        .rejected("has a size in bytes > 18446744073709551615");
    assert!(matches!(error, GgufError::TooManyBytes { ne: [0x8000_0000, 0x8000_0000, 1, 1], .. }));
}

#[test]
fn tensors_nbytes_pad_wrap() {
    let error = File::new()
        .info("my_tensor", &[4, (1 << 30) - 1, (1 << 30) + 1], GgmlType::F32, 0)
        .rejected("tensor 'my_tensor' size 18446744073709551600 overflows after padding (alignment 32)");
    assert!(matches!(error, GgufError::PaddingOverflow { .. }));
}

#[test]
fn tensors_bad_type() {
    let file = |id| File::new().raw_info("my_tensor", 1, &[256], id, 0).data(1024);
    let error = file(43).rejected("tensor 'my_tensor' has invalid ggml type 43. should be in [0, 43)");
    assert!(matches!(error, GgufError::InvalidTensorType { offset: 53, found: 43, .. }));
    file(-1).rejected("invalid ggml type -1");
    for removed in [4, 5, 31, 32, 33, 36, 37, 38] {
        let error = file(removed).rejected("not a multiple of block size (0)");
        assert!(matches!(error, GgufError::RowNotWholeBlocks { block: 0, .. }));
    }
}

#[test]
fn tensors_bad_offset() {
    let error = File::new()
        .info("my_tensor", &[32], GgmlType::I8, u64::MAX)
        .data(32)
        .rejected("tensor 'my_tensor' has offset 18446744073709551615, expected 0");
    assert!(matches!(error, GgufError::Offset { found: u64::MAX, expected: 0, .. }));
}

#[test]
fn tensors_duplicate_name() {
    let error = File::new()
        .info("my_tensor", &[32], GgmlType::I8, 0)
        .info("my_tensor", &[32], GgmlType::I8, 32)
        .data(64)
        .rejected("duplicate tensor name 'my_tensor' for tensor 1");
    assert!(matches!(error, GgufError::DuplicateTensor { index: 1, offset: 65, .. }));
}

#[test]
fn tensors_bad_align() {
    File::new()
        .alignment_key(13)
        .info("my_tensor", &[32], GgmlType::I8, 0)
        .rejected("alignment 13 is not a power of 2");
}

/// Offsets computed with an alignment of 1 while the file says 32 (by saying nothing).
#[test]
fn tensors_inconsistent_align() {
    let error = File { alignment: 1, ..File::new() }
        .info("a", &[5], GgmlType::I8, 0)
        .info("b", &[5], GgmlType::I8, 5)
        .rejected("tensor 'b' has offset 5, expected 32");
    assert!(matches!(error, GgufError::Offset { found: 5, expected: 32, .. }));
}

/// The directory of a file whose data is still on its way.
#[test]
fn tensors_success() {
    let bytes = two_tensors(random_kv(File::new()), 32).bytes();
    let directory = Directory::read(bytes.clone()).unwrap();
    assert_eq!((directory.tensors().len(), directory.metadata().len()), (2, 100));
    assert_eq!((directory.data_offset(), directory.data_bytes()), (bytes.len(), 64));
    assert!(matches!(Gguf::from_bytes(bytes), Err(GgufError::OutOfBounds { .. })));
}

#[test]
fn tensors_custom_align() {
    let directory = Directory::read(two_tensors(File::new().alignment_key(1), 1).bytes()).unwrap();
    assert_eq!((directory.alignment(), directory.data_bytes()), (1, 20 + 18));
}

/// F32 `[5]` and Q4_0 `[32]`: 20 and 18 bytes, then padding.
fn two_tensors(file: File, alignment: usize) -> File {
    file.info("floats", &[5], GgmlType::F32, 0).info(
        "block",
        &[32],
        GgmlType::Q4_0,
        20usize.next_multiple_of(alignment) as u64,
    )
}

// ------------------------------------------------------------------------------------------------------- data

#[test]
fn data_not_enough_data() {
    let error = two_tensors(File::new(), 32).data(49).rejected("failed to read tensor data binary blob");
    assert!(
        error
            .to_string()
            .contains("tensor 'block' data is not within the file bounds, model is corrupted or incomplete")
    );
    let GgufError::OutOfBounds { end, file_bytes, .. } = error else { panic!("{error}") };
    assert_eq!(end, file_bytes + 1);
}

#[test]
fn data_bad_align() {
    two_tensors(File::new().alignment_key(13), 13).data(64).rejected("alignment 13 is not a power of 2");
}

#[test]
fn data_inconsistent_align() {
    let file = File { alignment: 1, ..File::new() };
    two_tensors(file, 1).data(38).rejected("tensor 'block' has offset 20, expected 32");
}

#[test]
fn data_mem_size_overflow() {
    const HALF: i64 = 0x7FFF_FFFF_FFFF_FFC0; // twice this is 128 bytes short of the address space
    let file = |kv: File| kv.info("a", &[HALF], GgmlType::I8, 0).info("b", &[HALF], GgmlType::I8, HALF as u64).data(32);
    let error = file(random_kv(File::new())).rejected("memory size overflow");
    assert!(matches!(error, GgufError::DataOverflow { bytes: 0xFFFF_FFFF_FFFF_FF80, .. }));
    // A third one passes the end by itself.
    let third = file(File::new()).info("c", &[HALF], GgmlType::I8, (HALF as u64) << 1);
    third.rejected("tensor 'c' size overflow, cannot accumulate size 18446744073709551488 + 9223372036854775744");
}

#[test]
fn data_success() {
    let gguf = Gguf::from_bytes(two_tensors(random_kv(File::new()), 32).data(64 + 7).bytes()).unwrap(); // 7 more: tolerated
    let bytes: Vec<u8> = (0..64).collect();
    assert_eq!(gguf.data(&gguf.tensor("floats").unwrap()), &bytes[..20]);
    assert_eq!(gguf.data(&gguf.tensor("block").unwrap()), &bytes[32..50]);
}

#[test]
fn data_custom_align() {
    let gguf = Gguf::from_bytes(two_tensors(File::new().alignment_key(1), 1).data(38).bytes()).unwrap();
    let bytes: Vec<u8> = (0..38).collect();
    assert_eq!(gguf.data(&gguf.tensor("floats").unwrap()), &bytes[..20]);
    assert_eq!(gguf.data(&gguf.tensor("block").unwrap()), &bytes[20..]);
}

// ------------------------------------------------------------------------------------------------ and also ...

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let bytes = two_tensors(random_kv(File::new()), 32).data(64).bytes();
    let padding = 14; // behind the last tensor: 18 bytes at a multiple of 32
    for end in 0..bytes.len() - padding {
        let error = Gguf::from_bytes(bytes[..end].to_vec()).expect_err("a truncated file was read");
        assert!(matches!(error, GgufError::Truncated { .. } | GgufError::OutOfBounds { .. }), "at {end}: {error}");
    }
    for end in bytes.len() - padding..=bytes.len() {
        let gguf = Gguf::from_bytes(bytes[..end].to_vec()).expect("every byte of every tensor is there");
        assert_eq!(gguf.data(&gguf.tensor("block").unwrap()).len(), 18);
    }
}

/// Padding that is left out behind the last tensor only, whatever the alignment, and tensors without elements behind it.
#[test]
fn only_the_last_padding_may_be_missing() {
    for alignment in [1, 2, 32, 256, 4096, 1 << 20] {
        let at = |n: usize| n.next_multiple_of(alignment as usize) as u64;
        let file = |data: usize| {
            let file = File::new().alignment_key(alignment).info("a", &[5], GgmlType::F32, 0);
            let file = file.info("b", &[32], GgmlType::Q4_0, at(20)).info("none", &[0], GgmlType::F32, at(20) + at(18));
            file.info("also none", &[32, 0], GgmlType::Q4_0, at(20) + at(18)).data(data)
        };
        let needed = at(20) as usize + 18;
        let gguf = Gguf::from_bytes(file(needed).bytes()).unwrap_or_else(|error| panic!("{alignment}: {error}"));
        let lengths = ["a", "b", "none", "also none"].map(|name| gguf.data(&gguf.tensor(name).unwrap()).len());
        assert_eq!(lengths, [20, 18, 0, 0]);
        let error = file(needed - 1).rejected("tensor 'b' data is not within the file bounds");
        assert!(matches!(error, GgufError::OutOfBounds { end, file_bytes, .. } if end == file_bytes + 1), "{error}");
    }
    // The largest alignment there is: nobody can write the padding in front of the data.
    File { alignment: 1, ..File::new() }
        .kv("general.alignment", 4, &(1u32 << 31).to_le_bytes())
        .info("a", &[1], GgmlType::F32, 0)
        .data(4)
        .rejected("padding before the data section needs 2147483");
}

/// A copy of the file without its last bytes, cut inside each section: the error names what is missing.
#[test]
fn the_missing_section_is_named() {
    let file = || {
        let file = File::new().kv("name", 8, &string("text")).kv(
            "numbers",
            9,
            &[4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0],
        );
        file.info("w", &[8], GgmlType::F32, 0).data(32)
    };
    let bytes = file().bytes();
    let infos = 24 + file().kv.concat().len();
    for (end, missing) in [
        (0, "magic needs 4 bytes, 0 are left"),
        (3, "magic needs 4 bytes, 3 are left"),
        (6, "version needs 4 bytes, 2 are left"),
        (12, "number of tensors needs 8 bytes"),
        (20, "number of key value pairs needs 8 bytes"),
        (28, "length of key 0 needs 8 bytes"),
        (34, "key 0 needs 4 bytes, 2 are left"),
        (38, "type of key 'name' needs 4 bytes, 2 are left"),
        (44, "length of value of key 'name' needs 8 bytes"),
        (50, "value of key 'name' needs 4 bytes, 2 are left"),
        (infos - 2, "array of 1 u32 in key 'numbers' needs 4 bytes, 2 are left"),
        (infos, "length of name of tensor 0 needs 8 bytes, 0 are left"),
        (infos + 10, "number of dimensions of tensor 'w' needs 4 bytes, 1 are left"),
        (infos + 20, "dimension 0 of tensor 'w' needs 8 bytes"),
        (infos + 23, "type of tensor 'w' needs 4 bytes, 2 are left"),
        (infos + 30, "offset of tensor 'w' needs 8 bytes"),
        (infos + 34, "padding before the data section needs"),
        (bytes.len() - 1, "tensor 'w' data is not within the file bounds"),
    ] {
        let error = Gguf::from_bytes(bytes[..end].to_vec()).expect_err("a truncated file was read").to_string();
        assert!(error.contains(missing), "{end}: `{error}` does not say `{missing}`");
    }
}

/// Lengths near 2⁶⁴ in every place that has a length or an offset.
#[test]
fn no_length_wraps_around() {
    for length in [u64::MAX, u64::MAX - 7, 1 << 63, (1 << 63) - 1, 1 << 62, 1 << 31] {
        let mut key = File::new().kv("key", 4, &[0; 4]);
        key.kv[0][..8].copy_from_slice(&length.to_le_bytes());
        key.rejected("key 0");
        File::new().kv("key", 8, &length.to_le_bytes()).rejected("value of key 'key'");
        let array = [&8i32.to_le_bytes()[..], &1u64.to_le_bytes(), &length.to_le_bytes()].concat();
        File::new().kv("key", 9, &array).rejected("string 0 of key 'key'");
        let array = [&10i32.to_le_bytes()[..], &length.to_le_bytes()].concat();
        File::new().kv("key", 9, &array).rejected("key 'key'");
        let mut name = File::new().info("w", &[1], GgmlType::F32, 0).data(32);
        name.infos[0][..8].copy_from_slice(&length.to_le_bytes());
        name.rejected("name of tensor 0");
        File::new().info("w", &[1], GgmlType::F32, length).data(32).rejected("tensor 'w' has offset");
        assert!(Gguf::from_bytes(File::new().info("w", &[length as i64], GgmlType::F32, 0).data(32).bytes()).is_err());
        for counts in [(Some(length as i64), None), (None, Some(length as i64))] {
            let file = File { n_tensors: counts.0, n_kv: counts.1, ..File::new() };
            assert!(Gguf::from_bytes(file.bytes()).is_err(), "{length}");
        }
    }
}

#[test]
fn versions_2_and_3_are_one_layout_and_big_endian_is_named() {
    assert_eq!(Gguf::from_bytes(File { version: 2, ..File::new() }.bytes()).unwrap().version(), 2);
    let error =
        File { version: 3u32.swap_bytes(), ..File::new() }.rejected("mismatch between the host and model endianness");
    assert!(matches!(error, GgufError::Endianness { found: 0x0300_0000 }));
}

#[test]
fn an_array_is_flat_short_enough_and_there() {
    let array = |elem: i32, n: u64| [&elem.to_le_bytes()[..], &n.to_le_bytes()].concat();
    let file = |value: &[u8]| File::new().kv("k", ValueType::Array as i32, value);
    let error = file(&array(9, 1)).rejected("key 'k' has invalid GGUF type 9");
    assert!(matches!(error, GgufError::InvalidType { offset: 37, found: 9, .. }));
    let error = file(&array(4, 1 << 31)).rejected("2147483648 elements, more than the maximum 1073741824");
    assert!(matches!(error, GgufError::ArrayTooLong { .. }));
    file(&array(4, 1 << 30)).rejected("array of 1073741824 u32 in key 'k' needs 4294967296 bytes");
    file(&array(8, 1 << 20)).rejected("array of 1048576 str in key 'k' needs 8388608 bytes");
}

#[test]
fn keys_and_names_are_utf8() {
    let mut file = File::new().kv("key", 0, &[0]);
    file.kv[0][9] = 0xff;
    assert!(matches!(file.rejected("key 0 at offset 32 is not UTF-8: 'k\u{fffd}y'"), GgufError::NotUtf8 { .. }));
    let mut file = File::new().info("name", &[1], GgmlType::F32, 0).data(32);
    file.infos[0][9] = 0xff;
    file.rejected("name of tensor 0 at offset 32 is not UTF-8");
}

#[test]
fn a_row_is_whole_blocks() {
    let error = File::new()
        .info("w", &[48], GgmlType::Q4_0, 0)
        .rejected("tensor 'w' of type Q4_0 has 48 elements per row, not a multiple of block size (32)");
    assert!(matches!(error, GgufError::RowNotWholeBlocks { found: 48, block: 32, .. }));
}

#[test]
fn any_nonzero_byte_is_true() {
    let gguf = Gguf::from_bytes(File::new().kv("no", 7, &[0]).kv("yes", 7, &[0x80]).bytes()).unwrap();
    assert!(!gguf.metadata().require_bool("no").unwrap());
    assert!(gguf.metadata().require_bool("yes").unwrap());
}

#[test]
fn an_error_about_a_name_of_a_megabyte_fits_a_line() {
    let error = File::new().kv(&"k".repeat(1 << 20), 13, &[]).rejected("has invalid GGUF type 13");
    assert!(error.to_string().len() < 250, "{}", error.to_string().len());
}

#[test]
fn a_shard_names_its_siblings() {
    let shard =
        |count: u16| File::new().kv("split.no", 2, &1u16.to_le_bytes()).kv("split.count", 2, &count.to_le_bytes());
    assert!(Gguf::from_bytes(shard(1).bytes()).unwrap().require_whole().is_ok());

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tiny-00002-of-00003.gguf");
    std::fs::write(&path, shard(3).bytes()).unwrap();
    let error = Gguf::open(&path).unwrap().require_whole().unwrap_err();
    assert!(error.to_string().contains("shard 2 of 3"), "{error}");
    assert!(error.to_string().contains("tiny-00001-of-00003.gguf … tiny-00003-of-00003.gguf"), "{error}");
    assert!(error.to_string().contains("`llama-gguf-split --merge tiny-00001-of-00003.gguf MODEL.gguf`"), "{error}");

    // Numbers of another type, and more of them than there are: it is a shard all the same.
    for (ty, no, count) in [(4, 5u32, 3u32), (5, 1, 2), (10, 0, 9)] {
        let value = |n: u32| [n.to_le_bytes(), [0; 4]].concat()[..if ty == 10 { 8 } else { 4 }].to_vec();
        let file = File::new().kv("split.no", ty, &value(no)).kv("split.count", ty, &value(count));
        let error = Gguf::from_bytes(file.bytes()).unwrap().require_whole().unwrap_err().to_string();
        assert!(error.contains(&format!("shard {} of {count} of a split model", no + 1)), "{error}");
    }
}

/// Strings of the metadata are bytes, keys and names are not; whatever a message quotes is shown escaped.
#[test]
fn control_characters_of_a_file_are_shown_escaped() {
    let escape = "\u{1b}[31m";
    for (file, core) in [
        (File::new().kv(escape, 13, &[]), "key '\\u{1b}[31m' has invalid GGUF type 13"),
        (File::new().kv(escape, 8, &[0xff; 8]), "value of key '\\u{1b}[31m'"),
        (File::new().kv(escape, 0, &[1]).kv(escape, 0, &[1]), "duplicate key '\\u{1b}[31m'"),
        (File::new().raw_info(escape, 9, &[], 0, 0), "tensor '\\u{1b}[31m' has invalid number of dimensions"),
        (File::new().info(escape, &[33], GgmlType::Q4_0, 0), "tensor '\\u{1b}[31m' of type Q4_0"),
        (File::new().info(escape, &[1], GgmlType::F32, 7), "tensor '\\u{1b}[31m' has offset 7"),
        (File::new().info(escape, &[1], GgmlType::F32, 0), "tensor '\\u{1b}[31m' data is not within"),
    ] {
        file.rejected(core);
    }
    let gguf = Gguf::from_bytes(File::new().kv(escape, 8, &string(escape)).bytes()).unwrap();
    let error = gguf.metadata().u32(escape).unwrap_err().to_string();
    assert_eq!(error, "key '\\u{1b}[31m' must be of type u32 but is str");
    let directory = tempfile::tempdir().unwrap();
    let error = Gguf::open(&directory.path().join(escape)).unwrap_err().to_string();
    assert!(error.ends_with("/\\u{1b}[31m'"), "{error}");
}

#[test]
fn strings_are_bytes() {
    let strings = [&8i32.to_le_bytes()[..], &2u64.to_le_bytes(), &string("a"), &2u64.to_le_bytes(), &[0xff, 0xfe]];
    let gguf = Gguf::from_bytes(File::new().kv("tokens", 9, &strings.concat()).bytes()).unwrap();
    assert_eq!(gguf.metadata().byte_strs("tokens").unwrap().unwrap(), [&b"a"[..], &[0xff, 0xfe]]);
    let error = gguf.metadata().strs("tokens").unwrap_err();
    assert!(matches!(&error, GgufError::ValueNotUtf8 { element: Some(1), byte: 0, .. }));
    let expected = "value of key 'tokens', string 1 of the array, is not UTF-8 from byte 0 on: '\u{fffd}\u{fffd}'";
    assert_eq!(error.to_string(), expected);
    assert!(gguf.metadata().byte_strs("none").unwrap().is_none());
}

#[test]
fn what_cannot_be_opened_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Gguf::open(&directory.path().join("none.gguf")).unwrap_err().to_string();
    assert!(missing.contains("none.gguf"), "{missing}");
    let missing = Gguf::open(&directory.path().join("none.gguf")).unwrap_err();
    let cause = std::error::Error::source(&missing).expect("what the system says").to_string();
    assert!(!missing.to_string().contains(&cause), "each cause once: {missing}: {cause}");
    let error = Gguf::open(directory.path()).unwrap_err();
    assert!(matches!(error, GgufError::NotAFile { found: "a directory", .. }), "{error}");

    let empty = directory.path().join("empty.gguf");
    std::fs::write(&empty, b"").unwrap();
    let error = Gguf::open(&empty).unwrap_err();
    assert_eq!(error.to_string(), "file ends at offset 0: magic needs 4 bytes, 0 are left");
}

/// A pipe cannot be mapped, and opening one would wait for whoever writes to it.
#[cfg(unix)]
#[test]
fn a_pipe_and_a_device_are_told_by_their_kind() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = Gguf::open(&pipe).unwrap_err();
    assert!(matches!(error, GgufError::NotAFile { found: "a pipe", .. }), "{error}");
    let error = Gguf::open(std::path::Path::new("/dev/null")).unwrap_err();
    assert!(error.to_string().contains("'/dev/null' is a device: expected a regular file"), "{error}");
}

/// Names of files are bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_utf8_opens() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(std::ffi::OsStr::from_bytes(b"mod\xffel.gguf"));
    std::fs::write(&path, File::new().bytes()).unwrap();
    assert_eq!(Gguf::open(&path).unwrap().path(), Some(path.as_path()));
    std::fs::remove_file(&path).unwrap();
    assert!(Gguf::open(&path).unwrap_err().to_string().ends_with("mod\u{fffd}el.gguf'"));
}
