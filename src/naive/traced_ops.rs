//! [`TracedOps`]: the operations of [`ops`](super::ops), each with its cost and its hooks.
//!
//! The transformer calls its operations through this type. Every method does the same: it runs one operation between the
//! observer's `begin` and `end`, states the operation's work, and offers the result to the observer ("taps" it) under
//! the operation's hook. With [`Off`](crate::observe::Off), the observer that does nothing, only the operation remains.
//!
//! Look first at [`TracedOps::linear`]. What it deliberately does not do: compute. Every number comes from [`Ops`].

use super::weights::{self, Frequencies, LinearRef};
use super::{AttentionOutput, Ops, Real};
use crate::model::{ActFn, Experts, Norm};
use crate::observe::watch::Watch;
use crate::observe::{Hook, HookAt, Op, OpAt, OpWork, TensorView, cost};
use ndarray::{Array, Array1, Array2, Array3, Axis, Dimension, s};
use std::ops::Range;

/// Bytes of a decoded weight.
const F32: usize = 4;

/// Operations in one place of the model, and the observer that is told about them.
pub(crate) struct TracedOps<'a, R: Real, Obs> {
    ops: &'a dyn Ops<R>,
    obs: &'a mut Obs,
    layer: Option<usize>,
}

impl<'a, R: Real, Obs: Watch> TracedOps<'a, R, Obs> {
    pub(crate) fn new(ops: &'a dyn Ops<R>, obs: &'a mut Obs) -> Self {
        Self { ops, obs, layer: None }
    }

