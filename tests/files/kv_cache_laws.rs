//! Laws of the KV cache. It is compared with the simplest implementation: each sequence is a list of what was written.

use cutaway::batch::{Batch, Row, SeqId};
use cutaway::kv_cache::{CacheError, KvCache, KvFormat, KvFormats, KvLayer, KvLayout, KvSide};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

const PAGE: usize = 4;
const LAYERS: [KvLayer; 2] =
    [KvLayer { n_head_kv: 2, head_dim_k: 3, head_dim_v: 2 }, KvLayer { n_head_kv: 1, head_dim_k: 4, head_dim_v: 1 }];

fn cache(n_positions: usize) -> KvCache {
    cache_of(KvFormats { k: KvFormat::F32, v: KvFormat::F16 }, n_positions)
}

fn cache_of(formats: KvFormats, n_positions: usize) -> KvCache {
    KvCache::new(KvLayout::of_layers(LAYERS.to_vec(), formats.k, formats.v, PAGE), n_positions)
}

fn format() -> impl Strategy<Value = KvFormat> {
    select(&KvFormat::ALL[..])
}

fn formats() -> impl Strategy<Value = KvFormats> {
    (format(), format()).prop_map(|(k, v)| KvFormats { k, v })
}

#[derive(Debug, Clone)]
enum Action {
    Grow(u32, usize),
    Fork(u32, u32),
    Truncate(u32, usize),
    Remove(u32),
}

fn action() -> impl Strategy<Value = Action> {
    let sequence = 0u32..4;
    prop_oneof![
        3 => (sequence.clone(), 1usize..7).prop_map(|(s, n)| Action::Grow(s, n)),
        2 => (sequence.clone(), sequence.clone()).prop_map(|(a, b)| Action::Fork(a, b)),
        1 => (sequence.clone(), 0usize..12).prop_map(|(s, n)| Action::Truncate(s, n)),
        1 => sequence.prop_map(Action::Remove),
    ]
}

/// One head's key or value: exact in f16, and different for every stamp and place.
fn row(stamp: usize, layer: usize, head: usize, dim: usize) -> Vec<f32> {
    (0..dim).map(|component| (stamp % 64 * 32 + layer * 16 + head * 8 + component) as f32).collect()
}

/// A row as an otherwise empty cache returns it.
fn rounded(format: KvFormat, row: &[f32]) -> Vec<f32> {
    let layer = KvLayer { n_head_kv: 1, head_dim_k: row.len(), head_dim_v: 1 };
    let mut cache = KvCache::new(KvLayout::of_layers(vec![layer], format, KvFormat::F32, 1), 1);
    let slots = cache.reserve(&Batch::prompt(SeqId(0), 0, &[0])).unwrap();
    cache.write(0, slots[0], row, &[0.0]);
    cache.read(0, KvSide::K, SeqId(0))
}

/// Appends `n` positions to a sequence, each with values made from a stamp of its own.
fn grow(cache: &mut KvCache, sequence: SeqId, stamps: &[usize]) -> Result<(), CacheError> {
    let start = cache.len(sequence);
    let mut batch = Batch::new();
    for i in 0..stamps.len() {
        batch.push(Row { token: 0, position: start + i, sequence, wants_logits: false });
    }
    for (slot, &stamp) in cache.reserve(&batch)?.into_iter().zip(stamps) {
        for (layer, shape) in LAYERS.iter().enumerate() {
            let values = |dim: usize| -> Vec<f32> {
                (0..shape.n_head_kv).flat_map(|head| row(stamp, layer, head, dim)).collect()
            };
            cache.write(layer, slot, &values(shape.head_dim_k), &values(shape.head_dim_v));
        }
    }
    Ok(())
}

