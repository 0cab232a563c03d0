//! A result of the optimized path depends on the model and the tokens alone. It has the same bits for any number of threads,
//! any division of a sequence into batches, any other sequences in the batch, and any instruction set, with an observer or
//! without.

use crate::common::tiny_gguf::{Case, named};
use crate::common::{bits, f32_cases, kv_formats, load, pieces, side_by_side, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kernels::Kernels;
use cutaway::kv_cache::{KvCache, KvFormat, KvFormats, KvLayout};
use cutaway::naive;
use cutaway::observe::{HookAt, Observer, Off, OpAt, OpWork, TensorView};
use cutaway::optimized::{ActPrecision, Options, Transformer};
use cutaway::quant::GgmlType;

/// More tokens than a block of queries, and not a multiple of the sizes of pieces.
const N: usize = 41;
const A: SeqId = SeqId(0);
const B: SeqId = SeqId(7);

/// Every family in F32, and formats that cover blocks of 32 and 256, with and without minima, and tables.
fn cases() -> Vec<Case> {
    let quantized = [
        "llama-gqa-q4_1",
        "llama-gqa-f16",
        "llama-gqa-q6_k",
        "llama-gqa-iq4_xs",
        "gemma3-q5_0",
        "gemma3-q4_k",
        "mixtral-q8_0",
        "mixtral-q4_k",
        "gpt2-q4_0",
        "phi3-q2_k",
    ];
    f32_cases().into_iter().chain(quantized.map(named)).collect()
}

fn transformer(case: &Case, n_threads: usize, kernels: Kernels) -> Transformer {
    Transformer::new(&load(case), Options { n_threads, kernels, ..Options::default() }).unwrap()
}

/// The same with activations of 16 bits.
fn a16_transformer(case: &Case, n_threads: usize, kernels: Kernels) -> Transformer {
    let activations = ActPrecision::A16;
    Transformer::new(&load(case), Options { n_threads, kernels, activations }).unwrap()
}

/// Logits after every token, as bits, of a sequence run in pieces of the given sizes.
fn in_pieces(model: &mut Transformer, sizes: impl IntoIterator<Item = usize>) -> Vec<Vec<u32>> {
    in_pieces_of(model, KvFormat::F16.into(), sizes)
}

/// As [`in_pieces`], keys and values stored in these formats.
fn in_pieces_of(model: &mut Transformer, formats: KvFormats, sizes: impl IntoIterator<Item = usize>) -> Vec<Vec<u32>> {
    let tokens = some_tokens(N, model.config().n_vocab, 1);
    let (mut cache, mut rows) = (model.new_cache(formats, 64), Vec::new());
    for piece in pieces(N, sizes) {
        let batch = Batch::scored(A, piece.start, &tokens[piece]);
        rows.extend(model.forward(&batch, &mut cache, &mut Off).unwrap().rows().map(bits));
    }
    rows
}

#[test]
fn threads_and_chunks_change_no_bit() {
    for case in cases() {
        let kernels = Kernels::detect();
        let expected = in_pieces(&mut transformer(&case, 1, kernels), [N]);
        for n_threads in [1, 2, 3, 5] {
            let mut model = transformer(&case, n_threads, kernels);
            let whole = in_pieces(&mut model, [N]);
            assert!(whole == expected, "{}: {n_threads} threads", case.name);
            let tokens = in_pieces(&mut model, [1; N]);
            assert!(tokens == expected, "{}: {n_threads} threads, token by token", case.name);
            let sevens = in_pieces(&mut model, [7; N]);
            assert!(sevens == expected, "{}: {n_threads} threads, seven at a time", case.name);
            let chunks = in_pieces(&mut model, [2, 17, 1, 9, 12]);
            assert!(chunks == expected, "{}: {n_threads} threads, chunks", case.name);
        }
    }
}

#[test]
fn every_set_of_kernels_gives_the_same_bits() {
    let every_format = GgmlType::WEIGHTS.map(|ty| named(&format!("llama-gqa-{}", ty.name().to_lowercase())));
    for case in cases().into_iter().chain(every_format) {
        let expected = in_pieces(&mut transformer(&case, 1, Kernels::scalar()), [30, 1, 10]);
        for kernels in Kernels::available() {
            let found = in_pieces(&mut transformer(&case, 2, kernels), [30, 1, 10]);
            assert!(found == expected, "{}: {} differs from scalar", case.name, kernels.name);
        }
    }
}

/// The same for threads, pieces and instruction sets with activations of 16 bits, whose results differ from those with 8.
#[test]
fn sixteen_bits_are_the_same_bits_everywhere() {
    for case in cases() {
        let expected = in_pieces(&mut a16_transformer(&case, 1, Kernels::scalar()), [N]);
        for kernels in Kernels::available() {
            let mut model = a16_transformer(&case, 2, kernels);
            assert!(in_pieces(&mut model, [N]) == expected, "{}, {}", case.name, kernels.name);
            assert!(in_pieces(&mut model, [1; N]) == expected, "{}, {}, token by token", case.name, kernels.name);
            assert!(in_pieces(&mut model, [2, 17, 1, 9, 12]) == expected, "{}, {}, chunks", case.name, kernels.name);
        }
        let eight = in_pieces(&mut transformer(&case, 1, Kernels::detect()), [N]);
        assert_eq!(eight == expected, case.ty.is_float(), "{}", case.name);
    }
}

/// The same for threads, chunks, pieces and instruction sets with every format of keys and values; each pair on two of the models.
#[test]
fn every_pair_of_cache_formats_gives_the_same_bits() {
    for (m, name) in ["llama-gqa-f32", "gemma3-q5_0", "mixtral-q8_0", "phi3-q2_k"].into_iter().enumerate() {
        let of = |n_threads, kernels| transformer(&named(name), n_threads, kernels);
        let mut specified = of(1, Kernels::scalar());
        let mut others: Vec<Transformer> = Kernels::available().into_iter().map(|kernels| of(2, kernels)).collect();
        let mut seen = Vec::new();
        for (i, formats) in kv_formats().into_iter().enumerate() {
            let expected = in_pieces_of(&mut specified, formats, [N]);
            for model in others.iter_mut().filter(|_| (i + i / 4 + m) % 2 == 0) {
                let what = format!("{name}: {formats:?}, {}", model.kernels().name);
                assert!(in_pieces_of(model, formats, [N]) == expected, "{what}, 2 threads");
                assert!(in_pieces_of(model, formats, [1; N]) == expected, "{what}, token by token");
                assert!(in_pieces_of(model, formats, [2, 17, 1, 9, 12]) == expected, "{what}, chunks");
            }
            assert!(!seen.contains(&expected), "{name}: {formats:?} is stored as another pair is");
            seen.push(expected);
        }
    }
}

/// Several chunks of 256 positions, prefilled in one pass or in pieces, on pages of 5 positions, whose keys are rows, and of
/// 48 and 256, whose keys are tiles.
#[test]
fn a_long_past_gives_the_same_bits() {
    let pairs = [
        (KvFormat::F32, KvFormat::F16),
        (KvFormat::F16, KvFormat::F32),
        (KvFormat::Q8_0, KvFormat::Q4_0),
        (KvFormat::Q4_0, KvFormat::Q8_0),
    ];
    let names = ["llama-longrope-long-f32", "phi3-longrope-long-q8_0"];
    for ((k, v), name) in pairs.into_iter().flat_map(|pair| names.map(|name| (pair, name))) {
        let n = 500;
        let run = |page_len, n_threads, sizes: &[usize]| {
            let mut model = transformer(&named(name), n_threads, Kernels::detect());
            let mut cache = KvCache::new(KvLayout::new(model.config(), k, v, page_len), n);
            let tokens = some_tokens(n, model.config().n_vocab, 5);
            let mut last = Vec::new();
            for piece in pieces(n, sizes.iter().copied().cycle()) {
                let batch = Batch::prompt(A, piece.start, &tokens[piece]);
                last = bits(model.forward(&batch, &mut cache, &mut Off).unwrap().row(0));
            }
            last
        };
        let expected = run(5, 1, &[n]);
        assert_eq!(run(5, 3, &[n]), expected, "{name}: threads");
        assert_eq!(run(5, 2, &[100, 3]), expected, "{name}: chunks and pieces");
        assert_eq!(run(48, 1, &[n]), expected, "{name}: tiles");
        assert_eq!(run(256, 2, &[100, 3]), expected, "{name}: tiles, chunks and pieces");
    }
}

/// A tile of keys is read whole, also the lanes that the sequence has not written yet. What an older sequence left there
/// must be masked.
#[test]
fn what_a_page_held_before_changes_no_bit() {
    let mut model = transformer(&named("llama-gqa-f32"), 1, Kernels::detect());
    let tokens = some_tokens(N, model.config().n_vocab, 6);
    for (formats, size) in kv_formats().into_iter().flat_map(|formats| [(formats, 1), (formats, N)]) {
        let mut run = |left: Option<f32>| {
            let layout = KvLayout::new(model.config(), formats.k, formats.v, 64);
            let mut cache = KvCache::new(layout, 64);
            if let Some(left) = left {
                for slot in cache.reserve(&Batch::prompt(B, 0, &[0; 64])).unwrap() {
                    for (layer, shape) in cache.layout().layers().to_vec().into_iter().enumerate() {
                        let row = |head_dim| vec![left; shape.n_head_kv * head_dim];
                        cache.write(layer, slot, &row(shape.head_dim_k), &row(shape.head_dim_v));
                    }
                }
                cache.remove(B).unwrap();
            }
            let mut rows = Vec::new();
            for piece in pieces(N, std::iter::repeat(size)) {
                let batch = Batch::scored(A, piece.start, &tokens[piece]);
                rows.extend(model.forward(&batch, &mut cache, &mut Off).unwrap().rows().map(bits));
            }
            rows
        };
        let expected = run(None);
        assert!(run(Some(f32::NAN)) == expected, "{formats:?}, {size} at a time, after NaNs");
        assert!(run(Some(60_000.0)) == expected, "{formats:?}, {size} at a time, after large numbers");
    }
}

#[test]
fn other_sequences_in_the_batch_change_no_bit() {
    for case in cases() {
        let mut model = transformer(&case, 2, Kernels::detect());
        let n_vocab = model.config().n_vocab;
        let (ours, theirs) = (some_tokens(N, n_vocab, 1), some_tokens(N, n_vocab, 2));
        let alone = in_pieces(&mut model, [N]);
        let layout = KvLayout::new(model.config(), KvFormat::F16, KvFormat::F16, 5);
        let mut cache = KvCache::new(layout, 128);
        let mut together = Vec::new();
        for piece in pieces(N, [10; 5]) {
            let batch = side_by_side(piece, (A, &ours), (B, &theirs));
            together.extend(model.forward(&batch, &mut cache, &mut Off).unwrap().rows().map(bits));
        }
        assert!(alone == together, "{}", case.name);
    }
}

/// Records the calls in order.
#[derive(Default)]
struct Recorder {
    ops: Vec<OpAt>,
    hooks: Vec<(HookAt, Vec<usize>)>,
    open: Option<OpAt>,
}

impl Observer for Recorder {
    fn begin(&mut self, at: OpAt) {
        assert_eq!(self.open.replace(at), None, "operations do not nest");
    }
    fn end(&mut self, at: OpAt, _: &OpWork) {
        assert_eq!(self.open.take(), Some(at), "what begins is what ends");
        self.ops.push(at);
    }
    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        assert_eq!(value.shape.iter().product::<usize>(), value.values.len(), "{at}");
        assert!(value.values.iter().all(|x| !x.is_nan()), "{at} holds NaN");
        self.hooks.push((at, value.shape.to_vec()));
    }
}

