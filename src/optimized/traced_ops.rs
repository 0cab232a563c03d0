//! [`TracedOps`]: the operations of the workers, each with its cost and its hooks.
//!
//! Operations that belong together are one dispatch ([`TracedOps::linears`], [`TracedOps::gated`], [`TracedOps::add`]), and an
//! observer of times is told of them as one, with the list of what it covers. An observer of activations is told of them one
//! by one, because every value must exist. The results have the same bits either way.
//!
//! What it deliberately does not do: compute, except for values that only an observer reads.

use super::attention::{AttentionArgs, Query, attend, seen_positions};
use super::experts::Routing;
use super::pack::{Linear, Norm, Weights};
use super::rope::RopeTable;
use super::scratch::{Rows, Scratch};
use super::workers::Workers;
use crate::kernels::packed::{ROWS, TileLayout};
use crate::kv_cache::{KvFormat, KvSide};
use crate::model::{self, ActFn, Experts, LayerConfig};
use crate::observe::watch::Watch;
use crate::observe::{Cost, Hook, HookAt, Op, OpAt, OpWork, TensorView, cost};

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
    Deferred { op: Op, input: &'a Rows, linear: &'a Linear, y: &'a mut Rows },
    /// Computed.
    Rows(&'a mut Rows),
}

/// The buffers of a hidden layer, `[n_queries, n_ff]` each.
pub(super) struct Hidden<'a> {
    pub(super) gate: &'a mut Rows,
    pub(super) up: &'a mut Rows,
    pub(super) hidden: &'a mut Rows,
}

impl<'a, Obs: Watch> TracedOps<'a, Obs> {
    pub(super) fn new(workers: &'a mut Workers, weights: &'a Weights, obs: &'a mut Obs) -> Self {
        Self { workers, weights, obs, layer: None }
    }

