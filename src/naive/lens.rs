//! [`Lens`]: the operations of [`ops`](super::ops), seen by an observer.
//!
//! The transformer calls its operations through a lens. Each method here does the same three things: it runs one
//! operation between `begin` and `end`, states the operation's cost, and shows what came out (which whoever watches may
//! then change: [`Observer::edit`]). With
//! [`Off`](crate::observe::Off) all that remains is the operation.
//!
//! What it deliberately does not do: compute. Every number comes from [`Ops`].

use super::weights::{self, Frequencies};
use super::{Attended, Ops, Real};
use crate::model::{Activation as Nonlinearity, Experts, Norm};
use crate::observe::{Activation, Cost, Hook, HookAt, Observer, Op, OpAt, cost};
use ndarray::{Array, Array1, Array2, Array3, Axis, Dimension, s};
use std::ops::Range;

/// Bytes of a decoded weight.
const F32: usize = 4;

/// Operations with an observer behind them, in one place of the model.
pub(crate) struct Lens<'a, O, Obs> {
    pub(crate) ops: &'a O,
    obs: &'a mut Obs,
    layer: Option<usize>,
}

impl<'a, O, Obs: Observer> Lens<'a, O, Obs> {
    pub(crate) fn new(ops: &'a O, obs: &'a mut Obs) -> Self {
        Self { ops, obs, layer: None }
    }

