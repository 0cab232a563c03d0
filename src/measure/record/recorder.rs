//! [`Recorder`]: the observer of recorded runs. There is one for all purposes: what it asks for is a value and not a type, so
//! the forward paths are compiled once for it.
//!
//! While a run is watched it only copies small values into buffers that were allocated before. Text and JSON are made in
//! [`Recorder::finish`].

use super::schema::{
    ActRecord, AttentionRecord, BytesRecord, DropRecord, KvRecord, Name, OpRecord, Record, SamplerRecord, SpanRecord,
    StepRecord, TokenRecord,
};
use super::sink::Sink;
use crate::observe::{
    Cost, Event, Hook, HookAt, HookFilter, Interests, Observer, Op, OpAt, OpWork, Phase, StageReport, TensorView,
    ThreadSpan,
};
use std::io;
use std::time::Instant;

/// What to record.
#[derive(Debug, Clone)]
pub struct RecorderOptions {
    /// `naive` or `optimized`.
    pub path: &'static str,
    /// What to ask for.
    pub interests: Interests,
    /// The activations to keep, if any are asked for; all without a filter.
    pub hooks: Option<HookFilter>,
    /// Room for operations. More are counted and not kept.
    pub max_ops: usize,
    /// Room for spans of threads. More are counted and not kept.
    pub max_spans: usize,
    /// Attention patterns of at most so many queries are kept number by number; of longer ones the sums only.
    pub max_pattern: usize,
    /// Bytes of a position in the cache, and positions of a page: to say how much of the pages is used.
    pub kv_position_bytes: usize,
    /// As above.
    pub kv_page_len: usize,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            path: "optimized",
            interests: Interests::OPS,
            hooks: None,
            max_ops: 1 << 17,
            max_spans: 1 << 17,
            max_pattern: 96,
            kv_position_bytes: 0,
            kv_page_len: 0,
        }
    }
}

/// One operation, as it is kept.
#[derive(Debug, Clone, Copy)]
struct OpSample {
    step: usize,
    at: OpAt,
    work: OpWork,
    start: Instant,
    end: Instant,
}

/// One forward pass, as it is kept.
#[derive(Debug, Clone, Copy)]
struct StepSample {
    step: usize,
    phase: Phase,
    pos: usize,
    n_tok: usize,
    start: Instant,
    end: Option<Instant>,
}

/// Keeps what it is told, until [`Recorder::finish`].
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    origin: Instant,
    began: Instant,
    sampling: Instant,
    ops: Vec<OpSample>,
    dropped_ops: u64,
    spans: Vec<(usize, OpAt, ThreadSpan)>,
    dropped_spans: u64,
    steps: Vec<StepSample>,
    kv: Vec<(usize, usize, usize, usize)>,
    stages: Vec<(usize, StageReport)>,
    tokens: Vec<TokenRecord>,
    acts: Vec<ActRecord>,
    patterns: Vec<AttentionRecord>,
}

