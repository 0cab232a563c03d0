//! The bytes of a cost follow from the shapes. They are compared with the values that an observer is shown, with the weights
//! in the file and with the layout of the cache. (FLOPs are counted: `cost_is_counted.rs`.)

use crate::common::{f32_cases, kv_formats, load, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::{KvCache, KvFormat, KvLayout};
use cutaway::measure::inspect;
use cutaway::model::Model;
use cutaway::observe::{Cost, Event, HookAt, Observer, Off, Op, OpAt, OpWork, TensorView, cost};
use cutaway::{naive, optimized};
use proptest::prelude::*;

const A: SeqId = SeqId(0);
/// Bytes of an f32.
const F32: u64 = 4;

/// Stores the costs, and compares the bytes that an operation writes by its formula with the size of the value that it shows.
#[derive(Default)]
struct ByteChecker {
    costs: Vec<(OpAt, Cost)>,
    kv_bytes: usize,
    compared: usize,
}

impl Observer for ByteChecker {
    fn end(&mut self, at: OpAt, work: &OpWork) {
        self.costs.push((at, work.cost));
    }

    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        if let Some((op, cost)) = self.costs.last()
            && (op.op.hook(), op.layer) == (Some(at.hook), at.layer)
        {
            assert_eq!(cost.activation_write, F32 * value.values.len() as u64, "{op} writes what {at} shows");
            self.compared += 1;
        }
    }

    fn event(&mut self, event: &Event) {
        if let Event::Kv { bytes, .. } = event {
            self.kv_bytes = *bytes;
        }
    }
}

impl ByteChecker {
    fn total(&self, part: impl Fn(&Cost) -> u64) -> u64 {
        self.costs.iter().map(|(_, cost)| part(cost)).sum()
    }
}

/// The costs of the naive path for a batch that continues what `cache` holds.
fn watched_naive(model: &Model, batch: &Batch, cache: &mut KvCache) -> ByteChecker {
    let mut ledger = ByteChecker::default();
    naive::Transformer::new(model).unwrap().forward(batch, cache, &mut ledger).unwrap();
    ledger
}

/// The same for the optimized path.
fn watched_optimized(model: &Model, batch: &Batch, cache: &mut KvCache) -> ByteChecker {
    let (mut ledger, options) = (ByteChecker::default(), optimized::Options { n_threads: 1, ..Default::default() });
    optimized::Transformer::new(model, options).unwrap().forward(batch, cache, &mut ledger).unwrap();
    ledger
}

fn cache(model: &Model, k: KvFormat, v: KvFormat) -> KvCache {
    KvCache::new(KvLayout::new(&model.config, k, v, 8), 64)
}

#[test]
fn an_operation_writes_what_it_shows() {
    for case in f32_cases() {
        let model = load(&case);
        let batch = Batch::prompt(A, 0, &some_tokens(7, model.config.n_vocab, 1));
        let exact = || cache(&model, KvFormat::F32, KvFormat::F32);
        for ledger in [watched_naive(&model, &batch, &mut exact()), watched_optimized(&model, &batch, &mut exact())] {
            assert!(ledger.compared > 5 * model.config.n_layer(), "{}: {} compared", case.name, ledger.compared);
        }
    }
}

/// Generating a token reads every weight once: of experts those that are used, of embeddings one row. This is what `inspect`
/// finds in the file. Two rows are counted differently there: a row of a tied matrix is looked up and then read again with
/// the whole matrix, and a row of position embeddings is counted as an activation when it is added.
#[test]
fn a_token_reads_the_weights_of_the_file() {
    for case in f32_cases() {
        let model = load(&case);
        let ledger =
            watched_naive(&model, &Batch::prompt(A, 0, &[3]), &mut cache(&model, KvFormat::F32, KvFormat::F32));
        let row = F32 * model.config.n_embd as u64;
        let looked_up_and_read = if model.weights.output.is_none() { row } else { 0 };
        let added = if model.weights.position_embd.is_some() { row } else { 0 };
        let in_file = inspect::inspect(model.gguf()).decode.unwrap().weight_bytes_per_token;
        assert_eq!(ledger.total(|cost| cost.weight_bytes), in_file + looked_up_and_read - added, "{}", case.name);
    }
}

