//! A kernel that is put into a table by value is called where the documentation of its field says, in decoding and in
//! prompts, and nowhere else.

use crate::common::tiny_gguf::named;
use crate::common::{load, some_tokens};
use cutaway::batch::{Batch, SeqId};
use cutaway::kernels::{BlockGemm, Gemm, GemmPanel, Kernels, packed};
use cutaway::kv_cache::KvFormat;
use cutaway::observe::Off;
use cutaway::optimized::{ActPrecision, Options, Transformer};
use cutaway::quant::GgmlType;
use std::cell::RefCell;

thread_local! {
    /// Columns of every call of a counting kernel on this thread.
    static CALLS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The scalar kernels of a format, which write down how many columns they got.
macro_rules! counting {
    ($field:ident) => {{
        let a8: Gemm = |n_in, tiles, x, y| {
            CALLS.with_borrow_mut(|calls| calls.push(x.len() * packed::STRIP / n_in));
            (Kernels::scalar().$field.a8)(n_in, tiles, x, y);
        };
        let a16: Gemm<2> = |n_in, tiles, x, y| {
            CALLS.with_borrow_mut(|calls| calls.push(1000 + x.len() * packed::STRIP / n_in));
            (Kernels::scalar().$field.a16)(n_in, tiles, x, y);
        };
        (a8, a16)
    }};
}

/// The columns that the counting kernels got with eight bits and with sixteen, while `tokens` tokens ran in one batch; and the
/// logits. One thread, so that all calls are on this one.
fn run(case: &str, kernels: Kernels, tokens: usize) -> ([Vec<usize>; 2], Vec<u32>) {
    let options = Options { n_threads: 1, kernels, activations: ActPrecision::A8 };
    let mut model = Transformer::new(&load(&named(case)), options).unwrap();
    let mut cache = model.new_cache(KvFormat::F16, 64);
    let batch = Batch::scored(SeqId(0), 0, &some_tokens(tokens, model.config().n_vocab, 1));
    CALLS.take();
    let logits = model.forward(&batch, &mut cache, &mut Off).unwrap();
    let logits = logits.rows().flat_map(crate::common::bits).collect();
    let (a16, a8): (Vec<usize>, Vec<usize>) = CALLS.take().into_iter().partition(|&columns| columns >= 1000);
    ([a8, a16.into_iter().map(|columns| columns - 1000).collect()], logits)
}

#[test]
fn a_kernel_for_any_columns_gets_prompts_too() {
    let (a8, a16) = counting!(gemm_q4_1);
    let right = Kernels::detect();
    let mine = Kernels { gemm_q4_1: BlockGemm::for_any_columns(a8, a16), ..right };
    // These would be called with Q4_1 if the product went through a panel. (Nothing else in the file is quantised.)
    let mine = Kernels {
        expand: |ty, _, _, _| panic!("{ty} is unpacked"),
        gemm_panel: |_, _, _| panic!("a panel is multiplied"),
        gemm_panel_a16: |_, _, _| panic!("a panel is multiplied"),
        ..mine
    };
    for tokens in [1, 2, 8, 9, 33] {
        let (found, logits) = run("llama-gqa-q4_1", mine, tokens);
        assert_eq!(logits, run("llama-gqa-q4_1", right, tokens).1, "{tokens} tokens: the same bits as always");
        for (calls, what) in found.iter().zip(["a8", "a16"]) {
            assert!(!calls.is_empty() && calls.iter().all(|&n| n == tokens), "{tokens} tokens, {what}: {calls:?}");
        }
    }
}

#[test]
fn a_kernel_in_one_field_gets_fewer_than_many_columns() {
    let (a8, _) = counting!(gemm_q4_1);
    let right = Kernels::detect();
    for many_columns in [right.gemm_q4_1.many_columns, 1, 5, 20] {
        let mine = Kernels { gemm_q4_1: BlockGemm { a8, many_columns, ..right.gemm_q4_1 }, ..right };
        for tokens in [1, many_columns - 1, many_columns, many_columns + 1].into_iter().filter(|&n| n > 0) {
            let ([found, _], logits) = run("llama-gqa-q4_1", mine, tokens);
            assert_eq!(!found.is_empty(), tokens < many_columns, "{tokens} tokens of {many_columns}");
            assert_eq!(logits, run("llama-gqa-q4_1", right, tokens).1, "{tokens} tokens of {many_columns}");
        }
    }
}

#[test]
fn a_kernel_of_another_format_is_not_called() {
    let (a8, a16) = counting!(gemm_q8_0);
    let mine = Kernels { gemm_q8_0: BlockGemm::for_any_columns(a8, a16), ..Kernels::detect() };
    for tokens in [1, 33] {
        assert_eq!(run("llama-gqa-q4_1", mine, tokens).0, [Vec::<usize>::new(), Vec::new()]);
        assert!(run("llama-gqa-q8_0", mine, tokens).0.iter().all(|calls| !calls.is_empty()));
    }
}

/// Every format has kernels of its own, with both widths of activations: none is served by another format's field.
#[test]
fn each_format_has_a_field_of_its_own() {
    macro_rules! check {
        ($($ty:ident $field:ident)*) => {$({
            let (a8, a16) = counting!($field);
            let mine = Kernels { $field: BlockGemm::for_any_columns(a8, a16), ..Kernels::detect() };
            let case = format!("llama-gqa-{}", GgmlType::$ty.name().to_lowercase());
            let [a8, a16] = run(&case, mine, 10).0;
            assert!(a8.contains(&10) && a16.contains(&10), "{case}: {a8:?}, {a16:?}");
        })*};
    }
    check!(Q4_0 gemm_q4_0  Q4_1 gemm_q4_1  Q5_0 gemm_q5_0  Q5_1 gemm_q5_1  Q8_0 gemm_q8_0  Q2_K gemm_q2_k  Q3_K gemm_q3_k
           Q4_K gemm_q4_k  Q5_K gemm_q5_k  Q6_K gemm_q6_k  IQ4_NL gemm_iq4_nl  IQ4_XS gemm_iq4_xs  MXFP4 gemm_mxfp4);
}

/// How many groups are multiplied at a time is a matter of speed.
#[test]
fn groups_at_once_change_no_bit() {
    let right = Kernels::detect();
    for case in ["llama-gqa-q4_1", "gemma3-q5_0", "llama-gqa-f16", "mixtral-q4_k"] {
        let expected = run(case, right, 12).1;
        for groups_at_once in [1, 3, 64] {
            assert_eq!(
                run(case, Kernels { groups_at_once, ..right }, 12).1,
                expected,
                "{case}, {groups_at_once} groups"
            );
        }
    }
}

/// The panel kernels serve every format from many columns on.
#[test]
fn panel_kernels_get_many_columns_of_every_format() {
    let gemm_panel: GemmPanel = |panel, x, y| {
        CALLS.with_borrow_mut(|calls| calls.push(x.len() / panel.n_strips));
        (Kernels::scalar().gemm_panel)(panel, x, y);
    };
    let mine = Kernels { gemm_panel, ..Kernels::detect() };
    for case in ["llama-gqa-q4_0", "gemma3-q6_k", "phi3-q2_k"] {
        assert!(run(case, mine, 8).0[0].is_empty(), "{case}: eight columns are few");
        assert!(run(case, mine, 9).0[0].contains(&9), "{case}: nine are many");
    }
}
