//! [`TracedOps`]: the operations of the workers, each with its cost and its hooks.
//!
//! When nobody watches, operations that belong together are one dispatch ([`TracedOps::linears`], [`TracedOps::gated`],
//! [`TracedOps::add`]). An observer is told of them one by one, each between its own `begin` and `end`, so that every time
//! and every activation belongs to one operation. The results have the same bits either way.
//!
//! What it deliberately does not do: compute, except for values that only an observer reads.

use super::attention::{AttentionArgs, attend};
use super::experts::Routing;
use super::pack::{Linear, Norm, Weights};
use super::rope::RopeTable;
use super::scratch::{Rows, Scratch};
use super::workers::Workers;
use crate::kernels::packed::ROWS;
use crate::model::{self, ActFn, Experts};
use crate::observe::{Cost, Hook, HookAt, Observer, Op, OpAt, TensorView, cost};

/// The workers in one place of the model, and the observer that is told what they do.
pub(super) struct TracedOps<'a, Obs> {
    workers: &'a mut Workers,
    weights: &'a Weights,
    obs: &'a mut Obs,
    layer: Option<usize>,
}

/// One of several matrices that read the same rows: which operation it is, and where its results go.
pub(super) struct Projection<'a> {
    op: Op,
    linear: &'a Linear,
    out: &'a mut Rows,
    /// Heads in a row of the results, for the shape that an observer is shown.
    n_head: Option<usize>,
}

impl<'a> Projection<'a> {
    pub(super) fn rows(op: Op, linear: &'a Linear, out: &'a mut Rows) -> Self {
        Self { op, linear, out, n_head: None }
    }

    pub(super) fn heads(op: Op, linear: &'a Linear, out: &'a mut Rows, n_head: usize) -> Self {
        Self { op, linear, out, n_head: Some(n_head) }
    }
}

/// The output of a branch, `[n_queries, n_embd]`, before it is added to the residual stream: either its rows, or a product that
/// is not computed yet and that the kernel will add directly.
pub(super) enum Branch<'a> {
    /// Not computed yet: [`TracedOps::add`] multiplies `input` by the last matrix of the branch and adds each result to the
    /// stream where it is computed. `y` is the buffer for the case that somebody needs the output itself.
    Deferred { input: &'a Rows, linear: &'a Linear, y: &'a mut Rows },
    /// Computed.
    Rows(&'a mut Rows),
}

/// The buffers of a hidden layer, `[n_queries, n_ff]` each.
pub(super) struct Hidden<'a> {
    pub(super) gate: &'a mut Rows,
    pub(super) up: &'a mut Rows,
    pub(super) hidden: &'a mut Rows,
}

impl<'a, Obs: Observer> TracedOps<'a, Obs> {
    const WATCHED: bool = Obs::OPS || Obs::ACTIVATIONS;

    pub(super) fn new(workers: &'a mut Workers, weights: &'a Weights, obs: &'a mut Obs) -> Self {
        Self { workers, weights, obs, layer: None }
    }