/// In every pair of formats, a position is written once and takes what the layout says; the naive path reads back all of
/// them, the optimized path what its rows can see.
#[test]
fn the_cache_is_written_once_and_read_once() {
    const PAST: usize = 13;
    for (case, formats) in f32_cases().iter().zip(kv_formats().into_iter().cycle()) {
        let model = load(case);
        let tokens = some_tokens(PAST + 3, model.config.n_vocab, 1);
        let mut cache = cache(&model, formats.k, formats.v);
        let past = Batch::prompt(A, 0, &tokens[..PAST]).without_logits();
        naive::Transformer::new(&model).unwrap().forward(&past, &mut cache, &mut Off).unwrap();
        let batch = Batch::prompt(A, PAST, &tokens[PAST..]);

        let layout = cache.layout().clone();
        let found = watched_naive(&model, &batch, &mut cache);
        assert_eq!(found.total(|cost| cost.kv_write), (3 * layout.position_bytes()) as u64, "{}", case.name);
        assert_eq!(found.total(|cost| cost.kv_read), ((PAST + 3) * layout.position_bytes()) as u64, "{}", case.name);
        assert_eq!(found.kv_bytes, (PAST + 3).div_ceil(layout.page_len()) * layout.page_bytes(), "{}", case.name);

        cache.truncate(A, PAST).unwrap();
        let found = watched_optimized(&model, &batch, &mut cache);
        let seen =
            |layer: usize| model.config.layers[layer].window.map_or(PAST + 3, |window| (window + 2).min(PAST + 3));
        let read: usize = (0..model.config.n_layer()).map(|l| seen(l) * layout.layer_position_bytes(l)).sum();
        assert_eq!(found.total(|cost| cost.kv_write), (3 * layout.position_bytes()) as u64, "{}", case.name);
        assert_eq!(found.total(|cost| cost.kv_read), read as u64, "{}", case.name);
        assert!(found.costs.iter().all(|(at, cost)| cost.kv_read == 0 || at.op == Op::KvRead));
    }
}

/// Every formula that is a function of the number of tokens.
fn per_token(n: usize, a: usize, b: usize) -> [(&'static str, Cost); 14] {
    [
        ("linear", cost::linear(n, a, b, true, 4 * a * b)),
        ("rms_norm", cost::rms_norm(n, a)),
        ("layer_norm", cost::layer_norm(n, a, true)),
        ("rope", cost::rope(n, a, 2 * b, b)),
        ("kv_write", cost::kv_write(n, a, b, n * 34 * a)),
        ("kv_read", cost::kv_read(n * a, n * b)),
        ("attention", cost::attention(n, a, b, 2 * b, n * 5)),
        ("swiglu", cost::swiglu(n * a)),
        ("silu", cost::silu(n * a)),
        ("gelu", cost::gelu(n * a)),
        ("geglu", cost::geglu(n * a)),
        ("add", cost::add(n * a)),
        ("route", cost::route(n, a, a.min(2), true)),
        ("combine", cost::combine(n, 2, a)),
    ]
}

proptest! {
    /// Two batches move what one batch of both would, except that their weights are read twice.
    #[test]
    fn tokens_add_up_and_weights_do_not(n in 1usize..300, m in 1usize..300, a in 1usize..500, b in 1usize..500) {
        let (left, right, both) = (per_token(n, a, b), per_token(m, a, b), per_token(n + m, a, b));
        for (((name, left), (_, right)), (_, both)) in left.into_iter().zip(right).zip(both) {
            prop_assert_eq!(left.weight_bytes, both.weight_bytes, "{}", name);
            let apart: Cost = [left, right].into_iter().sum();
            prop_assert_eq!(Cost { weight_bytes: both.weight_bytes, ..apart }, both, "{}", name);
            let parts = [both.weight_bytes, both.activation_read, both.activation_write, both.kv_read, both.kv_write];
            prop_assert_eq!(both.bytes(), parts.iter().sum::<u64>(), "{}", name);
            prop_assert!(both.activation_read + both.kv_read > 0, "{} reads nothing", name);
            prop_assert!(both.activation_write + both.kv_write > 0, "{} writes nothing", name);
        }
    }

    /// An embedding reads the rows that are asked for, no more.
    #[test]
    fn an_embedding_reads_rows(n in 1usize..300, n_embd in 1usize..500, row_bytes in 1usize..2000) {
        let cost = cost::embed(n, n_embd, false, row_bytes);
        prop_assert_eq!(cost, Cost {
            weight_bytes: (n * row_bytes) as u64,
            activation_write: (n * n_embd) as u64 * F32,
            ..Cost::default()
        });
    }
}
