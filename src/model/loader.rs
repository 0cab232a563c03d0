//! Names → checked tensors: what a family's files must hold, and the refusal of everything else.
//!
//! Look first at [`Block::layer`]: it lists a block's tensors in the order in which they are used. Each one is asked for by
//! name and shape; [`Tensors`] remembers what was asked for, so that at the end nothing may be left over.
//!
//! Source: `load_arch_tensors` of each family and `create_tensor_qkv` in llama.cpp.

use super::ModelError;
use super::architectures::{Family, Gate, Presence};
use super::config::{Config, Experts, LayerConfig};
use super::rope::FREQ_FACTOR;
use super::tensors::Tensors;
use super::weights::{FeedForward, LayerWeights, Linear, Matrix, NormWeights, Vector, Weights};
use std::ops::Range;

/// Finds every weight of the model that `config` describes.
pub(super) fn weights(family: &Family, config: &Config, tensors: &mut Tensors<'_>) -> Result<Weights, ModelError> {
    let (n_vocab, n_embd) = (config.n_vocab, config.n_embd);
    let token_embd = tensors.matrix("token_embd.weight", n_embd, n_vocab)?;
    let position_embd = match family.position_embd {
        true => Some(tensors.matrix("position_embd.weight", n_embd, config.n_ctx_train)?),
        false => None,
    };
    let mut layers = Vec::with_capacity(config.layers.len());
    for (il, shape) in config.layers.iter().enumerate() {
        layers.push(Block { il, family, n_embd, shape, tensors }.layer()?);
    }
    Ok(Weights {
        token_embd,
        position_embd,
        layers,
        output_norm: norm(family, tensors, "output_norm", n_embd)?,
        output: tensors.optional_matrix("output.weight", n_embd, n_vocab)?,
        output_bias: bias(family.output_bias, tensors, "output.bias", n_vocab)?,
    })
}

/// RoPE's divisor per frequency: `[n_rot / 2]` from the first of `names` if the context is stretched, else the second.
pub(super) fn freq_factors(names: [&str; 2], config: &mut Config, tensors: &mut Tensors<'_>) -> Result<(), ModelError> {
    let Some(rope) = config.layers.iter().find_map(|layer| layer.rope.as_ref()) else { return Ok(()) };
    let n = rope.n_rot / 2;
    let is_long = config.n_ctx > rope.n_ctx_orig;
    let [long, short] = [tensors.optional_vector(names[0], n)?, tensors.optional_vector(names[1], n)?];
    let (name, factors) = if is_long { (names[0], long) } else { (names[1], short) };

    let Some(factors) = factors else { return Ok(()) };
    if let Some(block) = factors.iter().position(|factor| !FREQ_FACTOR.contains(factor)) {
        let found = factors[block].to_string();
        return Err(ModelError::InvalidData { name: name.into(), block, expected: "0.001 to 1e32", found });
    }
    for rope in config.layers.iter_mut().filter_map(|layer| layer.rope.as_mut()) {
        rope.freq_factors = Some(factors.to_vec());
    }
    Ok(())
}

fn norm(family: &Family, tensors: &mut Tensors<'_>, name: &str, n: usize) -> Result<NormWeights, ModelError> {
    let weight = tensors.vector(&format!("{name}.weight"), n)?;
    let bias = if family.layer_norm { Some(tensors.vector(&format!("{name}.bias"), n)?) } else { None };
    Ok(NormWeights { weight, bias })
}

fn bias(presence: Presence, tensors: &mut Tensors<'_>, name: &str, n: usize) -> Result<Option<Vector>, ModelError> {
    match presence {
        Presence::Never => Ok(None),
        Presence::Optional => tensors.optional_vector(name, n),
        Presence::Always => tensors.vector(name, n).map(Some),
    }
}

/// One transformer block while its tensors are being found.
struct Block<'a, 'g> {
    il: usize,
    family: &'a Family,
    n_embd: usize,
    shape: &'a LayerConfig,
    tensors: &'a mut Tensors<'g>,
}

impl Block<'_, '_> {
    /// Every tensor of the block, in the order in which they are used.
    fn layer(&mut self) -> Result<LayerWeights, ModelError> {
        let (family, shape, n_embd) = (self.family, self.shape, self.n_embd);
        let attn_norm = self.norm("attn_norm")?;
        let [attn_q, attn_k, attn_v] = self.qkv()?;
        let head_norm = family.qk_norm.then_some(shape.head_dim_k);
        Ok(LayerWeights {
            attn_norm,
            attn_q,
            attn_k,
            attn_v,
            attn_q_norm: head_norm.map(|n| self.tensors.vector(&self.name("attn_q_norm.weight"), n)).transpose()?,
            attn_k_norm: head_norm.map(|n| self.tensors.vector(&self.name("attn_k_norm.weight"), n)).transpose()?,
            attn_output: self.linear("attn_output", shape.n_embd_attn(), n_embd, family.attn_output_bias)?,
            post_attn_norm: if family.post_norms { Some(self.norm("post_attention_norm")?) } else { None },
            ffn_norm: self.norm("ffn_norm")?,
            ffn: match shape.experts {
                None => self.dense_feed_forward()?,
                Some(experts) => self.expert_feed_forward(&experts)?,
            },
            post_ffn_norm: if family.post_norms { Some(self.norm("post_ffw_norm")?) } else { None },
        })
    }