impl Recorder {
    /// A recorder with room as `options` say. Times are counted from now.
    pub fn new(options: RecorderOptions) -> Self {
        let room = |wanted: bool, n: usize| if wanted { n } else { 0 };
        let (n_ops, n_spans) =
            (room(options.interests.ops, options.max_ops), room(options.interests.threads, options.max_spans));
        let now = Instant::now();
        let work = OpWork::new(Op::Output, Cost::default(), [0; 3]);
        let nothing = OpSample { step: 0, at: OpAt { op: Op::Output, layer: None }, work, start: now, end: now };
        let mut ops = vec![nothing; n_ops]; // written once, so that no page fault falls into the run
        ops.clear();
        Self {
            options,
            origin: now,
            began: now,
            sampling: now,
            ops,
            dropped_ops: 0,
            spans: Vec::with_capacity(n_spans),
            dropped_spans: 0,
            steps: Vec::with_capacity(1 << 12),
            kv: Vec::with_capacity(1 << 12),
            stages: Vec::new(),
            tokens: Vec::new(),
            acts: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// Another recorder whose times are counted from the same moment.
    pub fn with_origin_of(self, other: &Recorder) -> Self {
        Self { origin: other.origin, ..self }
    }

    /// Number of the current step.
    fn step(&self) -> usize {
        self.steps.last().map_or(0, |step| step.step)
    }

    /// Hands everything to a sink, step by step.
    ///
    /// # Errors
    /// If the sink refuses.
    pub fn finish(self, sink: &mut dyn Sink) -> io::Result<()> {
        let Self { options, origin, ops, spans, steps, kv, stages, tokens, acts, patterns, .. } = self;
        let path: Name = options.path.into();
        let since = |at: Instant| at.saturating_duration_since(origin).as_nanos() as u64;
        let (mut ops, mut spans) = (ops.into_iter().peekable(), spans.into_iter().peekable());
        let (mut kv, mut stages) = (kv.into_iter().peekable(), stages.into_iter().peekable());
        let (mut tokens, mut acts) = (tokens.into_iter().peekable(), acts.into_iter().peekable());
        let mut patterns = patterns.into_iter().peekable();
        for (i, &StepSample { step, phase, pos, n_tok, start, end }) in steps.iter().enumerate() {
            let last = i + 1 == steps.len();
            let here = |of: usize| of <= step || last;
            let dt_ns = end.map_or(0, |end| since(end) - since(start));
            sink.record(Record::Step(StepRecord {
                path: path.clone(),
                step,
                phase,
                pos,
                n_tok,
                t0: since(start),
                dt_ns,
            }))?;
            while let Some((_, used, pages, bytes)) = kv.next_if(|&(of, ..)| here(of)) {
                sink.record(Record::Kv(KvRecord {
                    path: path.clone(),
                    step,
                    used,
                    reserved: pages * options.kv_page_len,
                    used_bytes: used * options.kv_position_bytes,
                    reserved_bytes: bytes,
                }))?;
            }
            while let Some(op) = ops.next_if(|op| here(op.step)) {
                sink.record(Record::Op(op_record(&op, &path, phase, pos, n_tok, since(op.start), since(op.end))))?;
            }
            while let Some((_, at, span)) = spans.next_if(|(of, ..)| here(*of)) {
                sink.record(Record::Span(SpanRecord {
                    step,
                    layer: at.layer,
                    op: at.op.name().into(),
                    thr: span.thread,
                    t0: since(span.start),
                    dt_ns: since(span.end) - since(span.start),
                    wait_ns: span.waited.as_nanos() as u64,
                }))?;
            }
            while let Some(act) = acts.next_if(|act| here(act.step)) {
                sink.record(Record::Act(act))?;
            }
            while let Some(pattern) = patterns.next_if(|pattern| here(pattern.step)) {
                sink.record(Record::Attention(pattern))?;
            }
            while let Some((_, stage)) = stages.next_if(|(of, _)| here(*of)) {
                let StageReport { stage, n_in, n_out, kept_mass, entropy, kl, top } = stage;
                let stage = stage.into();
                sink.record(Record::Sampler(SamplerRecord { step, stage, n_in, n_out, kept_mass, entropy, kl, top }))?;
            }
            while let Some(token) = tokens.next_if(|token| here(token.step)) {
                sink.record(Record::Token(token))?;
            }
        }
        for (what, count) in [("op", self.dropped_ops), ("span", self.dropped_spans)] {
            if count > 0 {
                sink.record(Record::Drop(DropRecord { what: what.into(), count }))?;
            }
        }
        Ok(())
    }

    /// Keeps the patterns of attention, `[n_head, n_tokens, n_kv]`, head by head.
    fn pattern(&mut self, at: HookAt, value: TensorView<'_>) {
        let (&[_, rows, cols], Some(layer)) = (value.shape, at.layer) else { return };
        let step = self.step();
        for (head, p) in value.values.chunks_exact((rows * cols).max(1)).enumerate() {
            let entropy =
                |row: &[f32]| -row.iter().map(|&p| f64::from(p)).filter(|&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>();
            let mean = |of: &dyn Fn(&[f32]) -> f64| p.chunks_exact(cols).map(of).sum::<f64>() / rows as f64;
            let rounded = |p: &f32| (p * 1e4).round() / 1e4;
            self.patterns.push(AttentionRecord {
                step,
                layer,
                head,
                rows,
                cols,
                p: if rows <= self.options.max_pattern { p.iter().map(rounded).collect() } else { Vec::new() },
                entropy: mean(&entropy),
                sink: mean(&|row| f64::from(row[0])),
            });
        }
    }
}

fn op_record(op: &OpSample, path: &Name, phase: Phase, pos: usize, n_tok: usize, t0: u64, end: u64) -> OpRecord {
    let OpWork { cost, covers, shape, types, kernels } = op.work;
    OpRecord {
        path: path.clone(),
        step: op.step,
        phase,
        pos,
        n_tok,
        layer: op.at.layer,
        op: op.at.op.name().into(),
        covers: covers.iter().map(|op| Name::from(op.name())).collect(),
        group: op.at.op.group().name().into(),
        kernels: kernels.into(),
        mnk: [shape.m, shape.n, shape.k],
        dt: types.map(Name::from),
        flops: cost.flops,
        special: cost.special,
        dequant: cost.dequant,
        bytes: BytesRecord {
            w: cost.weight_bytes,
            a_r: cost.activation_read,
            a_w: cost.activation_write,
            kv_r: cost.kv_read,
            kv_w: cost.kv_write,
        },
        t0,
        dt_ns: end - t0,
    }
}

impl Observer for Recorder {
    fn interests(&self) -> Interests {
        self.options.interests
    }

    fn begin(&mut self, _: OpAt) {
        self.began = Instant::now();
    }

    fn end(&mut self, at: OpAt, work: &OpWork) {
        let end = Instant::now();
        if self.ops.len() == self.ops.capacity() {
            self.dropped_ops += 1;
            return;
        }
        self.ops.push(OpSample { step: self.step(), at, work: *work, start: self.began, end });
    }

    fn threads(&mut self, at: OpAt, spans: &[ThreadSpan]) {
        let (step, room) = (self.step(), self.spans.capacity() - self.spans.len());
        self.dropped_spans += spans.len().saturating_sub(room) as u64;
        self.spans.extend(spans.iter().take(room).map(|&span| (step, at, span)));
    }

    fn wants(&self, at: HookAt) -> bool {
        self.options.hooks.as_ref().is_none_or(|hooks| hooks.contains(at))
    }

    fn activation(&mut self, at: HookAt, value: TensorView<'_>) {
        if at.hook == Hook::Pattern {
            self.pattern(at, value);
        }
        let finite = || value.values.iter().filter(|x| x.is_finite()).map(|&x| f64::from(x));
        let n = finite().count();
        let over = n.max(1) as f64;
        self.acts.push(ActRecord {
            path: self.options.path.into(),
            step: self.step(),
            hook: at.to_string(),
            shape: value.shape.to_vec(),
            min: finite().fold(f64::INFINITY, f64::min).min(f64::MAX),
            max: finite().fold(f64::NEG_INFINITY, f64::max).max(f64::MIN),
            mean: finite().sum::<f64>() / over,
            rms: (finite().map(|x| x * x).sum::<f64>() / over).sqrt(),
            not_finite: value.values.len() - n,
            file: None,
        });
    }

    fn event(&mut self, event: &Event) {
        match event {
            &Event::Step { step, phase, position: pos, n_tokens: n_tok } => {
                self.steps.push(StepSample { step, phase, pos, n_tok, start: Instant::now(), end: None });
            }
            Event::StepEnd { .. } => {
                if let Some(step) = self.steps.last_mut() {
                    step.end = Some(Instant::now());
                }
            }
            &Event::Kv { positions, pages, bytes } => self.kv.push((self.step(), positions, pages, bytes)),
            Event::Sampler(stage) => self.stages.push((self.step(), stage.clone())),
            Event::Sampling => self.sampling = Instant::now(),
            Event::Token { token, piece, score } => {
                let (rank, nll) = score.unzip();
                let dt_ns = self.sampling.elapsed().as_nanos() as u64;
                let token = TokenRecord { step: self.step(), token: *token, piece: piece.clone(), rank, nll, dt_ns };
                self.tokens.push(token);
            }
            Event::Forward { .. } => {}
        }
    }
}
