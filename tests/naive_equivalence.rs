//! One sequence gives the same logits however it is cut up: as a whole, in chunks, token by token, or between others.
//!
//! The naive path sums in an order that does not depend on the batch, so "the same" means the same bits.

mod common;

use common::{f32_cases, load, some_tokens};
use cutaway::batch::{Batch, Row, SeqId};
use cutaway::kv_cache::{KvCache, KvFormat, KvLayout};
use cutaway::naive::Transformer;
use cutaway::observe::Off;

const N: usize = 23;
const A: SeqId = SeqId(0);
const B: SeqId = SeqId(7);

/// Logits after every token, as bits, of a sequence run in pieces of the given sizes.
fn in_pieces(model: &mut Transformer, tokens: &[u32], sizes: impl Iterator<Item = usize>) -> Vec<Vec<u32>> {
    let mut cache = model.new_cache(KvFormat::F32, 64);
    let (mut start, mut rows) = (0, Vec::new());
    for size in sizes {
        let end = (start + size).min(tokens.len());
        if start == end {
            break;
        }
        let logits = model.forward(&Batch::scored(A, start, &tokens[start..end]), &mut cache, &mut Off).unwrap();
        rows.extend(logits.rows().map(bits));
        start = end;
    }
    assert_eq!(rows.len(), tokens.len());
    rows
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn chunks_change_no_bit() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let tokens = some_tokens(N, model.config().n_vocab, 1);
        let whole = in_pieces(&mut model, &tokens, std::iter::once(N));
        assert_eq!(whole, in_pieces(&mut model, &tokens, std::iter::repeat(1)), "{}: token by token", case.name);
        assert_eq!(whole, in_pieces(&mut model, &tokens, [2, 7, 1, 13].into_iter()), "{}: chunks", case.name);
    }
}

#[test]
fn neighbours_in_the_batch_change_no_bit() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let n_vocab = model.config().n_vocab;
        let (ours, theirs) = (some_tokens(N, n_vocab, 1), some_tokens(N, n_vocab, 2));
        let alone = in_pieces(&mut model, &ours, std::iter::once(N));

        // Both sequences in one batch, a row of each in turn; a page of 5 positions, so that pages are crossed.
        let layout = KvLayout::new(model.config(), KvFormat::F32, KvFormat::F32, 5);
        let mut cache = KvCache::new(layout, 64);
        let mut together = Vec::new();
        for start in (0..N).step_by(10) {
            let mut batch = Batch::new();
            for position in start..(start + 10).min(N) {
                let row = |token, sequence, wants_logits| Row { token, position, sequence, wants_logits };
                batch.push(row(theirs[position], B, false));
                batch.push(row(ours[position], A, true));
            }
            let logits = model.forward(&batch, &mut cache, &mut Off).unwrap();
            together.extend(logits.rows().map(bits));
        }
        assert_eq!(alone, together, "{}", case.name);
    }
}

#[test]
fn a_fork_goes_on_where_the_original_stood() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let tokens = some_tokens(N, model.config().n_vocab, 3);
        let whole = in_pieces(&mut model, &tokens, std::iter::once(N));

        let mut cache = model.new_cache(KvFormat::F32, 256);
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

#[test]
fn an_f16_cache_stays_close() {
    for case in f32_cases() {
        let mut model = Transformer::new(&load(&case)).unwrap();
        let tokens = some_tokens(N, model.config().n_vocab, 5);
        let mut exact = model.new_cache(KvFormat::F32, 64);
        let mut rounded = model.new_cache(KvFormat::F16, 64);
        let batch = Batch::scored(A, 0, &tokens);
        let exact = model.forward(&batch, &mut exact, &mut Off).unwrap();
        let rounded = model.forward(&batch, &mut rounded, &mut Off).unwrap();
        let (mut error, mut size) = (0.0, 0.0);
        for (a, b) in exact.rows().flatten().zip(rounded.rows().flatten()) {
            error += f64::from(a - b).powi(2);
            size += f64::from(*a).powi(2);
        }
        // f16 keeps 11 bits: keys and values are off by 2⁻¹² relative, and attention averages over many of them.
        let relative = (error / size).sqrt();
        assert!(relative < 1e-3, "{}: relative RMS {relative:.2e}", case.name);
        assert!(relative > 0.0, "{}: an f16 cache that rounds nothing is not an f16 cache", case.name);
    }
}