#[test]
fn an_observer_changes_no_bit_and_is_shown_what_naive_shows() {
    for case in cases() {
        let model = load(&case);
        let tokens = some_tokens(5, model.config.n_vocab, 1);
        let batch = Batch::prompt(A, 0, &tokens);
        let mut oracle = naive::Transformer::new(&model).unwrap();
        let mut expected = Recorder::default();
        oracle.forward(&batch, &mut oracle.new_cache(KvFormat::F32, 64), &mut expected).unwrap();

        let mut fast = transformer(&case, 2, Kernels::detect());
        let (mut cache, mut found) = (fast.new_cache(KvFormat::F32, 64), Recorder::default());
        let watched = fast.forward(&batch, &mut cache, &mut found).unwrap();
        assert_eq!(found.ops, expected.ops, "{}", case.name);
        let shown: Vec<HookAt> = found.hooks.iter().map(|(at, _)| *at).collect();
        assert_eq!(shown, fast.hooks(), "{}: hooks() is what is shown", case.name);
        expected.hooks.retain(|(at, _)| !Transformer::UNAVAILABLE.contains(&at.hook));
        assert_eq!(found.hooks, expected.hooks, "{}", case.name);

        let mut cache = fast.new_cache(KvFormat::F32, 64);
        let unwatched = fast.forward(&batch, &mut cache, &mut Off).unwrap();
        assert!(bits(watched.row(0)) == bits(unwatched.row(0)), "{}", case.name);
    }
}

#[test]
fn a_batch_that_wants_no_logits_is_stored_in_the_cache() {
    let mut model = transformer(&named("gemma3-f32"), 2, Kernels::detect());
    let tokens = some_tokens(N, model.config().n_vocab, 1);
    let whole = in_pieces(&mut model, [N]);
    let mut cache = model.new_cache(KvFormat::F16, 64);
    let silent = Batch::prompt(A, 0, &tokens[..N - 1]).without_logits();
    assert!(model.forward(&silent, &mut cache, &mut Off).unwrap().is_empty());
    let last = model.forward(&Batch::prompt(A, N - 1, &tokens[N - 1..]), &mut cache, &mut Off).unwrap();
    assert!(bits(last.row(0)) == whole[N - 1]);
    let mut foreign = transformer(&named("llama-gqa-f32"), 1, Kernels::scalar()).new_cache(KvFormat::F32, 8);
    assert!(model.forward(&silent, &mut foreign, &mut Off).is_err(), "a cache of another model");
}