    /// The same operations, reported as those of block `layer`.
    pub(super) fn for_layer(&mut self, layer: usize) -> TracedOps<'_, Obs> {
        TracedOps { workers: self.workers, weights: self.weights, obs: self.obs, layer: Some(layer) }
    }

    /// Whether an observer wants to see values, so that each must exist. Else operations that belong together run as one.
    pub(super) fn shows_values(&self) -> bool {
        Obs::ON && self.obs.interests().activations
    }

    /// Runs an operation, or several as one, and reports it.
    pub(super) fn op<T>(&mut self, op: Op, work: impl FnOnce() -> OpWork, run: impl FnOnce(&mut Workers) -> T) -> T {
        let (at, kernels) = (OpAt { op, layer: self.layer }, self.workers.kernels.name);
        let workers = &mut *self.workers;
        let result = self.obs.op(at, || work().by(kernels), || run(workers));
        if Obs::ON && self.obs.interests().threads {
            self.obs.threads(at, self.workers.pool.spans());
            self.workers.pool.forget_spans();
        }
        result
    }

    /// Whether anybody wants this value.
    fn wants(&self, hook: Hook) -> bool {
        self.obs.wants(HookAt { hook, layer: self.layer })
    }

    /// Shows a value that nothing reads later.
    fn show(&mut self, hook: Hook, shape: &[usize], values: &[f32]) {
        if self.wants(hook) {
            self.obs.activation(HookAt { hook, layer: self.layer }, TensorView { shape, values });
        }
    }

    /// Lets the observer change values that were shown ([`Observer::edit`]).
    fn edit(&mut self, hook: Hook, values: &mut [f32]) -> bool {
        self.obs.edit(HookAt { hook, layer: self.layer }, values)
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
        if self.obs.interests().edits && self.edit(hook, rows.values_mut()) {
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
        let work = || OpWork::new(Op::TokenEmbd, cost(), [n_embd, n, 1]).reading(table.ty().name(), "-");
        self.op(Op::TokenEmbd, work, |workers| {
            for (token, x) in tokens.zip(x.values_mut().chunks_exact_mut(n_embd)) {
                look_up(table, token, x);
                scale.into_iter().for_each(|scale| (workers.kernels.scale)(x, scale));
            }
        });
        self.tap_result(Op::TokenEmbd, x, None);
    }

    /// The last matrix of a branch. Here it is decided whether its results are added to the residual stream where they are
    /// computed: if nobody wants to see them before.
    pub(super) fn branch<'b>(&mut self, op: Op, input: &'b Rows, linear: &'b Linear, y: &'b mut Rows) -> Branch<'b> {
        if !self.shows_values() {
            return Branch::Deferred { op, input, linear, y };
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
            Branch::Deferred { op, input, linear, y } => {
                self.linears(input, [Projection::rows(op, linear, y)]);
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
            Branch::Deferred { op: product, input, linear, .. } => {
                let weights = self.weights;
                let work = || linear_onto_work(product, op, input, linear);
                self.op(product, work, |workers| workers.linear_onto(weights, input.input(), linear, x));
            }
            Branch::Rows(y) => {
                let work = || OpWork::new(op, cost::add(y.values().len()), [y.width(), y.n(), 1]);
                self.op(op, work, |workers| workers.add(x, y));
            }
        }
        self.tap_result(op, x, None);
    }

    /// Several matrices that read the same rows.
    pub(super) fn linears<const N: usize>(&mut self, x: &Rows, parts: [Projection<'_>; N]) {
        let weights = self.weights;
        if !self.shows_values() {
            let (first, matrices) = (parts[0].op, parts.each_ref().map(|part| (part.op, part.linear)));
            let parts = parts.map(|part| (part.linear, part.out));
            let work = || linears_work(x, &matrices);
            return self.op(first, work, |workers| workers.linears(weights, x.input(), parts));
        }
        for Projection { op, linear, out, n_head } in parts {
            let work = || linear_work(op, x, linear, 1);
            self.op(op, work, |workers| workers.linears(weights, x.input(), [(linear, &mut *out)]));
            self.tap_result(op, out, n_head);
        }
    }

    /// Every expert's matrix with the rows that are assigned to it: rows of `x` and `out` are assignments, sorted by expert.
    pub(super) fn expert_linear(&mut self, op: Op, x: &Rows, experts: &[Linear], routing: &Routing, out: &mut Rows) {
        let weights = self.weights;
        out.shape(x.n(), experts[0].weight.n_out);
        let work = || linear_work(op, x, &experts[0], routing.segments.len());
        self.op(op, work, |workers| {
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
        let work = || OpWork::new(Op::FfnRoute, cost(), [config.n_used, scores.n(), 1]);
        let mut routing = self.op(Op::FfnRoute, work, |workers| Routing::new(&workers.kernels, scores, config));
        if self.shows_values() {
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
        let (n, n_used, width) = (y.n() / routing.n_used, routing.n_used, y.width());
        let work = || OpWork::new(Op::FfnCombine, cost::combine(n, n_used, width), [width, n, n_used]);
        self.op(Op::FfnCombine, work, |workers| routing.combine(&workers.kernels, y, out));
        self.tap_result(Op::FfnCombine, out, None);
    }

    pub(super) fn norm(&mut self, op: Op, x: &Rows, w: &Norm, kind: model::Norm, out: &mut Rows) {
        let (n, d) = (x.n(), x.width());
        let cost = || match kind {
            model::Norm::Rms { .. } => cost::rms_norm(n, d),
            model::Norm::Layer { .. } => cost::layer_norm(n, d, w.biased),
        };
        let made = Stored::of(out);
        let work = || made.by(OpWork::new(op, cost(), [d, n, 1]).reading("f32", "f32"));
        self.op(op, work, |workers| workers.norm(x, w, kind, out));
        if self.shows_values()
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
        let work = || OpWork::new(op, cost(), [weight.len(), n * n_head, 1]).reading("f32", "f32");
        self.op(op, work, |workers| workers.head_norm(x, weight, eps));
        self.tap_result(op, x, Some(n_head));
    }

    /// RoPE: row `i` of `x` is row `rows[i]` of the batch.
    pub(super) fn rope(&mut self, op: Op, x: &mut Rows, n_head: usize, rows: &[usize], table: &RopeTable) {
        let (n, head_dim) = (x.n(), x.width() / n_head);
        let cost = || cost::rope(n, n_head, head_dim, 2 * table.pairs);
        let work = || OpWork::new(op, cost(), [n_head * head_dim, n, 1]);
        self.op(op, work, |workers| workers.rope(x, head_dim, rows, table));
        self.tap_result(op, x, Some(n_head));
    }

    /// `s.q` → `s.z`.
    pub(super) fn attention(&mut self, args: AttentionArgs<'_>, s: &mut Scratch) {
        let (config, n) = (args.config, s.q.n());
        let (queries, made) = (args.queries, Stored::of(&s.z));
        let formats = [KvSide::K, KvSide::V].map(|side| args.cache.layout().format(side));
        let (alone, position_bytes) = (self.shows_values(), args.cache.layout().layer_position_bytes(args.layer));
        let op = if alone { Op::Attention } else { Op::KvRead };
        let work = || {
            let visible = queries.iter().map(|query| query.visible.len()).sum();
            let cost = cost::attention(n, config.n_head, config.head_dim_k, config.head_dim_v, visible);
            let mut cost = Cost { dequant: unpacked(queries, config, formats), ..cost };
            if !alone {
                cost += cost::kv_read(0, seen_positions(queries) * position_bytes);
            }
            let work = made.by(OpWork::new(op, cost, [config.n_head * config.head_dim_v, n, visible]));
            if alone { work } else { work.covering(&[Op::KvRead, Op::Attention]) }
        };
        self.op(op, work, |workers| attend(workers, args, &s.q, &mut s.chunks, &mut s.z));
        self.tap_result(Op::Attention, &mut s.z, Some(config.n_head));
    }

    /// The hidden layer of a gated network: `act(gate) · up`.
    pub(super) fn gated(&mut self, x: &Rows, gate: &Linear, up: &Linear, act: ActFn, s: Hidden<'_>) {
        if !self.shows_values() {
            let (weights, made) = (self.weights, Stored::of(s.hidden));
            let work = || made.by(gated_work(x, gate, up, act));
            return self.op(Op::FfnGate, work, |workers| workers.gated(weights, x.input(), gate, up, act, s.hidden));
        }
        let parts = [Projection::rows(Op::FfnGate, gate, s.gate), Projection::rows(Op::FfnUp, up, s.up)];
        self.linears(x, parts);
        self.tap(Hook::MlpPreLinear, s.up);
        self.activate(act, Some(s.gate), s.up, s.hidden);
        self.tap_result(Op::FfnAct, s.hidden, None);
    }

    /// The activation function, with or without a gate. The caller taps the result, because it knows the order of the rows.
    pub(super) fn activate(&mut self, act: ActFn, gate: Option<&Rows>, up: &Rows, out: &mut Rows) {
        let made = Stored::of(out);
        let cost = || act_cost(act, gate.is_some(), up.n() * up.width());
        let work = || made.by(OpWork::new(Op::FfnAct, cost(), [up.width(), up.n(), 1]));
        self.op(Op::FfnAct, work, |workers| workers.activate(act, gate, up, out));
    }

    pub(super) fn softcap(&mut self, x: &mut Rows, cap: f32) {
        let (n, width) = (x.n(), x.width());
        let work = || OpWork::new(Op::LogitSoftcap, cost::softcap(n * width), [width, n, 1]);
        self.op(Op::LogitSoftcap, work, |workers| workers.softcap(x, cap));
        self.tap_result(Op::LogitSoftcap, x, None);
    }
}

/// A row of a matrix in the file, decoded.
pub(super) fn look_up(table: &model::Matrix, row: usize, out: &mut [f32]) {
    crate::quant::dequantize(table.ty(), table.row(row), out).expect("type and lengths were proven at load");
}

/// In which form the rows that an operation makes are stored. Rounding them to integers is part of the operation.
#[derive(Clone, Copy)]
struct Stored {
    ty: &'static str,
    rounds: bool,
}

impl Stored {
    fn of(rows: &Rows) -> Self {
        Self { ty: rows.stored_type(), rounds: rows.forms().integers }
    }

    /// The work of an operation with what storing its result so costs.
    fn by(self, work: OpWork) -> OpWork {
        let n = (work.cost.activation_write / 4) as usize; // numbers, which the formulas count as f32
        let mut work = work.writing(self.ty);
        if self.rounds {
            work.cost.dequant += cost::round(n);
        }
        work
    }
}

/// Decoding keys and values in block formats, each position once for all the queries that see it.
fn unpacked(queries: &[Query], config: &LayerConfig, formats: [KvFormat; 2]) -> u64 {
    let seen = seen_positions(queries);
    let widths = [config.n_embd_k(), config.n_embd_v()];
    let in_blocks = formats.iter().zip(widths).filter(|(format, _)| !format.ggml_type().is_float());
    in_blocks.map(|(_, width)| cost::unpack(seen * width)).sum()
}

/// The rows `x` through matrices alike, of which `used` are read.
fn linear_work(op: Op, x: &Rows, linear: &Linear, used: usize) -> OpWork {
    let w = &linear.weight;
    let bytes = used * w.n_out.div_ceil(ROWS) * w.group_bytes;
    let mut cost = cost::linear(x.n(), w.n_in, w.n_out, linear.bias.is_some(), bytes);
    if !w.ty.is_float() {
        let minima = TileLayout::of(w.ty).is_some_and(|layout| layout.scales.min());
        let of_others = used.saturating_sub(1) as u64 * cost::blocks(0, w.n_in, w.n_out, false); // unpacked too
        cost.dequant = cost::blocks(x.n(), w.n_in, w.n_out, minima) + of_others;
    }
    OpWork::new(op, cost, [w.n_out, x.n(), w.n_in]).reading(w.ty.name(), x.read_type(w.ty))
}

/// Several matrices in one dispatch: the rows are read once.
fn linears_work(x: &Rows, matrices: &[(Op, &Linear)]) -> OpWork {
    let (first, linear) = matrices[0];
    let mut work = linear_work(first, x, linear, 1);
    for &(op, linear) in &matrices[1..] {
        let more = linear_work(op, x, linear, 1);
        work.cost += Cost { activation_read: 0, ..more.cost };
        work.shape.m += more.shape.m;
    }
    work.covering(match matrices.len() {
        3 => &[Op::AttnQ, Op::AttnK, Op::AttnV],
        2 => &[Op::AttnK, Op::AttnV],
        _ => first.alone(),
    })
}

/// A product that is added to the residual stream where it is computed: the product itself is not stored.
fn linear_onto_work(product: Op, residual: Op, x: &Rows, linear: &Linear) -> OpWork {
    let (work, add) = (linear_work(product, x, linear, 1), cost::add(x.n() * linear.weight.n_out));
    let mut cost = Cost { activation_write: 0, ..work.cost };
    cost += Cost { activation_read: add.activation_read / 2, ..add };
    OpWork { cost, ..work }.covering(match residual {
        Op::AttnResidual => &[Op::AttnOutput, Op::AttnResidual],
        _ => &[Op::FfnDown, Op::FfnResidual],
    })
}

/// Gate, up and activation function in one dispatch: neither product is stored.
fn gated_work(x: &Rows, gate: &Linear, up: &Linear, act: ActFn) -> OpWork {
    let (mut work, up_work) = (linear_work(Op::FfnGate, x, gate, 1), linear_work(Op::FfnUp, x, up, 1));
    let act = act_cost(act, true, x.n() * up.weight.n_out);
    work.cost.activation_write = 0;
    work.cost += Cost { activation_read: 0, activation_write: 0, ..up_work.cost };
    work.cost += Cost { activation_read: 0, ..act };
    work.shape.m += up_work.shape.m;
    work.covering(&[Op::FfnGate, Op::FfnUp, Op::FfnAct])
}

fn act_cost(act: ActFn, gated: bool, n: usize) -> Cost {
    match (act, gated) {
        (ActFn::Silu, true) => cost::swiglu(n),
        (ActFn::Silu, false) => cost::silu(n),
        (ActFn::Gelu, true) => cost::geglu(n),
        (ActFn::Gelu, false) => cost::gelu(n),
    }
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