    /// The same lens, held over block `layer`.
    pub(crate) fn over(&mut self, layer: usize) -> Lens<'_, O, Obs> {
        Lens { ops: self.ops, obs: self.obs, layer: Some(layer) }
    }

    /// Shows a value under a hook's name, if anybody wants it.
    fn show<R: Real, D: Dimension>(&mut self, hook: Hook, value: &Array<R, D>) {
        let at = HookAt { hook, layer: self.layer };
        if Obs::ACTIVATIONS && self.obs.wants(at) {
            let values: Vec<f32> = value.iter().map(|x| x.to_f32()).collect();
            self.obs.activation(at, Activation { shape: value.shape(), values: &values });
        }
    }

    /// Shows a value that flows on, and lets the observer change it first.
    pub(crate) fn pass<R: Real, D: Dimension>(&mut self, hook: Hook, value: &mut Array<R, D>) {
        self.show(hook, value);
        if Obs::EDITS {
            let mut values: Vec<f32> = value.iter().map(|x| x.to_f32()).collect();
            if self.obs.edit(HookAt { hook, layer: self.layer }, &mut values) {
                value.iter_mut().zip(values).for_each(|(x, edited)| *x = R::of(edited));
            }
        }
    }

    /// Runs something that is not arithmetic as an operation.
    pub(crate) fn run<T>(&mut self, op: Op, cost: impl FnOnce() -> Cost, run: impl FnOnce(&O) -> T) -> T {
        self.obs.op(OpAt { op, layer: self.layer }, cost, || run(self.ops))
    }

    /// Runs an operation and shows its result under its own hook.
    fn shown<R: Real, D: Dimension>(
        &mut self,
        op: Op,
        cost: impl FnOnce() -> Cost,
        run: impl FnOnce(&O) -> Array<R, D>,
    ) -> Array<R, D> {
        let mut result = self.run(op, cost, run);
        if let Some(hook) = op.hook() {
            self.pass(hook, &mut result);
        }
        result
    }

    pub(crate) fn embed<R: Real>(&mut self, tokens: &[u32], table: &Array2<R>, scale: Option<R>) -> Array2<R>
    where
        O: Ops<R>,
    {
        let n_embd = table.nrows();
        let cost = || cost::embed(tokens.len(), n_embd, scale.is_some(), n_embd * F32);
        self.shown(Op::TokenEmbd, cost, |ops| ops.embed(tokens, table, scale))
    }

    /// `x += y`, shown as the value that `x` has then.
    pub(crate) fn add<R: Real>(&mut self, op: Op, x: &mut Array2<R>, y: &Array2<R>)
    where
        O: Ops<R>,
    {
        self.run(op, || cost::add(y.len()), |ops| ops.add(x, y));
        if let Some(hook) = op.hook() {
            self.pass(hook, x);
        }
    }

    pub(crate) fn matmul<R: Real>(
        &mut self,
        op: Op,
        x: &Array2<R>,
        w: &Array2<R>,
        bias: Option<&Array1<R>>,
    ) -> Array2<R>
    where
        O: Ops<R>,
    {
        let cost = || cost::linear(x.nrows(), w.nrows(), w.ncols(), bias.is_some(), w.len() * F32);
        self.shown(op, cost, |ops| ops.linear(x, w, bias))
    }

    pub(crate) fn linear<R: Real>(&mut self, op: Op, x: &Array2<R>, w: &weights::Linear<R>) -> Array2<R>
    where
        O: Ops<R>,
    {
        self.matmul(op, x, &w.weight, w.bias.as_ref())
    }

    /// A projection whose output is read as `n_head` heads: `[n, n_head, head_dim]`.
    pub(crate) fn heads<R: Real>(&mut self, op: Op, x: &Array2<R>, w: &weights::Linear<R>, n_head: usize) -> Array3<R>
    where
        O: Ops<R>,
    {
        let (w, bias) = (&w.weight, w.bias.as_ref());
        let cost = || cost::linear(x.nrows(), w.nrows(), w.ncols(), bias.is_some(), w.len() * F32);
        self.shown(op, cost, |ops| into_heads(ops.linear(x, w, bias), n_head))
    }

    /// Every row goes through the matrix of its own expert; each expert that is used is read once.
    pub(crate) fn expert_linear<R: Real>(
        &mut self,
        op: Op,
        x: &Array2<R>,
        w: &[Array2<R>],
        experts: &[usize],
    ) -> Array2<R>
    where
        O: Ops<R>,
    {
        let cost = || {
            let used = (0..w.len()).filter(|expert| experts.contains(expert)).count();
            cost::linear(x.nrows(), w[0].nrows(), w[0].ncols(), false, used * w[0].len() * F32)
        };
        self.shown(op, cost, |ops| ops.expert_linear(x, w, experts))
    }

    pub(crate) fn norm<R: Real>(&mut self, op: Op, x: &Array2<R>, w: &weights::Norm<R>, kind: Norm) -> Array2<R>
    where
        O: Ops<R>,
    {
        let (n, d) = x.dim();
        let mut normed = match kind {
            Norm::Rms { eps } => self.run(op, || cost::rms_norm(n, d), |ops| ops.rms_norm(x, &w.weight, R::of(eps))),
            Norm::Layer { eps } => {
                let bias = w.bias.as_ref();
                let cost = || cost::layer_norm(n, d, bias.is_some());
                self.run(op, cost, |ops| ops.layer_norm(x, &w.weight, bias, R::of(eps)))
            }
        };
        if let Some([scale, normalized, out]) = norm_hooks(op) {
            self.show(scale, &normed.scale);
            self.show(normalized, &normed.normalized);
            self.pass(out, &mut normed.out);
        }
        normed.out
    }

    /// RMSNorm of every head by itself: x `[n, n_head, head_dim]`, weight `[head_dim]`.
    pub(crate) fn head_norm<R: Real>(&mut self, op: Op, x: Array3<R>, weight: &Array1<R>, eps: f32) -> Array3<R>
    where
        O: Ops<R>,
    {
        let (n, n_head, head_dim) = x.dim();
        let cost = || cost::rms_norm(n * n_head, head_dim);
        self.shown(op, cost, |ops| {
            let normed = ops.rms_norm(&into_rows(x, head_dim), weight, R::of(eps)).out; // a row a head
            normed.into_shape_with_order((n, n_head, head_dim)).expect("as many heads as went in")
        })
    }

    pub(crate) fn rope<R: Real>(&mut self, op: Op, x: &Array3<R>, positions: &[usize], rope: &Frequencies) -> Array3<R>
    where
        O: Ops<R>,
    {
        let (n, n_head, head_dim) = x.dim();
        let cost = || cost::rope(n, n_head, head_dim, 2 * rope.per_pair.len());
        self.shown(op, cost, |ops| ops.rope(x, positions, rope))
    }

    /// Attention of each sequence over its own memory; `recalled` says which rows of `q` belong to which.
    /// Returns z, `[n, n_head · head_dim_v]`.
    pub(crate) fn attention<R: Real>(&mut self, q: &Array3<R>, recalled: &[Recalled<R>], scale: f32) -> Array2<R>
    where
        O: Ops<R>,
    {
        let (n, n_head, head_dim_k) = q.dim();
        let head_dim_v = recalled.first().map_or(0, |memory| memory.v.dim().2);
        let cost = || {
            let visible = recalled.iter().flat_map(|memory| &memory.visible).map(|range| range.len()).sum();
            cost::attention(n, n_head, head_dim_k, head_dim_v, visible)
        };
        let mut all = self.run(Op::Attention, cost, |ops| {
            let attend = |memory: &Recalled<R>| {
                let q = q.select(Axis(0), &memory.rows);
                ops.attention(&q, &memory.k, &memory.v, &memory.visible, R::of(scale))
            };
            let parts: Vec<Attended<R>> = recalled.iter().map(attend).collect();
            side_by_side(parts, recalled, n)
        });
        self.show(Hook::AttnScores, &all.scores);
        self.show(Hook::Pattern, &all.pattern);
        self.pass(Hook::Z, &mut all.z);
        into_rows(all.z, n_head * head_dim_v)
    }

    /// Shows `up` too: only here is it known whether it is multiplied by a gate or is itself what the non-linearity bends.
    pub(crate) fn activate<R: Real>(
        &mut self,
        kind: Nonlinearity,
        gate: Option<&Array2<R>>,
        up: &mut Array2<R>,
    ) -> Array2<R>
    where
        O: Ops<R>,
    {
        let n = up.len();
        let cost = || match (kind, gate.is_some()) {
            (Nonlinearity::Silu, true) => cost::swiglu(n),
            (Nonlinearity::Silu, false) => cost::silu(n),
            (Nonlinearity::Gelu, true) => cost::geglu(n),
            (Nonlinearity::Gelu, false) => cost::gelu(n),
        };
        self.pass(if gate.is_some() { Hook::MlpPreLinear } else { Hook::MlpPre }, up);
        self.shown(Op::FfnAct, cost, |ops| ops.activate(kind, gate, up))
    }

    /// Returns the experts of each token, `[n · n_used]`, and their weights, `[n, n_used]`.
    pub(crate) fn route<R: Real>(&mut self, scores: &Array2<R>, config: &Experts) -> (Vec<usize>, Array2<R>)
    where
        O: Ops<R>,
    {
        let cost = || cost::route(scores.nrows(), config.n, config.n_used, config.renormalize);
        let mut routing = self.run(Op::FfnRoute, cost, |ops| ops.route(scores, config));
        let mut experts = routing.experts.mapv(|expert| R::of(expert as f32));
        self.pass(Hook::ExpertIndices, &mut experts);
        self.pass(Hook::ExpertWeights, &mut routing.weights);
        let number = |expert: &R| (expert.to_f32() as usize).min(config.n - 1);
        (experts.iter().map(number).collect(), routing.weights)
    }

    pub(crate) fn combine<R: Real>(&mut self, y: &Array2<R>, weights: &Array2<R>) -> Array2<R>
    where
        O: Ops<R>,
    {
        let ((n, n_used), d) = (weights.dim(), y.ncols());
        self.shown(Op::FfnCombine, || cost::combine(n, n_used, d), |ops| ops.combine(y, weights))
    }

    pub(crate) fn softcap<R: Real>(&mut self, x: &Array2<R>, cap: f32) -> Array2<R>
    where
        O: Ops<R>,
    {
        self.shown(Op::LogitSoftcap, || cost::softcap(x.len()), |ops| ops.softcap(x, R::of(cap)))
    }
}

