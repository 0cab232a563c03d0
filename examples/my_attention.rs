//! Your own attention in a whole model, and what `verify` says about it. This one has a mistake that many make.
//!
//!     cargo run --release --example my_attention

use cutaway::kv_cache::KvFormat;
use cutaway::measure::verify::{Mode, VerifyOptions, verify};
use cutaway::model::{LoadOptions, Model, embedded};
use cutaway::naive::{AttentionOutput, Ops, Transformer};
use cutaway::tokenizer::{EncodeOptions, Tokenizer};
use ndarray::{Array1, Array3, Axis, s};
use std::ops::Range;
use std::sync::Arc;

struct MyAttention;

impl Ops<f32> for MyAttention {
    fn attention(
        &self,
        q: &Array3<f32>,          // [n_tokens, n_head, head_dim]
        k: &Array3<f32>,          // [n_head_kv, n_kv, head_dim]
        v: &Array3<f32>,          // [n_head_kv, n_kv, head_dim]
        visible: &[Range<usize>], // of each token
        scale: f32,
    ) -> AttentionOutput<f32> {
        let ((n, n_head, _), (n_head_kv, n_kv, head_dim)) = (q.dim(), v.dim());
        let mut scores = Array3::from_elem((n_head, n, n_kv), f32::NEG_INFINITY);
        let mut pattern = Array3::zeros((n_head, n, n_kv));
        let mut z = Array3::zeros((n, n_head, head_dim));
        for h in 0..n_head {
            let kv_head = h % n_head_kv; // the mistake: neighbours share a head, so it must be h / (n_head / n_head_kv)
            let (k, v) = (k.index_axis(Axis(0), kv_head), v.index_axis(Axis(0), kv_head));
            for i in 0..n {
                let seen = visible[i].clone();
                let row: Array1<f32> = seen.clone().map(|j| q.slice(s![i, h, ..]).dot(&k.row(j)) * scale).collect();
                let p = self.softmax(&row);
                z.slice_mut(s![i, h, ..]).assign(&p.dot(&v.slice(s![seen.clone(), ..])));
                scores.slice_mut(s![h, i, seen.clone()]).assign(&row);
                pattern.slice_mut(s![h, i, seen]).assign(&p);
            }
        }
        AttentionOutput { scores, pattern, z }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = Model::load(Arc::new(embedded::embedded()?), LoadOptions::default())?;
    let tokenizer = Tokenizer::from_metadata(model.gguf().metadata())?;
    let prompt = tokenizer.encode("Once upon a time there was a fox.", EncodeOptions::PROMPT);
    let mut candidate = Transformer::with_ops(&model, MyAttention)?;
    let options = VerifyOptions { mode: Mode::Locked, decode: 4, chunk: 32, kv: KvFormat::F32.into() };
    let report = verify(&model, &mut candidate, &prompt, &options, |_, _| {})?;
    match report.first_divergence {
        Some(divergence) => println!("wrong: {divergence}"),
        None => println!("right: {} values compared, all within budget", report.ops.len()),
    }
    Ok(())
}
