//! Reading a GGUF file takes no more memory than the file has bytes, whatever its bytes say.
//!
//! An allocator that counts stands under this test binary. `Gguf::from_bytes` is given files that are all entries and
//! no data (where an index weighs most), files that promise what they do not hold, and mutations of a good file; the
//! memory it adds at its worst moment must stay below the file's own size plus [`CONSTANT`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cutaway::gguf::{Gguf, GgufError, Metadata, Writer};
use cutaway::quant::GgmlType;

/// For what does not grow with the file: the reader's own structs, the text of an error.
const CONSTANT: usize = 16 << 10;

/// The system's allocator, and how much of it this thread uses.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor touches the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    // `realloc` stays the default: allocate, copy, free. Old and new are both alive for a moment, as they may be.
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads the file, checks the bound, and returns the result with the bytes added at the worst moment.
#[track_caller]
fn read(bytes: Vec<u8>) -> (Result<Gguf, GgufError>, usize) {
    let size = bytes.len();
    let before = LIVE.get();
    PEAK.set(before);
    let result = Gguf::from_bytes(bytes);
    let added = (PEAK.get() - before) as usize;
    assert!(added <= size + CONSTANT, "a file of {size} bytes took {added} more");
    (result, added)
}

fn header(n_tensors: u64, n_kv: u64) -> Vec<u8> {
    [&b"GGUF\x03\0\0\0"[..], &n_tensors.to_le_bytes(), &n_kv.to_le_bytes()].concat()
}

/// Names as short as unique names can be.
fn short_name(i: usize) -> String {
    let mut rest = i;
    let mut name = String::new();
    while name.is_empty() || rest > 0 {
        name.push(char::from(b'0' + (rest % 64) as u8));
        rest /= 64;
    }
    name
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn the_counter_counts() {
    let before = LIVE.get();
    PEAK.set(before);
    drop(vec![0u8; 1 << 20]);
    assert_eq!((PEAK.get() - before, LIVE.get()), (1 << 20, before));
}

#[test]
fn a_hundred_thousand_of_the_smallest_keys() {
    let n = 100_000;
    let mut bytes = header(0, n as u64);
    for i in 0..n {
        bytes.extend([string(&short_name(i)), vec![0, 0, 0, 0, 7]].concat()); // type u8, value 7
    }
    let (gguf, _) = read(bytes);
    assert_eq!(gguf.unwrap().metadata().require_u8(&short_name(n - 1)).unwrap(), 7);
}

#[test]
fn a_hundred_thousand_of_the_smallest_tensors() {
    let n = 100_000;
    let mut bytes = header(n as u64, 0);
    for i in 0..n {
        // One dimension of no elements, type F32, offset 0: tensors without data.
        bytes
            .extend([string(&short_name(i)), 1u32.to_le_bytes().to_vec(), vec![0; 8], vec![0; 4], vec![0; 8]].concat());
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    let (gguf, _) = read(bytes);
    assert_eq!(gguf.unwrap().tensors().len(), n);
}

#[test]
fn a_million_empty_strings() {
    let mut bytes = [header(0, 1), string("tokenizer.ggml.tokens"), vec![9, 0, 0, 0, 8, 0, 0, 0]].concat();
    bytes.extend(1_000_000u64.to_le_bytes());
    bytes.resize(bytes.len() + 8_000_000, 0);
    let (gguf, added) = read(bytes);
    assert_eq!(gguf.unwrap().metadata().array("tokenizer.ggml.tokens").unwrap().unwrap().len(), 1_000_000);
    assert!(added < CONSTANT, "an array is a view, yet took {added}");
}

#[test]
fn promises_cost_nothing() {
    let many = i64::MAX as u64;
    for bytes in [
        header(many, 0),
        header(0, many),
        header(many, many),
        [header(0, 1), string("k"), vec![9, 0, 0, 0, 4, 0, 0, 0], (1u64 << 30).to_le_bytes().to_vec()].concat(),
        [header(0, 1), string("k"), vec![9, 0, 0, 0, 8, 0, 0, 0], (1u64 << 30).to_le_bytes().to_vec()].concat(),
        [header(0, 1), (1u64 << 30).to_le_bytes().to_vec()].concat(),
    ] {
        let (result, added) = read(bytes);
        assert!(result.is_err() && added < CONSTANT);
    }
}

#[test]
fn mutations_of_a_good_file() {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama").unwrap();
    metadata.insert("tokenizer.ggml.tokens", (0..50).map(short_name).collect::<Vec<_>>()).unwrap();
    metadata.insert("tokenizer.ggml.scores", vec![0.5f32; 50]).unwrap();
    metadata.insert("llama.block_count", 2u32).unwrap();
    let mut writer = Writer::new(metadata);
    for i in 0..8 {
        writer.tensor(&format!("blk.{i}.attn_q.weight"), GgmlType::Q8_0, &[64, 4], vec![0; 272]).unwrap();
    }
    let good = writer.to_bytes().unwrap();

    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + random(4) {
            let at = random(bytes.len());
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random(256) as u8][random(6)];
        }
        if random(8) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        match read(bytes).0 {
            Ok(_) => read_well += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read_well > 1000 && refused > 1000, "{read_well} files were read, {refused} refused");
}