    fn qkv(&mut self) -> Result<[Linear; 3], ModelError> {
        let [q, k, v] = self.qkv_weights()?;
        let [q_bias, k_bias, v_bias] = self.qkv_biases()?;
        Ok([Linear { weight: q, bias: q_bias }, Linear { weight: k, bias: k_bias }, Linear { weight: v, bias: v_bias }])
    }

    /// The rows that Q, K and V have where they are fused into one tensor.
    fn qkv_rows(&self) -> [Range<usize>; 3] {
        let (q, k, v) = (self.shape.n_embd_q(), self.shape.n_embd_k(), self.shape.n_embd_v());
        [0..q, q..q + k, q + k..q + k + v]
    }

    /// Three projections, all in one tensor or each in its own.
    fn qkv_weights(&mut self) -> Result<[Matrix; 3], ModelError> {
        let (rows, n_embd) = (self.qkv_rows(), self.n_embd);
        let n_all = rows[2].end;
        let names = ["attn_qkv.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight"].map(|role| self.name(role));
        let [fused, q, k, v] = &names;
        if self.tensors.has(fused) {
            let all = self.tensors.matrix(fused, n_embd, n_all)?;
            return Ok(rows.map(|rows| all.rows(rows)));
        }
        if !names.iter().any(|name| self.tensors.has(name)) {
            let name = format!("{fused}, or attn_q, attn_k and attn_v in its place");
            return Err(ModelError::MissingTensor { name, expected: vec![n_embd, n_all] });
        }
        Ok([
            self.tensors.matrix(q, n_embd, rows[0].len())?,
            self.tensors.matrix(k, n_embd, rows[1].len())?,
            self.tensors.matrix(v, n_embd, rows[2].len())?,
        ])
    }

    /// Their biases, fused or not; fused weights may have separate biases.
    fn qkv_biases(&mut self) -> Result<[Option<Vector>; 3], ModelError> {
        let (rows, presence) = (self.qkv_rows(), self.family.qkv_bias);
        let names = ["attn_qkv.bias", "attn_q.bias", "attn_k.bias", "attn_v.bias"].map(|role| self.name(role));
        let [fused, q, k, v] = &names;
        let none = !names.iter().any(|name| self.tensors.has(name));
        if self.tensors.has(fused) || (none && presence == Presence::Always) {
            let all = self.tensors.vector(fused, rows[2].end)?;
            return Ok(rows.map(|rows| Some(Vector::new(all[rows].to_vec()))));
        }
        Ok([
            bias(presence, self.tensors, q, rows[0].len())?,
            bias(presence, self.tensors, k, rows[1].len())?,
            bias(presence, self.tensors, v, rows[2].len())?,
        ])
    }

    fn dense_feed_forward(&mut self) -> Result<FeedForward, ModelError> {
        let (n_embd, n_ff, presence) = (self.n_embd, self.shape.n_ff, self.family.ffn_bias);
        let (gate, up) = match self.family.gate {
            Gate::Absent => (None, self.linear("ffn_up", n_embd, n_ff, presence)?),
            Gate::Separate => {
                let gate = self.linear("ffn_gate", n_embd, n_ff, presence)?;
                (Some(gate), self.linear("ffn_up", n_embd, n_ff, presence)?)
            }
            Gate::FirstHalfOfUp => {
                let both = self.tensors.matrix(&self.name("ffn_up.weight"), n_embd, 2 * n_ff)?;
                let half = |rows| Linear { weight: both.rows(rows), bias: None };
                (Some(half(0..n_ff)), half(n_ff..2 * n_ff))
            }
        };
        Ok(FeedForward::Dense { gate, up, down: self.linear("ffn_down", n_ff, n_embd, presence)? })
    }

    fn expert_feed_forward(&mut self, experts: &Experts) -> Result<FeedForward, ModelError> {
        let (n_embd, n_ff, n) = (self.n_embd, self.shape.n_ff, experts.n);
        Ok(FeedForward::Experts {
            router: self.tensors.matrix(&self.name("ffn_gate_inp.weight"), n_embd, n)?,
            gate: self.tensors.stack(&self.name("ffn_gate_exps.weight"), n_embd, n_ff, n)?,
            up: self.tensors.stack(&self.name("ffn_up_exps.weight"), n_embd, n_ff, n)?,
            down: self.tensors.stack(&self.name("ffn_down_exps.weight"), n_ff, n_embd, n)?,
        })
    }

    fn linear(&mut self, role: &str, n_in: usize, n_out: usize, presence: Presence) -> Result<Linear, ModelError> {
        let weight = self.tensors.matrix(&self.name(&format!("{role}.weight")), n_in, n_out)?;
        let bias = bias(presence, self.tensors, &self.name(&format!("{role}.bias")), n_out)?;
        Ok(Linear { weight, bias })
    }

    fn norm(&mut self, role: &str) -> Result<NormWeights, ModelError> {
        norm(self.family, self.tensors, &self.name(role), self.n_embd)
    }

    /// `blk.3.attn_q.weight` for `attn_q.weight` in the fourth block.
    fn name(&self, role: &str) -> String {
        format!("blk.{}.{role}", self.il)
    }
}