/// What the cache holds of one sequence in one block, and who asks.
pub(crate) struct Recalled<R> {
    /// Rows of the batch that belong to the sequence.
    pub(crate) rows: Vec<usize>,
    /// The positions that each of these rows may see.
    pub(crate) visible: Vec<Range<usize>>,
    /// `[n_head_kv, n_kv, head_dim_k]`.
    pub(crate) k: Array3<R>,
    /// `[n_head_kv, n_kv, head_dim_v]`.
    pub(crate) v: Array3<R>,
}

/// The three values a norm shows: its scale, the normalised rows, and those times the weight.
fn norm_hooks(op: Op) -> Option<[Hook; 3]> {
    match op {
        Op::AttnNorm => Some([Hook::Ln1Scale, Hook::Ln1Normalized, Hook::Ln1Out]),
        Op::PostAttentionNorm => Some([Hook::Ln1PostScale, Hook::Ln1PostNormalized, Hook::Ln1PostOut]),
        Op::FfnNorm => Some([Hook::Ln2Scale, Hook::Ln2Normalized, Hook::Ln2Out]),
        Op::PostFfwNorm => Some([Hook::Ln2PostScale, Hook::Ln2PostNormalized, Hook::Ln2PostOut]),
        Op::OutputNorm => Some([Hook::LnFinalScale, Hook::LnFinalNormalized, Hook::LnFinalOut]),
        _ => None,
    }
}

