//! Any operation can be replaced from outside: a type that overrides one method of `Ops` runs a whole model.

use crate::common::{load, some_tokens};
use cutaway::batch::{Batch, Logits, SeqId};
use cutaway::kv_cache::KvFormat;
use cutaway::naive::{AttentionOutput, Ops, ReferenceOps, Transformer};
use cutaway::observe::Off;
use ndarray::{Array1, Array2, Array3};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A learner's attention: plain loops, no `ndarray` arithmetic, an online softmax in one pass over the positions.
struct MyAttention {
    calls: Arc<AtomicUsize>,
}

impl Ops<f32> for MyAttention {
    fn attention(
        &self,
        q: &Array3<f32>,
        k: &Array3<f32>,
        v: &Array3<f32>,
        visible: &[Range<usize>],
        scale: f32,
    ) -> AttentionOutput<f32> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (n, n_head, _) = q.dim();
        let (n_head_kv, n_kv, head_dim) = v.dim();
        let mut z = Array3::zeros((n, n_head, head_dim));
        for (i, visible) in visible.iter().enumerate() {
            for h in 0..n_head {
                let kv = h / (n_head / n_head_kv);
                let (mut max, mut sum, mut mix) = (f32::NEG_INFINITY, 0.0, Array1::<f32>::zeros(head_dim));
                for j in visible.clone() {
                    let score = (0..q.dim().2).map(|c| q[[i, h, c]] * k[[kv, j, c]]).sum::<f32>() * scale;
                    let new_max = max.max(score);
                    let (fade, weight) = ((max - new_max).exp(), (score - new_max).exp());
                    sum = sum * fade + weight;
                    for c in 0..head_dim {
                        mix[c] = mix[c] * fade + weight * v[[kv, j, c]];
                    }
                    max = new_max;
                }
                for c in 0..head_dim {
                    z[[i, h, c]] = mix[c] / sum;
                }
            }
        }
        let nothing = Array3::zeros((n_head, n, n_kv));
        AttentionOutput { scores: nothing.clone(), pattern: nothing, z }
    }
}

/// A norm that does not divide: a mistake on purpose.
struct NoNorm;

impl Ops<f32> for NoNorm {
    fn rms_norm(&self, x: &Array2<f32>, weight: &Array1<f32>, _: f32) -> cutaway::naive::ops::NormOutput<f32> {
        let scale = Array2::ones((x.nrows(), 1));
        cutaway::naive::ops::NormOutput { scale, normalized: x.clone(), out: x * weight }
    }
}

fn run(case: &str, ops: impl Ops<f32> + Send + 'static) -> Logits {
    let mut model = Transformer::with_ops(&load(&crate::common::tiny_gguf::named(case)), ops).unwrap();
    let mut cache = model.new_cache(KvFormat::F32, 64);
    let tokens = some_tokens(17, model.config().n_vocab, 1);
    model.forward(&Batch::scored(SeqId(0), 0, &tokens), &mut cache, &mut Off).unwrap()
}

fn relative_rms(a: &Logits, b: &Logits) -> f64 {
    let pairs = || a.rows().flatten().zip(b.rows().flatten());
    let error: f64 = pairs().map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let size: f64 = pairs().map(|(a, _)| f64::from(*a).powi(2)).sum();
    (error / size).sqrt()
}

#[test]
fn a_foreign_attention_runs_a_model() {
    for case in ["llama-gqa-f32", "gemma3-f32", "gpt2-f32"] {
        let ours = run(case, ReferenceOps);
        let calls = Arc::new(AtomicUsize::new(0));
        let theirs = run(case, MyAttention { calls: calls.clone() });
        assert!(calls.load(Ordering::Relaxed) > 1, "{case}: the foreign attention was never asked");
        // The same sums in another order: f32 rounding only.
        let error = relative_rms(&ours, &theirs);
        assert!(error < 1e-5, "{case}: {error:.2e}");
    }
}

#[test]
fn a_wrong_op_changes_the_result() {
    let right = run("llama-gqa-f32", ReferenceOps);
    let wrong = run("llama-gqa-f32", NoNorm);
    assert!(relative_rms(&right, &wrong) > 0.1);
}