fn check(cache: &KvCache, expected: &BTreeMap<u32, Vec<usize>>) {
    for (&sequence, stamps) in expected {
        let sequence = SeqId(sequence);
        assert_eq!(cache.len(sequence), stamps.len());
        for (layer, shape) in LAYERS.iter().enumerate() {
            for (side, dim) in [(KvSide::K, shape.head_dim_k), (KvSide::V, shape.head_dim_v)] {
                let wanted: Vec<f32> = (0..shape.n_head_kv)
                    .flat_map(|head| stamps.iter().map(move |&stamp| row(stamp, layer, head, dim)))
                    .flat_map(|row| rounded(cache.layout().format(side), &row))
                    .collect();
                assert_eq!(cache.read(layer, side, sequence), wanted, "layer {layer} {side:?} of sequence {sequence}");
            }
        }
    }
    let usage = cache.usage();
    assert_eq!(usage.positions, expected.values().map(Vec::len).sum::<usize>());
    assert!(usage.pages <= usage.capacity);
    if expected.values().all(Vec::is_empty) {
        assert_eq!(usage.pages, 0, "pages leak");
    }
}

proptest! {
    /// After any appending, forking, truncating and removing, every sequence returns what was written to it (rounded as
    /// its row alone would be), failures change nothing, and no page is lost.
    #[test]
    fn a_cache_is_a_list_for_every_sequence(
        formats in formats(),
        actions in proptest::collection::vec(action(), 1..40),
    ) {
        let mut cache = cache_of(formats, 40);
        let mut expected: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut stamp = 0;
        for action in actions {
            match action {
                Action::Grow(s, n) => {
                    let stamps: Vec<usize> = (stamp..stamp + n).collect();
                    stamp += n;
                    match grow(&mut cache, SeqId(s), &stamps) {
                        Ok(()) => expected.entry(s).or_default().extend(stamps),
                        Err(error) => prop_assert!(matches!(error, CacheError::Full { .. }), "{error}"),
                    }
                }
                Action::Fork(a, b) => match cache.fork(SeqId(a), SeqId(b)) {
                    Ok(()) => {
                        let copy = expected[&a].clone();
                        prop_assert!(expected.insert(b, copy).is_none());
                    }
                    Err(CacheError::SequenceExists(s)) => prop_assert!(expected.contains_key(&s.0)),
                    Err(error) => prop_assert_eq!(error, CacheError::UnknownSequence(SeqId(a))),
                },
                Action::Truncate(s, len) => match cache.truncate(SeqId(s), len) {
                    Ok(()) => expected.get_mut(&s).unwrap().truncate(len),
                    Err(error) => prop_assert_eq!(error, CacheError::UnknownSequence(SeqId(s))),
                },
                Action::Remove(s) => prop_assert_eq!(cache.remove(SeqId(s)).is_ok(), expected.remove(&s).is_some()),
            }
            check(&cache, &expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Rows of two sequences in one batch, as threads would store them: head by head and page by page.
    #[test]
    fn parts_store_what_rows_store(formats in formats(), page_len in select(vec![4usize, 16, 32]), n in 1usize..40) {
        let mut batch = Batch::new();
        for position in 0..n {
            for sequence in [SeqId(0), SeqId(1)] {
                batch.push(Row { token: 0, position, sequence, wants_logits: false });
            }
        }
        let layout = || KvLayout::of_layers(LAYERS.to_vec(), formats.k, formats.v, page_len);
        let (mut by_rows, mut by_parts) = (KvCache::new(layout(), 128), KvCache::new(layout(), 128));
        let (slots, same_slots) = (by_rows.reserve(&batch).unwrap(), by_parts.reserve(&batch).unwrap());
        for (layer, shape) in LAYERS.iter().enumerate() {
            let values = |stamp: usize, dim: usize| -> Vec<f32> {
                (0..shape.n_head_kv).flat_map(|head| row(stamp, layer, head, dim)).collect()
            };
            let rows: Vec<_> =
                (0..slots.len()).map(|i| (values(i, shape.head_dim_k), values(i, shape.head_dim_v))).collect();
            for (&slot, (k, v)) in slots.iter().zip(&rows) {
                by_rows.write(layer, slot, k, v);
            }
            for mut part in by_parts.parts_mut(layer, &same_slots).into_iter().rev() {
                same_slots.iter().zip(&rows).for_each(|(&slot, (k, v))| part.write(slot, k, v));
            }
            for (side, sequence) in [KvSide::K, KvSide::V].into_iter().flat_map(|s| [(s, SeqId(0)), (s, SeqId(1))]) {
                prop_assert_eq!(by_rows.read(layer, side, sequence), by_parts.read(layer, side, sequence));
            }
        }
    }
}

/// Numbers of very different sizes next to each other, zeros among them.
fn numbers() -> impl Strategy<Value = Vec<f32>> {
    let number = prop_oneof![4 => -4.0f32..4.0, 1 => -1e-3f32..1e-3, 1 => -900.0f32..900.0, 1 => Just(0.0)];
    proptest::collection::vec(number, 1..100)
}

proptest! {
    /// A row is returned rounded to the steps of its format. The error is at most half a step, and the error of the scale, which
    /// is stored as an f16 (at most 2⁻¹¹ of the largest number, or 2⁻²⁵ per step if the scale is subnormal). Q4_0 has one code
    /// less on the side opposite to the largest number, so at that end the error is up to a whole step.
    #[test]
    fn what_is_stored_comes_back_within_a_step(row in numbers()) {
        for format in KvFormat::ALL {
            let found = rounded(format, &row);
            for (numbers, found) in row.chunks(32).zip(found.chunks(32)) {
                let largest = numbers.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
                let first = numbers.iter().find(|x| x.abs() == largest).unwrap();
                for (&x, &y) in numbers.iter().zip(found) {
                    let tolerance = match format {
                        KvFormat::F32 => 0.0,
                        KvFormat::F16 => x.abs() * 2.0_f32.powi(-11) + 2.0_f32.powi(-25),
                        KvFormat::Q8_0 => largest / 127.0 * 0.5 + largest * 2.0_f32.powi(-11) + 127.0 * 2.0_f32.powi(-25),
                        KvFormat::Q4_0 => {
                            let step = largest / 8.0;
                            let off = if x * first < 0.0 && x.abs() > 7.5 * step { step } else { 0.5 * step };
                            off + largest * 2.0_f32.powi(-11) + 8.0 * 2.0_f32.powi(-25)
                        }
                    };
                    // The law is about real numbers; testing it in f32 is off by some ulps of x.
                    prop_assert!((x - y).abs() <= tolerance * 1.000_01 + x.abs() * 1e-6, "{}: {x} became {y}", format.name());
                }
            }
        }
    }

    /// Bytes are whole blocks of every head and side, nothing else, and pages add nothing.
    #[test]
    fn bytes_are_whole_blocks(
        shapes in proptest::collection::vec((1usize..5, 1usize..200, 1usize..200), 1..4),
        formats in formats(),
        page_len in 1usize..70,
    ) {
        let row = |format: KvFormat, dim: usize| match format {
            KvFormat::F32 => 4 * dim,
            KvFormat::F16 => 2 * dim,
            KvFormat::Q8_0 => dim.div_ceil(32) * (2 + 32),
            KvFormat::Q4_0 => dim.div_ceil(32) * (2 + 16),
        };
        let layers: Vec<KvLayer> = shapes
            .iter()
            .map(|&(n_head_kv, head_dim_k, head_dim_v)| KvLayer { n_head_kv, head_dim_k, head_dim_v })
            .collect();
        let expected: Vec<usize> =
            shapes.iter().map(|&(n, k, v)| n * (row(formats.k, k) + row(formats.v, v))).collect();
        let layout = KvLayout::of_layers(layers, formats.k, formats.v, page_len);
        prop_assert_eq!(layout.page_bytes(), page_len * expected.iter().sum::<usize>());
        prop_assert_eq!(layout.position_bytes(), expected.iter().sum::<usize>());
        for (layer, expected) in expected.into_iter().enumerate() {
            prop_assert_eq!(layout.layer_position_bytes(layer), expected);
        }
    }
}

/// Keys are stored in tiles of sixteen positions or in rows: for any page length, what was written is read.
#[test]
fn every_page_length_returns_what_was_written() {
    const N: usize = 40;
    let layer = KvLayer { n_head_kv: 2, head_dim_k: 70, head_dim_v: 33 };
    for (format, page_len) in KvFormat::ALL.into_iter().flat_map(|format| (1..=33).map(move |len| (format, len))) {
        let mut cache = KvCache::new(KvLayout::of_layers(vec![layer], format, format, page_len), N);
        let (mut keys, mut values) = (Vec::new(), Vec::new()); // [position][head]
        let slots = cache.reserve(&Batch::prompt(SeqId(0), 0, &[0; N])).unwrap();
        for (position, slot) in slots.into_iter().enumerate() {
            let k: [Vec<f32>; 2] = std::array::from_fn(|head| row(position, 0, head, 70));
            let v: [Vec<f32>; 2] = std::array::from_fn(|head| row(position, 1, head, 33));
            cache.write(0, slot, &k.concat(), &v.concat());
            keys.push(k);
            values.push(v);
        }
        for (side, rows) in [(KvSide::K, keys), (KvSide::V, values)] {
            let by_head = (0..2).flat_map(|head| rows.iter().map(move |row| &row[head]));
            let expected: Vec<f32> = by_head.flat_map(|row| rounded(format, row)).collect();
            assert_eq!(cache.read(0, side, SeqId(0)), expected, "{side:?} in {}, pages of {page_len}", format.name());
        }
    }
}

/// A block format has no code for NaN, and an infinity would make the scale infinite. Neither may be returned as an
/// ordinary number; the other blocks are not affected.
#[test]
fn nan_and_infinity_stay_visible() {
    for format in KvFormat::ALL {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let mut row: Vec<f32> = (0..70).map(|i| i as f32 / 8.0).collect();
            let good = rounded(format, &row);
            row[40] = bad;
            let found = rounded(format, &row);
            assert!(
                format == KvFormat::F32 || !found[40].is_finite(),
                "{bad} became {} in {}",
                found[40],
                format.name()
            );
            assert_eq!((&found[..32], &found[64..]), (&good[..32], &good[64..]), "{bad} in {}", format.name());
        }
    }
}

#[test]
fn formats_have_names() {
    for format in KvFormat::ALL {
        assert_eq!(KvFormat::from_name(format.name()), Some(format));
        assert_eq!(KvFormat::from_name(&format.ggml_type().name().to_lowercase()), Some(format));
    }
    assert_eq!(KvFormat::from_name("q5_0"), None);
}

#[test]
fn a_fork_shares_its_pages_until_one_side_writes() {
    let mut cache = cache(64);
    grow(&mut cache, SeqId(0), &[1, 2, 3, 4, 5, 6]).unwrap(); // a full page and half of another
    cache.fork(SeqId(0), SeqId(1)).unwrap();
    assert_eq!(cache.usage().pages, 2, "nothing is copied yet");
    grow(&mut cache, SeqId(1), &[7]).unwrap();
    assert_eq!(cache.usage().pages, 3, "the half page is copied, the full one is still shared");
    grow(&mut cache, SeqId(0), &[8]).unwrap();
    assert_eq!(cache.usage().pages, 3, "the original has its half page to itself now");
}

#[test]
fn a_batch_that_does_not_fit_changes_nothing() {
    let mut cache = cache(8);
    grow(&mut cache, SeqId(0), &[1, 2, 3]).unwrap();
    let full = grow(&mut cache, SeqId(0), &[4, 5, 6, 7, 8, 9]).unwrap_err();
    assert_eq!(full, CacheError::Full { needed: 2, available: 1, capacity: 2, page_len: PAGE });
    assert_eq!(cache.len(SeqId(0)), 3);

    let mut gap = Batch::prompt(SeqId(0), 3, &[0, 0]);
    gap.push(Row { token: 0, position: 6, sequence: SeqId(0), wants_logits: false });
    let error = cache.reserve(&gap).unwrap_err();
    assert_eq!(error, CacheError::NotContiguous { row: 2, sequence: SeqId(0), expected: 5, found: 6 });
    assert_eq!(cache.len(SeqId(0)), 3, "not even the rows before the bad one were admitted");
}