/// `[n, n_head · head_dim]` → `[n, n_head, head_dim]`.
fn into_heads<R: Real>(x: Array2<R>, n_head: usize) -> Array3<R> {
    let (n, width) = x.dim();
    x.into_shape_with_order((n, n_head, width / n_head)).expect("the width is n_head · head_dim, checked at load")
}

/// `[n, n_head, head_dim]` → rows of `width`: whole tokens (`n_head · head_dim`) or single heads (`head_dim`).
fn into_rows<R: Real>(x: Array3<R>, width: usize) -> Array2<R> {
    let n = x.len() / width.max(1);
    x.into_shape_with_order((n, width)).expect("a token or a head is a whole number of rows")
}

/// The sequences' results in one array each, rows in batch order. Where sequences differ in length, the shorter ones
/// see nothing (−∞, 0) at the positions that they do not have.
fn side_by_side<R: Real>(mut parts: Vec<Attended<R>>, recalled: &[Recalled<R>], n: usize) -> Attended<R> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let n_kv = parts.iter().map(|part| part.scores.dim().2).max().unwrap_or(0);
    let (n_head, head_dim) = parts.first().map_or((0, 0), |part| (part.z.dim().1, part.z.dim().2));
    let mut all = Attended {
        scores: Array3::from_elem((n_head, n, n_kv), R::NEG_INFINITY),
        pattern: Array3::from_elem((n_head, n, n_kv), R::ZERO),
        z: Array3::from_elem((n, n_head, head_dim), R::ZERO),
    };
    for (part, memory) in parts.iter().zip(recalled) {
        let len = part.scores.dim().2;
        for (i, &row) in memory.rows.iter().enumerate() {
            all.scores.slice_mut(s![.., row, ..len]).assign(&part.scores.slice(s![.., i, ..]));
            all.pattern.slice_mut(s![.., row, ..len]).assign(&part.pattern.slice(s![.., i, ..]));
            all.z.slice_mut(s![row, .., ..]).assign(&part.z.slice(s![i, .., ..]));
        }
    }
    all
}