    /// The same operations, reported as those of block `layer`.
    pub(crate) fn for_layer(&mut self, layer: usize) -> TracedOps<'_, R, Obs> {
        TracedOps { ops: self.ops, obs: self.obs, layer: Some(layer) }
    }

    /// The operation in this place of the model.
    fn at(&self, op: Op) -> OpAt {
        OpAt { op, layer: self.layer }
    }

    /// Runs what is not arithmetic between the observer's `begin` and `end`.
    pub(crate) fn op<T>(&mut self, op: Op, work: impl FnOnce() -> OpWork, run: impl FnOnce() -> T) -> T {
        self.obs.op(self.at(op), || work().by("naive"), run)
    }

    /// Shows a value that nothing reads later.
    fn show<D: Dimension>(&mut self, hook: Hook, value: &Array<R, D>) {
        let at = HookAt { hook, layer: self.layer };
        if self.obs.wants(at) {
            let values: Vec<f32> = value.iter().map(|x| x.to_f32()).collect();
            self.obs.activation(at, TensorView { shape: value.shape(), values: &values });
        }
    }

    /// Shows a value that the forward pass goes on with, and lets the observer change it first ([`Observer::edit`]).
    pub(crate) fn tap<D: Dimension>(&mut self, hook: Hook, value: &mut Array<R, D>) {
        self.show(hook, value);
        if self.obs.interests().edits {
            let mut values: Vec<f32> = value.iter().map(|x| x.to_f32()).collect();
            if self.obs.edit(HookAt { hook, layer: self.layer }, &mut values) {
                value.iter_mut().zip(values).for_each(|(x, edited)| *x = R::of(edited));
            }
        }
    }

    /// Taps the result of `op` under its own hook, if it has one.
    fn tap_result<D: Dimension>(&mut self, op: Op, mut result: Array<R, D>) -> Array<R, D> {
        if let Some(hook) = op.hook() {
            self.tap(hook, &mut result);
        }
        result
    }

    pub(crate) fn embed(&mut self, tokens: &[u32], table: &Array2<R>, scale: Option<R>) -> Array2<R> {
        let n_embd = table.nrows();
        let n = tokens.len();
        let cost = || cost::embed(n, n_embd, scale.is_some(), n_embd * F32);
        let work = || OpWork::new(Op::TokenEmbd, cost(), [n_embd, n, 1]).reading("f32", "-");
        let ops = self.ops;
        let x = self.op(Op::TokenEmbd, work, || ops.embed(tokens, table, scale));
        self.tap_result(Op::TokenEmbd, x)
    }

    /// `x += y`. The hook shows `x` after the addition.
    pub(crate) fn add(&mut self, op: Op, x: &mut Array2<R>, y: &Array2<R>) {
        let work = || OpWork::new(op, cost::add(y.len()), [y.ncols(), y.nrows(), 1]);
        let ops = self.ops;
        self.op(op, work, || ops.add(x, y));
        if let Some(hook) = op.hook() {
            self.tap(hook, x);
        }
    }

    /// `x · W + b`: x `[n, n_in]` → `[n, n_out]`.
    pub(crate) fn linear<'w>(&mut self, op: Op, x: &Array2<R>, w: impl Into<LinearRef<'w, R>>) -> Array2<R> {
        let w = w.into();
        let ops = self.ops;
        let y = self.op(op, || linear_work(op, x, w), || ops.linear(x, w.weight, w.bias));
        self.tap_result(op, y)
    }

    /// A projection whose output is read as `n_head` heads: x `[n, n_in]` → `[n, n_head, head_dim]`.
    pub(crate) fn heads(&mut self, op: Op, x: &Array2<R>, w: &weights::Linear<R>, n_head: usize) -> Array3<R> {
        let w = LinearRef::from(w);
        let ops = self.ops;
        let y = self.op(op, || linear_work(op, x, w), || ops.linear(x, w.weight, w.bias));
        self.tap_result(op, into_heads(y, n_head))
    }

    /// Every row goes through the matrix of its own expert; each expert that is used is read once.
    pub(crate) fn expert_linear(&mut self, op: Op, x: &Array2<R>, w: &[Array2<R>], experts: &[usize]) -> Array2<R> {
        let work = || {
            let used = (0..w.len()).filter(|expert| experts.contains(expert)).count();
            let (n, k, m) = (x.nrows(), w[0].nrows(), w[0].ncols());
            OpWork::new(op, cost::linear(n, k, m, false, used * w[0].len() * F32), [m, n, k]).reading("f32", "f32")
        };
        let ops = self.ops;
        let y = self.op(op, work, || ops.expert_linear(x, w, experts));
        self.tap_result(op, y)
    }

    pub(crate) fn norm(&mut self, op: Op, x: &Array2<R>, w: &weights::Norm<R>, kind: Norm) -> Array2<R> {
        let (n, d) = x.dim();
        let mut norm = match kind {
            Norm::Rms { eps } => {
                let work = || OpWork::new(op, cost::rms_norm(n, d), [d, n, 1]).reading("f32", "f32");
                let ops = self.ops;
                self.op(op, work, || ops.rms_norm(x, &w.weight, R::of(eps)))
            }
            Norm::Layer { eps } => {
                let bias = w.bias.as_ref();
                let work = || OpWork::new(op, cost::layer_norm(n, d, bias.is_some()), [d, n, 1]).reading("f32", "f32");
                let ops = self.ops;
                self.op(op, work, || ops.layer_norm(x, &w.weight, bias, R::of(eps)))
            }
        };
        if let &[scale, normalized, out] = op.hooks() {
            self.show(scale, &norm.scale);
            self.show(normalized, &norm.normalized);
            self.tap(out, &mut norm.out);
        }
        norm.out
    }

    /// RMSNorm of every head by itself: x `[n, n_head, head_dim]`, weight `[head_dim]`.
    pub(crate) fn head_norm(&mut self, op: Op, x: Array3<R>, weight: &Array1<R>, eps: f32) -> Array3<R> {
        let (n, n_head, head_dim) = x.dim();
        let work =
            || OpWork::new(op, cost::rms_norm(n * n_head, head_dim), [head_dim, n * n_head, 1]).reading("f32", "f32");
        let heads = into_rows(x, head_dim); // [n · n_head, head_dim]
        let ops = self.ops;
        let out = self.op(op, work, || ops.rms_norm(&heads, weight, R::of(eps)).out);
        self.tap_result(op, out.into_shape_with_order((n, n_head, head_dim)).expect("as many heads as went in"))
    }

    pub(crate) fn rope(&mut self, op: Op, x: &Array3<R>, positions: &[usize], rope: &Frequencies) -> Array3<R> {
        let (n, n_head, head_dim) = x.dim();
        let cost = || cost::rope(n, n_head, head_dim, 2 * rope.per_pair.len());
        let work = || OpWork::new(op, cost(), [n_head * head_dim, n, 1]);
        let ops = self.ops;
        let rotated = self.op(op, work, || ops.rope(x, positions, rope));
        self.tap_result(op, rotated)
    }

    /// Attention of each sequence over its own keys and values. q `[n, n_head, head_dim_k]`; `kv` says which rows of `q`
    /// belong to which sequence. Returns z, `[n, n_head · head_dim_v]`.
    pub(crate) fn attention(&mut self, q: &Array3<R>, kv: &[SequenceKv<R>], scale: f32) -> Array2<R> {
        let (n, n_head, head_dim_k) = q.dim();
        let head_dim_v = kv.first().map_or(0, |kv| kv.v.dim().2);
        let work = || {
            let visible = kv.iter().flat_map(|kv| &kv.visible).map(|range| range.len()).sum();
            let cost = cost::attention(n, n_head, head_dim_k, head_dim_v, visible);
            OpWork::new(Op::Attention, cost, [n_head * head_dim_v, n, visible])
        };
        let ops = self.ops;
        let mut all = self.op(Op::Attention, work, || {
            let attend = |kv: &SequenceKv<R>| {
                ops.attention(&q.select(Axis(0), &kv.rows), &kv.k, &kv.v, &kv.visible, R::of(scale))
            };
            in_batch_order(kv.iter().map(attend).collect(), kv, n)
        });
        self.show(Hook::AttnScores, &all.scores);
        self.show(Hook::Pattern, &all.pattern);
        self.tap(Hook::Z, &mut all.z);
        into_rows(all.z, n_head * head_dim_v)
    }

    /// The activation function, with or without a gate. `up` is shown here, because its hook depends on the gate: without
    /// one it is the input of the function, with one it is the factor.
    pub(crate) fn activate(&mut self, f: ActFn, gate: Option<&Array2<R>>, up: &mut Array2<R>) -> Array2<R> {
        let n = up.len();
        let cost = || match (f, gate.is_some()) {
            (ActFn::Silu, true) => cost::swiglu(n),
            (ActFn::Silu, false) => cost::silu(n),
            (ActFn::Gelu, true) => cost::geglu(n),
            (ActFn::Gelu, false) => cost::gelu(n),
        };
        self.tap(if gate.is_some() { Hook::MlpPreLinear } else { Hook::MlpPre }, up);
        let work = || OpWork::new(Op::FfnAct, cost(), [up.ncols(), up.nrows(), 1]);
        let ops = self.ops;
        let hidden = self.op(Op::FfnAct, work, || ops.activate(f, gate, up));
        self.tap_result(Op::FfnAct, hidden)
    }

    /// The experts of each token, `[n · n_used]`, and their weights, `[n, n_used]`.
    pub(crate) fn route(&mut self, scores: &Array2<R>, config: &Experts) -> (Vec<usize>, Array2<R>) {
        let cost = || cost::route(scores.nrows(), config.n, config.n_used, config.renormalize);
        let work = || OpWork::new(Op::FfnRoute, cost(), [config.n_used, scores.nrows(), 1]);
        let ops = self.ops;
        let mut routing = self.op(Op::FfnRoute, work, || ops.route(scores, config));
        let mut experts = routing.experts.mapv(|expert| R::of(expert as f32));
        self.tap(Hook::ExpertIndices, &mut experts);
        self.tap(Hook::ExpertWeights, &mut routing.weights);
        let number = |expert: &R| (expert.to_f32() as usize).min(config.n - 1);
        (experts.iter().map(number).collect(), routing.weights)
    }

    pub(crate) fn combine(&mut self, y: &Array2<R>, weights: &Array2<R>) -> Array2<R> {
        let ((n, n_used), d) = (weights.dim(), y.ncols());
        let work = || OpWork::new(Op::FfnCombine, cost::combine(n, n_used, d), [d, n, n_used]);
        let ops = self.ops;
        let sum = self.op(Op::FfnCombine, work, || ops.combine(y, weights));
        self.tap_result(Op::FfnCombine, sum)
    }

    pub(crate) fn softcap(&mut self, x: &Array2<R>, cap: f32) -> Array2<R> {
        let work = || OpWork::new(Op::LogitSoftcap, cost::softcap(x.len()), [x.ncols(), x.nrows(), 1]);
        let ops = self.ops;
        let capped = self.op(Op::LogitSoftcap, work, || ops.softcap(x, R::of(cap)));
        self.tap_result(Op::LogitSoftcap, capped)
    }
}

