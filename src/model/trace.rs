//! [`trace_points`]: what an observer of a forward pass is told, in order. The one list of a model's operations and hooks.
//!
//! Look first at `block`. The list follows from the model's features alone; both forward paths are tested against it
//! (`tests/forward/hooks.rs`), and filters of hook names are resolved against it.
//!
//! What it deliberately does not do: say what a path can show. The optimized path never holds the scores of attention
//! ([`crate::optimized::Transformer::UNAVAILABLE`]), and when nobody watches activations it fuses operations.

use super::{Config, FeedForward, LayerWeights, Weights};
use crate::observe::{Hook, HookAt, Op, OpAt};

/// One thing that an observer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TracePoint {
    /// An operation runs.
    Op(OpAt),
    /// An activation is shown.
    Hook(HookAt),
}

impl TracePoint {
    /// The operation, if it is one.
    pub fn op(self) -> Option<OpAt> {
        match self {
            TracePoint::Op(at) => Some(at),
            TracePoint::Hook(_) => None,
        }
    }

    /// The activation, if it is one.
    pub fn hook(self) -> Option<HookAt> {
        match self {
            TracePoint::Op(_) => None,
            TracePoint::Hook(at) => Some(at),
        }
    }
}

/// Every operation and every activation of one forward pass, in order.
pub fn trace_points(config: &Config, weights: &Weights) -> Vec<TracePoint> {
    let mut trace = Trace { points: Vec::new(), layer: None };
    trace.op(Op::TokenEmbd);
    if weights.position_embd.is_some() {
        trace.hook(Hook::PosEmbed);
        trace.op(Op::PositionEmbd);
    }
    for (i, layer) in weights.layers.iter().enumerate() {
        trace.layer = Some(i);
        block(layer, config.layers[i].rope.is_some(), &mut trace);
    }
    trace.layer = None;
    trace.op(Op::OutputNorm);
    trace.op(Op::Output);
    trace.op_if(config.logit_softcap.is_some(), Op::LogitSoftcap);
    trace.points
}

/// The points of one block.
fn block(layer: &LayerWeights, rope: bool, trace: &mut Trace) {
    trace.hook(Hook::ResidPre);

    trace.op(Op::AttnNorm);
    trace.ops(&[Op::AttnQ, Op::AttnK, Op::AttnV]);
    trace.op_if(layer.attn_q_norm.is_some(), Op::AttnQNorm);
    trace.op_if(layer.attn_k_norm.is_some(), Op::AttnKNorm);
    trace.op_if(rope, Op::RopeQ);
    trace.op_if(rope, Op::RopeK);
    trace.ops(&[Op::KvWrite, Op::KvRead, Op::Attention, Op::AttnOutput]);
    trace.op_if(layer.post_attn_norm.is_some(), Op::PostAttentionNorm);
    trace.hook(Hook::AttnOut);
    trace.op(Op::AttnResidual);

    trace.op(Op::FfnNorm);
    feed_forward(&layer.ffn, trace);
    trace.op_if(layer.post_ffn_norm.is_some(), Op::PostFfwNorm);
    trace.hook(Hook::MlpOut);
    trace.op(Op::FfnResidual);
}

fn feed_forward(ffn: &FeedForward, trace: &mut Trace) {
    let (experts, gated) = match ffn {
        FeedForward::Dense { gate, .. } => (false, gate.is_some()),
        FeedForward::Experts { .. } => (true, true),
    };
    if experts {
        trace.ops(&[Op::FfnGateInp, Op::FfnRoute]);
    }
    trace.op_if(gated, Op::FfnGate);
    trace.op(Op::FfnUp);
    trace.hook(if gated { Hook::MlpPreLinear } else { Hook::MlpPre });
    trace.ops(&[Op::FfnAct, Op::FfnDown]);
    trace.op_if(experts, Op::FfnCombine);
}

/// A list under construction.
struct Trace {
    points: Vec<TracePoint>,
    layer: Option<usize>,
}

impl Trace {
    /// An operation, and behind it the activations that it has hooks for.
    fn op(&mut self, op: Op) {
        self.points.push(TracePoint::Op(OpAt { op, layer: self.layer }));
        op.hooks().iter().for_each(|&hook| self.hook(hook));
    }

    fn op_if(&mut self, feature: bool, op: Op) {
        if feature {
            self.op(op);
        }
    }

    fn ops(&mut self, ops: &[Op]) {
        ops.iter().for_each(|&op| self.op(op));
    }

    fn hook(&mut self, hook: Hook) {
        self.points.push(TracePoint::Hook(HookAt { hook, layer: self.layer }));
    }
}