    /// The same operations, reported as those of block `layer`.
    pub(super) fn for_layer(&mut self, layer: usize) -> TracedOps<'_, Obs> {
        TracedOps { workers: self.workers, weights: self.weights, obs: self.obs, layer: Some(layer) }
    }

    /// Whether anybody watches. A constant of the observer's type.
    pub(super) fn watched(&self) -> bool {
        Self::WATCHED
    }

    /// Runs an operation between the observer's `begin` and `end`.
    pub(super) fn op<T>(&mut self, op: Op, cost: impl FnOnce() -> Cost, run: impl FnOnce(&mut Workers) -> T) -> T {
        let workers = &mut *self.workers;
        self.obs.op(OpAt { op, layer: self.layer }, cost, || run(workers))
    }

    /// Whether anybody wants this value.
    fn wants(&self, hook: Hook) -> bool {
        Obs::ACTIVATIONS && self.obs.wants(HookAt { hook, layer: self.layer })
    }

    /// Shows a value that nothing reads later.
    fn show(&mut self, hook: Hook, shape: &[usize], values: &[f32]) {
        if self.wants(hook) {
            self.obs.activation(HookAt { hook, layer: self.layer }, TensorView { shape, values });
        }
    }

    /// Lets the observer change values that were shown ([`Observer::edit`]).
    fn edit(&mut self, hook: Hook, values: &mut [f32]) -> bool {
        Obs::EDITS && self.obs.edit(HookAt { hook, layer: self.layer }, values)
    }

    /// Shows rows that the forward pass goes on with, and lets the observer change them first.
    pub(super) fn tap(&mut self, hook: Hook, rows: &mut Rows) {
        self.tap_heads(hook, rows, None);
    }

    /// As [`TracedOps::tap`], shown as `[n, n_head, head_dim]` if the rows are heads. Edited rows are quantised again.
    fn tap_heads(&mut self, hook: Hook, rows: &mut Rows, n_head: Option<usize>) {
        match n_head {
            None => self.show(hook, &[rows.n(), rows.width()], rows.values()),
            Some(n_head) => self.show(hook, &[rows.n(), n_head, rows.width() / n_head], rows.values()),
        }
        if Obs::EDITS && self.edit(hook, rows.values_mut()) {
            self.workers.quantize(rows);
        }
    }

    /// Taps the result of `op` under its own hook, if it has one.
    fn tap_result(&mut self, op: Op, rows: &mut Rows, n_head: Option<usize>) {
        if let Some(hook) = op.hook() {
            self.tap_heads(hook, rows, n_head);
        }
    }

    /// Rows of a table in the file become rows of `x`, times `scale`.
    pub(super) fn embed(
        &mut self,
        table: &model::Matrix,
        tokens: impl ExactSizeIterator<Item = usize>,
        scale: Option<f32>,
        x: &mut Rows,
    ) {
        let (n, n_embd) = (tokens.len(), table.n_in());
        x.shape(n, n_embd);
        let cost = || cost::embed(n, n_embd, scale.is_some(), table.row_bytes());
        self.op(Op::TokenEmbd, cost, |workers| {
            for (token, x) in tokens.zip(x.values_mut().chunks_exact_mut(n_embd)) {
                look_up(table, token, x);
                scale.into_iter().for_each(|scale| (workers.kernels.scale)(x, scale));
            }
        });
        self.tap_result(Op::TokenEmbd, x, None);
    }

    /// The last matrix of a branch. Here it is decided whether its results are added to the residual stream where they are
    /// computed: if nobody watches. An observer is shown the output of the matrix and the addition apart.
    pub(super) fn branch<'b>(&mut self, op: Op, input: &'b Rows, linear: &'b Linear, y: &'b mut Rows) -> Branch<'b> {
        if !Self::WATCHED {
            return Branch::Deferred { input, linear, y };
        }
        self.linears(input, [Projection::rows(op, linear, y)]);
        Branch::Rows(y)
    }

    /// The norm of a branch's output, which is computed now if it was not.
    pub(super) fn post_norm<'b>(
        &mut self,
        op: Op,
        out: Branch<'b>,
        w: &Norm,
        kind: model::Norm,
        normed: &'b mut Rows,
    ) -> Branch<'b> {
        let y = match out {
            Branch::Rows(y) => y,
            Branch::Deferred { input, linear, y } => {
                self.workers.linears(self.weights, input.input(), [(linear, &mut *y)]);
                y
            }
        };
        self.norm(op, y, w, kind, normed);
        Branch::Rows(normed)
    }

    /// Taps the output of a branch. One that is not computed yet has no observer.
    pub(super) fn tap_branch(&mut self, hook: Hook, out: &mut Branch<'_>) {
        if let Branch::Rows(rows) = out {
            self.tap(hook, rows);
        }
    }

    /// `x += out`. The hook shows `x` after the addition.
    pub(super) fn add(&mut self, op: Op, x: &mut Rows, out: Branch<'_>) {
        match out {
            Branch::Deferred { input, linear, .. } => self.workers.linear_onto(self.weights, input.input(), linear, x),
            Branch::Rows(y) => self.op(op, || cost::add(y.values().len()), |workers| workers.add(x, y)),
        }
        self.tap_result(op, x, None);
    }

    /// Several matrices that read the same rows.
    pub(super) fn linears<const N: usize>(&mut self, x: &Rows, parts: [Projection<'_>; N]) {
        let weights = self.weights;
        if !Self::WATCHED {
            return self.workers.linears(weights, x.input(), parts.map(|part| (part.linear, part.out)));
        }
        for Projection { op, linear, out, n_head } in parts {
            let cost = || linear_cost(x.n(), linear, 1);
            self.op(op, cost, |workers| workers.linears(weights, x.input(), [(linear, &mut *out)]));
            self.tap_result(op, out, n_head);
        }
    }

    /// Every expert's matrix with the rows that are assigned to it: rows of `x` and `out` are assignments, sorted by expert.
    pub(super) fn expert_linear(&mut self, op: Op, x: &Rows, experts: &[Linear], routing: &Routing, out: &mut Rows) {
        let weights = self.weights;
        out.shape(x.n(), experts[0].weight.n_out);
        let cost = || linear_cost(x.n(), &experts[0], routing.segments.len());
        self.op(op, cost, |workers| {
            for (expert, rows) in &routing.segments {
                workers.linear_into(weights, x.input_of(rows.clone()), &experts[*expert], out, rows.start);
            }
        });
        if let Some(hook) = op.hook() {
            self.tap_assignments(hook, out, routing);
        }
    }

    /// Taps rows that are assignments. They are shown in the order of tokens and not of experts.
    pub(super) fn tap_assignments(&mut self, hook: Hook, rows: &mut Rows, routing: &Routing) {
        if !self.wants(hook) {
            return;
        }
        let mut values: Vec<f32> = routing.in_order.iter().flat_map(|&row| rows.row(row)).copied().collect();
        let width = rows.width();
        self.show(hook, &[rows.n(), width], &values);
        if self.edit(hook, &mut values) {
            for (&row, edited) in routing.in_order.iter().zip(values.chunks_exact(width)) {
                rows.values_mut()[row * width..][..width].copy_from_slice(edited);
            }
            self.workers.quantize(rows);
        }
    }

    /// The experts of each token and their weights, `[n, n_used]` each.
    pub(super) fn route(&mut self, scores: &Rows, config: &Experts) -> Routing {
        let cost = || cost::route(scores.n(), config.n, config.n_used, config.renormalize);
        let mut routing = self.op(Op::FfnRoute, cost, |workers| Routing::new(&workers.kernels, scores, config));
        if Obs::ACTIVATIONS {
            let shape = [scores.n(), config.n_used];
            let mut experts: Vec<f32> = routing.experts.iter().map(|&expert| expert as f32).collect();
            self.show(Hook::ExpertIndices, &shape, &experts);
            if self.edit(Hook::ExpertIndices, &mut experts) {
                routing.choose(experts.iter().map(|&expert| expert as usize), config);
            }
            self.show(Hook::ExpertWeights, &shape, &routing.weights);
            self.edit(Hook::ExpertWeights, &mut routing.weights);
        }
        routing
    }

    /// The weighted sum of the experts' results: `[n · n_used, d]` → `[n, d]`.
    pub(super) fn combine(&mut self, y: &Rows, routing: &Routing, out: &mut Rows) {
        let cost = || cost::combine(y.n() / routing.n_used, routing.n_used, y.width());
        self.op(Op::FfnCombine, cost, |workers| routing.combine(&workers.kernels, y, out));
        self.tap_result(Op::FfnCombine, out, None);
    }

    pub(super) fn norm(&mut self, op: Op, x: &Rows, w: &Norm, kind: model::Norm, out: &mut Rows) {
        let (n, d) = (x.n(), x.width());
        let cost = || match kind {
            model::Norm::Rms { .. } => cost::rms_norm(n, d),
            model::Norm::Layer { .. } => cost::layer_norm(n, d, w.biased),
        };
        self.op(op, cost, |workers| workers.norm(x, w, kind, out));
        if Obs::ACTIVATIONS
            && let &[scale, normalized, weighted] = op.hooks()
        {
            if self.wants(scale) || self.wants(normalized) {
                let (scales, before_weight) = norm_internals(x, kind);
                self.show(scale, &[n, 1], &scales);
                self.show(normalized, &[n, d], &before_weight);
            }
            self.tap(weighted, out);
        }
    }

    /// RMSNorm of every head by itself.
    pub(super) fn head_norm(&mut self, op: Op, x: &mut Rows, weight: &[f32], eps: f32) {
        let (n, n_head) = (x.n(), x.width() / weight.len());
        let cost = || cost::rms_norm(n * n_head, weight.len());
        self.op(op, cost, |workers| workers.head_norm(x, weight, eps));
        self.tap_result(op, x, Some(n_head));
    }

    /// RoPE: row `i` of `x` is row `rows[i]` of the batch.
    pub(super) fn rope(&mut self, op: Op, x: &mut Rows, n_head: usize, rows: &[usize], table: &RopeTable) {
        let (n, head_dim) = (x.n(), x.width() / n_head);
        let cost = || cost::rope(n, n_head, head_dim, 2 * table.pairs);
        self.op(op, cost, |workers| workers.rope(x, head_dim, rows, table));
        self.tap_result(op, x, Some(n_head));
    }

    /// `s.q` → `s.z`.
    pub(super) fn attention(&mut self, args: AttentionArgs<'_>, s: &mut Scratch) {
        let (config, n) = (args.config, s.q.n());
        let cost = || {
            let visible = args.queries.iter().map(|query| query.visible.len()).sum();
            cost::attention(n, config.n_head, config.head_dim_k, config.head_dim_v, visible)
        };
        self.op(Op::Attention, cost, |workers| attend(workers, args, &s.q, &mut s.chunks, &mut s.z));
        self.tap_result(Op::Attention, &mut s.z, Some(config.n_head));
    }

    /// The hidden layer of a gated network: `act(gate) · up`.
    pub(super) fn gated(&mut self, x: &Rows, gate: &Linear, up: &Linear, act: ActFn, s: Hidden<'_>) {
        if !Self::WATCHED {
            return self.workers.gated(self.weights, x.input(), gate, up, act, s.hidden);
        }
        let parts = [Projection::rows(Op::FfnGate, gate, s.gate), Projection::rows(Op::FfnUp, up, s.up)];
        self.linears(x, parts);
        self.tap(Hook::MlpPreLinear, s.up);
        self.activate(act, Some(s.gate), s.up, s.hidden);
        self.tap_result(Op::FfnAct, s.hidden, None);
    }

    /// The activation function, with or without a gate. The caller taps the result, because it knows the order of the rows.
    pub(super) fn activate(&mut self, act: ActFn, gate: Option<&Rows>, up: &Rows, out: &mut Rows) {
        let n = up.values().len();
        let cost = || match (act, gate.is_some()) {
            (ActFn::Silu, true) => cost::swiglu(n),
            (ActFn::Silu, false) => cost::silu(n),
            (ActFn::Gelu, true) => cost::geglu(n),
            (ActFn::Gelu, false) => cost::gelu(n),
        };
        self.op(Op::FfnAct, cost, |workers| workers.activate(act, gate, up, out));
    }

    pub(super) fn softcap(&mut self, x: &mut Rows, cap: f32) {
        let n = x.values().len();
        self.op(Op::LogitSoftcap, || cost::softcap(n), |workers| workers.softcap(x, cap));
        self.tap_result(Op::LogitSoftcap, x, None);
    }
}

