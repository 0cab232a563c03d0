//! The naive path against two oracles that others wrote: llama.cpp, and a float64 forward pass in NumPy.
//!
//! The models are the small random ones of `common/tiny_gguf.rs`; `golden/README.md` says how the numbers were made.

use crate::common::{relative_rms, tiny_gguf};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::KvFormat;
use cutaway::model::ActFn;
use cutaway::naive::Transformer;
use cutaway::observe::Off;
use cutaway::quant::GgmlType;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    sha256: String,
    tokens: Vec<u32>,
    /// The positions whose logits follow.
    positions: Vec<usize>,
    logits: Vec<Vec<f64>>,
}

/// Runs every case of a golden file and calls `check` with its error, as relative RMS over all logits.
fn compare(golden: &str, mut check: impl FnMut(&str, ActFn, f64)) -> BTreeSet<String> {
    let golden: Golden = serde_json::from_str(golden).unwrap();
    assert!(!golden.cases.is_empty());
    for case in &golden.cases {
        let tiny = tiny_gguf::named(&case.name);
        let sha256: String = Sha256::digest(tiny.to_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256, case.sha256, "{}: not the file that the oracle was given", case.name);

        let mut model = Transformer::new(&crate::common::load(&tiny)).unwrap();
        let mut cache = model.new_cache(KvFormat::F32, case.tokens.len());
        let logits = model.forward(&Batch::scored(SeqId(0), 0, &case.tokens), &mut cache, &mut Off).unwrap();
        let ours: Vec<f32> = case.positions.iter().flat_map(|&position| logits.row(position)).copied().collect();
        check(&case.name, model.config().act_fn, relative_rms(&ours, &case.logits.concat()));
    }
    golden.cases.into_iter().map(|case| case.name).collect()
}

/// llama.cpp sums in f32 in another order than we do, so 1e-4 allows for rounding and for nothing else. Its GELU
/// goes through a table of f16 (11 bits), which costs a relative 2⁻¹² ≈ 2e-4 an application: 2e-3 for those models.
#[test]
fn every_family_and_rope_kind_agrees_with_llama_cpp() {
    let names = compare(include_str!("../golden/logits/llama_cpp.json"), |name, activation, error| {
        let budget = if activation == ActFn::Gelu { 2e-3 } else { 1e-4 };
        println!("{name}: {error:.1e}");
        assert!(error <= budget, "{name}: relative RMS {error:.2e}, expected at most {budget:.0e}");
    });
    let variants: BTreeSet<_> = tiny_gguf::variants().iter().map(|v| format!("{}-f32", v.name)).collect();
    assert_eq!(names, variants, "every variant has a golden");
}

/// The oracle computes in f64, so the difference is our own f32 rounding: about √n · 6e-8 over sums of n ≤ 256 terms.
#[test]
fn every_format_agrees_with_float64() {
    let names = compare(include_str!("../golden/logits/numpy.json"), |name, _, error| {
        println!("{name}: {error:.1e}");
        assert!(error <= 1e-5, "{name}: relative RMS {error:.2e}, expected at most 1e-5");
    });
    for ty in GgmlType::WEIGHTS {
        let name = format!("llama-gqa-{}", ty.name().to_lowercase());
        assert!(names.contains(&name), "no golden for {name}");
    }
}
