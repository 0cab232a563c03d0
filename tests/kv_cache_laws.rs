//! Laws of the KV cache, against the simplest model of it: every sequence a plain list of what was written.

use cutaway::batch::{Batch, Row, SeqId};
use cutaway::kv_cache::{CacheError, KvCache, KvFormat, KvLayer, KvLayout, Side};
use proptest::prelude::*;
use std::collections::BTreeMap;

const PAGE: usize = 4;
const LAYERS: [KvLayer; 2] =
    [KvLayer { n_head_kv: 2, head_dim_k: 3, head_dim_v: 2 }, KvLayer { n_head_kv: 1, head_dim_k: 4, head_dim_v: 1 }];

fn cache(n_positions: usize) -> KvCache {
    KvCache::new(KvLayout::of_layers(LAYERS.to_vec(), KvFormat::F32, KvFormat::F16, PAGE), n_positions)
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

/// The number stored for one component: exact in f16, and different for every place.
fn value(stamp: usize, layer: usize, head: usize, component: usize) -> f32 {
    (stamp % 64 * 32 + layer * 16 + head * 8 + component) as f32
}

/// Appends `n` positions to a sequence, each with values made from a stamp of its own.
fn grow(cache: &mut KvCache, sequence: SeqId, stamps: &[usize]) -> Result<(), CacheError> {
    let start = cache.len(sequence);
    let mut batch = Batch::new();
    for i in 0..stamps.len() {
        batch.push(Row { token: 0, position: start + i, sequence, wants_logits: false });
    }
    for (slot, &stamp) in cache.admit(&batch)?.into_iter().zip(stamps) {
        for (layer, shape) in LAYERS.iter().enumerate() {
            let values = |dim: usize| -> Vec<f32> {
                (0..shape.n_head_kv).flat_map(|h| (0..dim).map(move |c| value(stamp, layer, h, c))).collect()
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
            for (side, dim) in [(Side::K, shape.head_dim_k), (Side::V, shape.head_dim_v)] {
                let wanted: Vec<f32> = (0..shape.n_head_kv)
                    .flat_map(|h| stamps.iter().flat_map(move |&s| (0..dim).map(move |c| value(s, layer, h, c))))
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
    /// Whatever is grown, forked, cut and removed, every sequence reads back what was written to it, failures change
    /// nothing, and no page is lost.
    #[test]
    fn a_cache_is_a_list_for_every_sequence(actions in proptest::collection::vec(action(), 1..40)) {
        let mut cache = cache(40);
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

#[test]
fn a_fork_shares_its_pages_until_somebody_writes() {
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
fn what_does_not_fit_is_refused_whole() {
    let mut cache = cache(8);
    grow(&mut cache, SeqId(0), &[1, 2, 3]).unwrap();
    let full = grow(&mut cache, SeqId(0), &[4, 5, 6, 7, 8, 9]).unwrap_err();
    assert_eq!(full, CacheError::Full { needed: 2, available: 1, capacity: 2, page_len: PAGE });
    assert_eq!(cache.len(SeqId(0)), 3);

    let mut gap = Batch::prompt(SeqId(0), 3, &[0, 0]);
    gap.push(Row { token: 0, position: 6, sequence: SeqId(0), wants_logits: false });
    let error = cache.admit(&gap).unwrap_err();
    assert_eq!(error, CacheError::NotContiguous { row: 2, sequence: SeqId(0), expected: 5, found: 6 });
    assert_eq!(cache.len(SeqId(0)), 3, "not even the rows before the bad one were admitted");
}