/// A row of a matrix in the file, decoded.
pub(super) fn look_up(table: &model::Matrix, row: usize, out: &mut [f32]) {
    crate::quant::dequantize(table.ty(), table.row(row), out).expect("type and lengths were proven at load");
}

/// `n` rows through one of several matrices alike, of which `used` are read.
fn linear_cost(n: usize, linear: &Linear, used: usize) -> Cost {
    let w = &linear.weight;
    cost::linear(n, w.n_in, w.n_out, linear.bias.is_some(), used * w.n_out.div_ceil(ROWS) * w.group_bytes)
}

/// What a norm divides by, `[n]`, and the rows after the division, `[n, d]`. The kernels do not keep them, so they are
/// computed again for the observer.
fn norm_internals(x: &Rows, kind: model::Norm) -> (Vec<f32>, Vec<f32>) {
    let d = x.width();
    let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / d as f32;
    let (mut scales, mut normalized) = (Vec::new(), Vec::new());
    for row in x.values().chunks_exact(d) {
        let centre = match kind {
            model::Norm::Rms { .. } => 0.0,
            model::Norm::Layer { .. } => mean(&mut row.iter().copied()),
        };
        let scale = (mean(&mut row.iter().map(|x| (x - centre) * (x - centre))) + kind.eps()).sqrt();
        scales.push(scale);
        normalized.extend(row.iter().map(|x| (x - centre) / scale));
    }
    (scales, normalized)
}
