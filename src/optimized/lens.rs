//! [`Lens`]: the operations of [`ops`](super::ops), seen by an observer.
//!
//! Where nobody watches, operations that belong together are one dispatch ([`Lens::linears`], [`Lens::gated`],
//! [`Lens::linear_onto`]). An observer gets them one by one, each between its own `begin` and `end`, because a time or an
//! activation is of no use unless it is known whose it is. The bits are the same: operations share workers then, never sums.
//!
//! What it deliberately does not do: compute, except for what an observer alone wants to see.

use super::attention::{Scene, attend};
use super::experts::Routing;
use super::ops::Team;
use super::pack::{Linear, Norm, Weights};
use super::scratch::{Input, Rows, Scratch};
use crate::kernels::packed::ROWS;
use crate::model::{self, Activation as Nonlinearity, Experts};
use crate::observe::{Activation, Cost, Hook, HookAt, Observer, Op, OpAt, cost};

/// The team with an observer behind it, in one place of the model.
pub(super) struct Lens<'a, Obs> {
    pub(super) team: &'a mut Team,
    weights: &'a Weights,
    obs: &'a mut Obs,
    layer: Option<usize>,
}

impl<'a, Obs: Observer> Lens<'a, Obs> {
    /// Whether anybody looks.
    pub(super) const WATCHED: bool = Obs::OPS || Obs::ACTIVATIONS;

    pub(super) fn new(team: &'a mut Team, weights: &'a Weights, obs: &'a mut Obs) -> Self {
        Self { team, weights, obs, layer: None }
    }

