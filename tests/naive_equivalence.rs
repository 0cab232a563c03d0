//! One sequence gives the same logits however it is cut up: as a whole, in chunks, token by token, or between others.
//!
//! The naive path sums in an order that does not depend on the batch, so "the same" means the same bits.

mod common;

use common::tiny_gguf::Case;
use common::{bits, f32_cases, kv_formats, load, pieces, relative_rms, side_by_side, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::{KvCache, KvFormat, KvFormats, KvLayout};
use cutaway::naive::Transformer;
use cutaway::observe::Off;

const N: usize = 23;
const A: SeqId = SeqId(0);
const B: SeqId = SeqId(7);

/// Logits after every token, as bits, of a sequence run in pieces of the given sizes.
fn in_pieces(
    model: &mut Transformer,
    formats: KvFormats,
    tokens: &[u32],
    sizes: impl IntoIterator<Item = usize>,
) -> Vec<Vec<u32>> {
    let mut cache = model.new_cache(formats, 64);
    let mut rows = Vec::new();
    for piece in pieces(tokens.len(), sizes) {
        let batch = Batch::scored(A, piece.start, &tokens[piece]);
        rows.extend(model.forward(&batch, &mut cache, &mut Off).unwrap().rows().map(bits));
    }
    rows
}

#[test]
fn chunks_change_no_bit() {
    for (case, formats) in f32_cases().iter().zip(kv_formats().into_iter().cycle()) {
        let mut model = Transformer::new(&load(case)).unwrap();
        let tokens = some_tokens(N, model.config().n_vocab, 1);
        let whole = in_pieces(&mut model, formats, &tokens, [N]);
        let what = format!("{}, {formats:?}", case.name);
        assert_eq!(whole, in_pieces(&mut model, formats, &tokens, [1; N]), "{what}: token by token");
        assert_eq!(whole, in_pieces(&mut model, formats, &tokens, [2, 7, 1, 13]), "{what}: chunks");
    }
}

#[test]
fn neighbours_in_the_batch_change_no_bit() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let n_vocab = model.config().n_vocab;
        let (ours, theirs) = (some_tokens(N, n_vocab, 1), some_tokens(N, n_vocab, 2));
        let alone = in_pieces(&mut model, KvFormat::F32.into(), &ours, [N]);

        // A page of 5 positions, so that pages are crossed.
        let layout = KvLayout::new(model.config(), KvFormat::F32, KvFormat::F32, 5);
        let mut cache = KvCache::new(layout, 64);
        let mut together = Vec::new();
        for piece in pieces(N, [10; 3]) {
            let batch = side_by_side(piece, (A, &ours), (B, &theirs));
            together.extend(model.forward(&batch, &mut cache, &mut Off).unwrap().rows().map(bits));
        }
        assert_eq!(alone, together, "{}", case.name);
    }
}

#[test]
fn a_fork_goes_on_where_the_original_stood() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let tokens = some_tokens(N, model.config().n_vocab, 3);
        let whole = in_pieces(&mut model, KvFormat::F32.into(), &tokens, [N]);

        // A page of 16 positions, so that the fork shares a tile of keys that is written in part.
        let layout = KvLayout::new(model.config(), KvFormat::F32, KvFormat::F32, 16);
        let mut cache = KvCache::new(layout, 128);
        model.forward(&Batch::prompt(A, 0, &tokens[..9]), &mut cache, &mut Off).unwrap();
        cache.fork(A, B).unwrap();
        let other = some_tokens(6, model.config().n_vocab, 4);
        model.forward(&Batch::prompt(A, 9, &other), &mut cache, &mut Off).unwrap(); // writes to the shared page
        let logits = model.forward(&Batch::scored(B, 9, &tokens[9..]), &mut cache, &mut Off).unwrap();
        assert_eq!(whole[9..], logits.rows().map(bits).collect::<Vec<_>>(), "{}", case.name);

        cache.truncate(A, 9).unwrap(); // and back: the first sequence takes the other branch after all
        let logits = model.forward(&Batch::scored(A, 9, &tokens[9..]), &mut cache, &mut Off).unwrap();
        assert_eq!(whole[9..], logits.rows().map(bits).collect::<Vec<_>>(), "{}", case.name);
    }
}

/// How far a cache in these formats moves the logits of a case, as relative RMS over all of them.
fn moved(case: &Case, formats: KvFormats) -> f64 {
    let mut model = Transformer::new(&load(case)).unwrap();
    let batch = Batch::scored(A, 0, &some_tokens(N, model.config().n_vocab, 5));
    let mut logits = |formats: KvFormats| {
        let mut cache = model.new_cache(formats, 64);
        model.forward(&batch, &mut cache, &mut Off).unwrap().rows().flatten().copied().collect::<Vec<f32>>()
    };
    let exact: Vec<f64> = logits(KvFormats::default()).into_iter().map(f64::from).collect();
    relative_rms(&logits(formats), &exact)
}

/// Rounding the cache moves the logits as far as the steps of its format are wide. A number off by up to half a step is
/// off by 1/√12 of a step in RMS, and the largest of 32 normal numbers is 2.1 times their RMS: with q4_0, eight steps to the
/// largest, keys and values are off by 7.6 % of their RMS, with q8_0 (127 steps) by 0.48 %, with f16 by 0.01 %. These models
/// are the worst case: attention far from uniform averages little and makes errors of weights of what is off in keys. Five
/// times the error of a number is a budget that holds for all of them; f16 has twice that, since the steps of a float are
/// not even, and where one of a pair of experts is chosen for another, a little error becomes a larger one.
#[test]
fn a_rounded_cache_stays_close() {
    for case in f32_cases() {
        for (format, budget) in [(KvFormat::F16, 1e-3), (KvFormat::Q8_0, 2.4e-2), (KvFormat::Q4_0, 0.38)] {
            let both = moved(&case, format.into());
            println!("{} {}: {both:.1e}", case.name, format.name());
            assert!(both < budget, "{}: relative RMS {both:.2e} with {}", case.name, format.name());
            assert!(both > 0.0, "{}: a cache in {} that rounds nothing", case.name, format.name());
        }
    }
}

/// Each side is stored in its own format: rounding one of them is another result than rounding the other, or both.
#[test]
fn keys_and_values_are_rounded_apart() {
    let (exact, rough) = (KvFormat::F32, KvFormat::Q4_0);
    for case in f32_cases() {
        let [k, v, both] =
            [(rough, exact), (exact, rough), (rough, rough)].map(|(k, v)| moved(&case, KvFormats { k, v }));
        println!("{}: k {k:.1e} v {v:.1e} both {both:.1e}", case.name);
        assert!(k > 0.0 && v > 0.0 && k != v && both != k && both != v, "{}: {k} {v} {both}", case.name);
    }
}