/// The keys and values of one sequence in one block, and the rows of the batch that read them.
pub(crate) struct SequenceKv<R> {
    /// Rows of the batch that belong to the sequence.
    pub(crate) rows: Vec<usize>,
    /// The positions that each of these rows may see.
    pub(crate) visible: Vec<Range<usize>>,
    /// `[n_head_kv, n_kv, head_dim_k]`.
    pub(crate) k: Array3<R>,
    /// `[n_head_kv, n_kv, head_dim_v]`.
    pub(crate) v: Array3<R>,
}

fn linear_work<R: Real>(op: Op, x: &Array2<R>, w: LinearRef<'_, R>) -> OpWork {
    let (n, k, m) = (x.nrows(), w.weight.nrows(), w.weight.ncols());
    OpWork::new(op, cost::linear(n, k, m, w.bias.is_some(), w.weight.len() * F32), [m, n, k]).reading("f32", "f32")
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

/// The results of all sequences in one array each, rows in batch order. Where sequences differ in length, the shorter ones
/// have −∞ (scores) and 0 (pattern) at the positions that they do not have.
fn in_batch_order<R: Real>(mut parts: Vec<AttentionOutput<R>>, kv: &[SequenceKv<R>], n: usize) -> AttentionOutput<R> {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let n_kv = parts.iter().map(|part| part.scores.dim().2).max().unwrap_or(0);
    let (n_head, head_dim) = parts.first().map_or((0, 0), |part| (part.z.dim().1, part.z.dim().2));
    let mut all = AttentionOutput {
        scores: Array3::from_elem((n_head, n, n_kv), R::NEG_INFINITY),
        pattern: Array3::from_elem((n_head, n, n_kv), R::ZERO),
        z: Array3::from_elem((n, n_head, head_dim), R::ZERO),
    };
    for (part, kv) in parts.iter().zip(kv) {
        let len = part.scores.dim().2;
        for (i, &row) in kv.rows.iter().enumerate() {
            all.scores.slice_mut(s![.., row, ..len]).assign(&part.scores.slice(s![.., i, ..]));
            all.pattern.slice_mut(s![.., row, ..len]).assign(&part.pattern.slice(s![.., i, ..]));
            all.z.slice_mut(s![row, .., ..]).assign(&part.z.slice(s![i, .., ..]));
        }
    }
    all
}
