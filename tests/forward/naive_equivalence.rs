//! One sequence gives the same logits however it is cut up: as a whole, in chunks, token by token, or between others.
//!
//! The naive path sums in an order that does not depend on the batch, so "the same" means the same bits.

use crate::common::tiny_gguf::Case;
use crate::common::{bits, f32_cases, kv_formats, load, pieces, relative_rms, side_by_side, some_tokens};
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
fn other_sequences_in_the_batch_change_no_bit() {
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
fn a_fork_continues_from_the_same_positions() {
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

        cache.truncate(A, 9).unwrap(); // and back: the first sequence continues with the other tokens too
        let logits = model.forward(&Batch::scored(A, 9, &tokens[9..]), &mut cache, &mut Off).unwrap();
        assert_eq!(whole[9..], logits.rows().map(bits).collect::<Vec<_>>(), "{}", case.name);
    }
}

/// The error of the logits of a case with a cache in these formats, as relative RMS over all of them.
fn error_of(case: &Case, formats: KvFormats) -> f64 {
    let mut model = Transformer::new(&load(case)).unwrap();
    let batch = Batch::scored(A, 0, &some_tokens(N, model.config().n_vocab, 5));
    let mut logits = |formats: KvFormats| {
        let mut cache = model.new_cache(formats, 64);
        model.forward(&batch, &mut cache, &mut Off).unwrap().rows().flatten().copied().collect::<Vec<f32>>()
    };
    let exact: Vec<f64> = logits(KvFormats::default()).into_iter().map(f64::from).collect();
    relative_rms(&logits(formats), &exact)
}

/// The error of the logits grows with the steps of the cache's format. An error of up to half a step is 1/√12 of a step in
/// RMS, and the largest of 32 normally distributed numbers is 2.1 times their RMS. So with q4_0, in which the largest is eight
/// steps, the error of keys and values is 7.6 % of their RMS; with q8_0 (127 steps) it is 0.48 %, with f16 0.01 %. These
/// models are the worst case: their attention is far from uniform, so it averages little, and an error in a key becomes one
/// in the pattern. Five times the error of a number is a budget for all of them. For f16 it is twice that, because the steps
/// of a float are not even, and because a small error becomes a larger one where another expert is chosen.
#[test]
fn a_rounded_cache_stays_close() {
    for case in f32_cases() {
        for (format, budget) in [(KvFormat::F16, 1e-3), (KvFormat::Q8_0, 2.4e-2), (KvFormat::Q4_0, 0.38)] {
            let both = error_of(&case, format.into());
            println!("{} {}: {both:.1e}", case.name, format.name());
            assert!(both < budget, "{}: relative RMS {both:.2e} with {}", case.name, format.name());
            assert!(both > 0.0, "{}: a cache in {} that rounds nothing", case.name, format.name());
        }
    }
}

/// Keys and values have a format each: rounding only one of them gives another result than rounding the other, or both.
#[test]
fn keys_and_values_are_rounded_separately() {
    let (exact, rough) = (KvFormat::F32, KvFormat::Q4_0);
    for case in f32_cases() {
        let [k, v, both] =
            [(rough, exact), (exact, rough), (rough, rough)].map(|(k, v)| error_of(&case, KvFormats { k, v }));
        println!("{}: k {k:.1e} v {v:.1e} both {both:.1e}", case.name);
        assert!(k > 0.0 && v > 0.0 && k != v && both != k && both != v, "{}: {k} {v} {both}", case.name);
    }
}