    /// The same lens, held over block `layer`.
    pub(super) fn over(&mut self, layer: usize) -> Lens<'_, Obs> {
        Lens { team: self.team, weights: self.weights, obs: self.obs, layer: Some(layer) }
    }

    /// Whether anybody wants this value.
    fn wants(&self, hook: Hook) -> bool {
        Obs::ACTIVATIONS && self.obs.wants(HookAt { hook, layer: self.layer })
    }

    /// Shows a value under a hook's name, if anybody wants it.
    pub(super) fn show(&mut self, hook: Hook, shape: &[usize], values: &[f32]) {
        if self.wants(hook) {
            self.obs.activation(HookAt { hook, layer: self.layer }, Activation { shape, values });
        }
    }

    /// Shows rows that flow on, and lets the observer change them first.
    pub(super) fn pass(&mut self, hook: Hook, rows: &mut Rows) {
        self.show(hook, &[rows.n(), rows.width()], rows.values());
        self.offer(hook, rows);
    }

    /// Passes on the result of an operation under its own hook, each row as `n_parts` heads.
    fn pass_result(&mut self, op: Op, rows: &mut Rows, n_parts: usize) {
        match op.hook() {
            Some(hook) if n_parts == 0 => self.pass(hook, rows),
            Some(hook) => {
                self.show(hook, &[rows.n(), n_parts, rows.width() / n_parts], rows.values());
                self.offer(hook, rows);
            }
            None => {}
        }
    }

    /// Lets the observer change rows; what a matrix reads of them is rounded again then.
    fn offer(&mut self, hook: Hook, rows: &mut Rows) {
        if Obs::EDITS && self.obs.edit(HookAt { hook, layer: self.layer }, rows.values_mut()) {
            self.team.quantize(rows);
        }
    }

    /// Runs something as an operation.
    pub(super) fn run<T>(&mut self, op: Op, cost: impl FnOnce() -> Cost, run: impl FnOnce(&mut Team) -> T) -> T {
        let team = &mut *self.team;
        self.obs.op(OpAt { op, layer: self.layer }, cost, || run(team))
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
        self.run(Op::TokenEmbd, cost, |team| {
            for (token, x) in tokens.zip(x.values_mut().chunks_exact_mut(n_embd)) {
                look_up(table, token, x);
                scale.into_iter().for_each(|scale| (team.kernels.scale)(x, scale));
            }
        });
        self.pass_result(Op::TokenEmbd, x, 0);
    }

    /// `x += y`, shown as the value that `x` has then.
    pub(super) fn add(&mut self, op: Op, x: &mut Rows, y: &Rows) {
        self.run(op, || cost::add(y.values().len()), |team| team.add(x, y));
        self.pass_result(op, x, 0);
    }

    /// Several matrices that read the same rows; each result is read as so many heads (0: as it is).
    pub(super) fn linears<const N: usize>(&mut self, x: &Rows, parts: [(Op, &Linear, &mut Rows, usize); N]) {
        let weights = self.weights;
        if !Self::WATCHED {
            return self.team.linears(weights, x.input(), parts.map(|(_, linear, out, _)| (linear, out)));
        }
        for (op, linear, out, n_head) in parts {
            let cost = || linear_cost(x.n(), linear, 1);
            self.run(op, cost, |team| team.linears(weights, x.input(), [(linear, out)]));
            self.pass_result(op, out, n_head);
        }
    }

    /// The last matrix of a branch, whose results are added to the stream `x` where they are made. An observer would see the sum
    /// only, so there must be none.
    pub(super) fn linear_onto(&mut self, input: &Rows, linear: &Linear, x: &mut Rows) {
        debug_assert!(!Self::WATCHED);
        self.team.linear_onto(self.weights, input.input(), linear, x);
    }

    /// Every expert's matrix with its own visits: row `i` of `x` and `out` is a visit to the expert of `segments` whose
    /// range holds `i`. `in_order` says where each visit is found.
    pub(super) fn expert_linears(
        &mut self,
        op: Op,
        x: &Rows,
        experts: &[Linear],
        segments: &[(usize, std::ops::Range<usize>)],
        in_order: &[usize],
        out: &mut Rows,
    ) {
        let weights = self.weights;
        out.shape(x.n(), experts[0].weight.n_out);
        let cost = || linear_cost(x.n(), &experts[0], segments.len());
        self.run(op, cost, |team| {
            for (expert, visits) in segments {
                let input: Input<'_> = x.input_of(visits.clone());
                team.linear_into(weights, input, &experts[*expert], out, visits.start);
            }
        });
        if let Some(hook) = op.hook() {
            self.pass_visits(hook, out, in_order);
        }
    }

    /// Passes on rows that are visits, shown in the order of tokens and not of experts.
    pub(super) fn pass_visits(&mut self, hook: Hook, rows: &mut Rows, in_order: &[usize]) {
        if !self.wants(hook) {
            return;
        }
        let mut values: Vec<f32> = in_order.iter().flat_map(|&visit| rows.row(visit)).copied().collect();
        self.show(hook, &[rows.n(), rows.width()], &values);
        if Obs::EDITS && self.obs.edit(HookAt { hook, layer: self.layer }, &mut values) {
            let width = rows.width();
            for (&visit, edited) in in_order.iter().zip(values.chunks_exact(width)) {
                rows.values_mut()[visit * width..][..width].copy_from_slice(edited);
            }
            self.team.quantize(rows);
        }
    }

    /// Passes on who visits whom: numbers of experts and their weights, `[n, n_used]` each.
    pub(super) fn pass_routing(&mut self, visits: &mut Routing, config: &Experts) {
        if !Obs::ACTIVATIONS {
            return;
        }
        let shape = [visits.experts.len() / config.n_used, config.n_used];
        let mut experts: Vec<f32> = visits.experts.iter().map(|&expert| expert as f32).collect();
        self.show(Hook::ExpertIndices, &shape, &experts);
        if Obs::EDITS && self.obs.edit(HookAt { hook: Hook::ExpertIndices, layer: self.layer }, &mut experts) {
            visits.choose(experts.iter().map(|&expert| expert as usize), config);
        }
        self.show(Hook::ExpertWeights, &shape, &visits.weights);
        if Obs::EDITS {
            self.obs.edit(HookAt { hook: Hook::ExpertWeights, layer: self.layer }, &mut visits.weights);
        }
    }

    pub(super) fn norm(&mut self, op: Op, x: &Rows, w: &Norm, kind: model::Norm, out: &mut Rows) {
        let (n, d) = (x.n(), x.width());
        let cost = || match kind {
            model::Norm::Rms { .. } => cost::rms_norm(n, d),
            model::Norm::Layer { .. } => cost::layer_norm(n, d, w.biased),
        };
        self.run(op, cost, |team| team.norm(x, w, kind, out));
        if let Some([scale, normalized, weighted]) = norm_hooks(op).filter(|_| Obs::ACTIVATIONS) {
            if self.wants(scale) || self.wants(normalized) {
                let (scales, before_weight) = on_the_way(x, kind);
                self.show(scale, &[n, 1], &scales);
                self.show(normalized, &[n, d], &before_weight);
            }
            self.pass(weighted, out);
        }
    }

    /// RMSNorm of every head by itself.
    pub(super) fn head_norm(&mut self, op: Op, x: &mut Rows, weight: &[f32], eps: f32) {
        let (n, n_head) = (x.n(), x.width() / weight.len());
        let cost = || cost::rms_norm(n * n_head, weight.len());
        self.run(op, cost, |team| team.head_norm(x, weight, eps));
        self.pass_result(op, x, n_head);
    }

    /// RoPE: row `i` of `x` is row `rows[i]` of the batch.
    pub(super) fn rope(
        &mut self,
        op: Op,
        x: &mut Rows,
        n_head: usize,
        rows: &[usize],
        turns: &super::rope::Turns,
        pairing: model::RopePairing,
    ) {
        let (n, head_dim) = (x.n(), x.width() / n_head);
        let cost = || cost::rope(n, n_head, head_dim, 2 * turns.pairs);
        self.run(op, cost, |team| team.rope(x, head_dim, rows, turns, pairing));
        self.pass_result(op, x, n_head);
    }

    /// `s.q` → `s.z`.
    pub(super) fn attention(&mut self, scene: Scene<'_>, s: &mut Scratch) {
        let Scratch { q, z, partials, mixed, .. } = s;
        let c = scene.config;
        let cost = || {
            let visible = scene.queries.iter().map(|query| query.visible.len()).sum();
            cost::attention(q.n(), c.n_head, c.head_dim_k, c.head_dim_v, visible)
        };
        self.run(Op::Attention, cost, |team| attend(team, scene, q, partials, mixed, z));
        self.pass_result(Op::Attention, z, c.n_head);
    }

    /// The hidden layer of a gated network: `act(gate) · up`.
    pub(super) fn gated(&mut self, x: &Rows, gate: &Linear, up: &Linear, kind: Nonlinearity, s: Hidden<'_>) {
        if !Self::WATCHED {
            return self.team.gated(self.weights, x.input(), gate, up, kind, s.hidden);
        }
        self.linears(x, [(Op::FfnGate, gate, s.gate, 0), (Op::FfnUp, up, s.up, 0)]);
        self.pass(Hook::MlpPreLinear, s.up);
        self.activate(kind, Some(s.gate), s.up, s.hidden);
        self.pass_result(Op::FfnAct, s.hidden, 0);
    }

    /// The non-linearity. Its result is shown by whoever knows the order of the rows.
    pub(super) fn activate(&mut self, kind: Nonlinearity, gate: Option<&Rows>, up: &Rows, out: &mut Rows) {
        let n = up.values().len();
        let cost = || match (kind, gate.is_some()) {
            (Nonlinearity::Silu, true) => cost::swiglu(n),
            (Nonlinearity::Silu, false) => cost::silu(n),
            (Nonlinearity::Gelu, true) => cost::geglu(n),
            (Nonlinearity::Gelu, false) => cost::gelu(n),
        };
        self.run(Op::FfnAct, cost, |team| team.activate(kind, gate, up, out));
    }

    pub(super) fn softcap(&mut self, x: &mut Rows, cap: f32) {
        let n = x.values().len();
        self.run(Op::LogitSoftcap, || cost::softcap(n), |team| team.softcap(x, cap));
        self.pass_result(Op::LogitSoftcap, x, 0);
    }
}

/// Where the parts of a hidden layer go.
pub(super) struct Hidden<'a> {
    pub(super) gate: &'a mut Rows,
    pub(super) up: &'a mut Rows,
    pub(super) hidden: &'a mut Rows,
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

/// What a norm divides by, and the rows after the division: kernels do not stop there, so they are computed again.
fn on_the_way(x: &Rows, kind: model::Norm) -> (Vec<f32>, Vec<f32>) {
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
