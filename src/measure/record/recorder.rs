//! [`Recorder`]: the observer of recorded runs. There is one for all purposes: what it asks for is a value and not a type, so
//! the forward paths are compiled once for it.
//!
//! While a run is watched it only copies small values into buffers that were allocated before. Text and JSON are made in
//! [`Recorder::finish`].

use super::clock::{Clock, Moment};
use super::schema::{
    ActRecord, AttentionRecord, BytesRecord, DropRecord, KvRecord, Name, OpRecord, Record, SamplerRecord, SpanRecord,
    StepRecord, TokenRecord,
};
use super::sink::Sink;
use crate::observe::{
    Event, Hook, HookAt, HookFilter, Interests, Observer, OpAt, OpWork, Phase, StageReport, TensorView, ThreadSpan,
};
use std::io;
use std::ops::Range;

/// What to record.
#[derive(Debug, Clone)]
pub struct RecorderOptions {
    /// `naive` or `optimized`.
    pub path: &'static str,
    /// What to ask for.
    pub interests: Interests,
    /// The steps to record, by their numbers from 0. Of the others nothing is kept, and no operation is timed.
    pub steps: Range<usize>,
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
            steps: 0..usize::MAX,
            hooks: None,
            max_ops: 1 << 17,
            max_spans: 1 << 17,
            max_pattern: 96,
            kv_position_bytes: 0,
            kv_page_len: 0,
        }
    }
}

/// One operation, as it is kept: small, because writing it down is part of what watching costs.
#[derive(Debug, Clone, Copy)]
struct OpSample {
    step: u32,
    /// Its place in [`Recorder::works`].
    work: u32,
    start: Moment,
    end: Moment,
}

/// One forward pass, as it is kept.
#[derive(Debug, Clone, Copy)]
struct StepSample {
    step: usize,
    phase: Phase,
    pos: usize,
    n_tok: usize,
    start: Moment,
    end: Option<Moment>,
}

/// Keeps what it is told, until [`Recorder::finish`].
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    clock: Clock,
    /// Whether the current step is one of those to record.
    recording: bool,
    began: Moment,
    sampling: Moment,
    ops: Vec<OpSample>,
    dropped_ops: u64,
    /// What operations did. One token after the other, most do the same again: each work is kept once.
    works: Vec<(OpAt, OpWork)>,
    /// For the first, second, … operation of a step: the fingerprint of what it did in the last step, and its place in `works`.
    /// The works themselves are not read again: by then the weights have pushed them out of the cache.
    usual: Vec<(u64, u32)>,
    /// Operations of the current step so far.
    n_in_step: usize,
    spans: Vec<(usize, OpAt, ThreadSpan)>,
    dropped_spans: u64,
    steps: Vec<StepSample>,
    kv: Vec<(usize, usize, usize, usize)>,
    stages: Vec<(usize, StageReport)>,
    /// With the moments at which choosing began and ended.
    tokens: Vec<(TokenRecord, Moment, Moment)>,
    acts: Vec<ActRecord>,
    patterns: Vec<AttentionRecord>,
}

impl Recorder {
    /// A recorder with room as `options` say. Times are counted from now.
    pub fn new(options: RecorderOptions) -> Self {
        let room = |wanted: bool, n: usize| if wanted { n } else { 0 };
        let (n_ops, n_spans) =
            (room(options.interests.ops, options.max_ops), room(options.interests.threads, options.max_spans));
        let clock = Clock::start();
        let now = clock.now();
        let mut ops = vec![OpSample { step: 0, work: 0, start: now, end: now }; n_ops]; // written once, so that no page fault
        ops.clear(); //                                                                    falls into the run
        Self {
            recording: options.steps.contains(&0),
            options,
            clock,
            began: now,
            sampling: now,
            ops,
            dropped_ops: 0,
            works: Vec::with_capacity(n_ops),
            usual: Vec::with_capacity(1 << 12),
            n_in_step: 0,
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

    /// Number of the current step.
    fn step(&self) -> usize {
        self.steps.last().map_or(0, |step| step.step)
    }

    /// The place of a work among [`Recorder::works`]: that of the last step's operation in the same place if it is the same.
    fn work(&mut self, at: OpAt, work: &OpWork) -> u32 {
        let (place, fingerprint) = (self.n_in_step, fingerprint(at, work));
        self.n_in_step += 1;
        let new = self.works.len() as u32; // not more than operations, which fit
        match self.usual.get_mut(place) {
            Some(usual) if usual.0 == fingerprint => return usual.1,
            Some(usual) => *usual = (fingerprint, new),
            None => self.usual.push((fingerprint, new)),
        }
        self.works.push((at, *work));
        new
    }

    /// Hands everything to a sink, step by step.
    ///
    /// # Errors
    /// If the sink refuses.
    pub fn finish(self, sink: &mut dyn Sink) -> io::Result<()> {
        let Self { options, clock, ops, works, spans, steps, kv, stages, tokens, acts, patterns, .. } = self;
        let path: Name = options.path.into();
        let scale = clock.scale();
        let since = |at: Moment| scale.ns(at);
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
            while let Some(op) = ops.next_if(|op| here(op.step as usize)) {
                let (at, work) = works[op.work as usize];
                let (t0, end) = (since(op.start), since(op.end));
                let pass =
                    StepRecord { path: path.clone(), step: op.step as usize, phase, pos, n_tok, t0, dt_ns: end - t0 };
                sink.record(Record::Op(op_record(at, &work, pass)))?;
            }
            while let Some((_, at, span)) = spans.next_if(|(of, ..)| here(*of)) {
                sink.record(Record::Span(SpanRecord {
                    step,
                    layer: at.layer,
                    op: at.op.name().into(),
                    thr: span.thread,
                    t0: clock.ns_of(span.start),
                    dt_ns: clock.ns_of(span.end) - clock.ns_of(span.start),
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
            while let Some((token, began, end)) = tokens.next_if(|(token, ..)| here(token.step)) {
                sink.record(Record::Token(TokenRecord { dt_ns: since(end) - since(began), ..token }))?;
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

/// A number that differs if anything differs, but for one pair in 2⁶⁴. Names are compared by where they are in memory: they are
/// constants.
fn fingerprint(at: OpAt, work: &OpWork) -> u64 {
    let OpWork { cost, covers, shape, types, kernels } = work;
    let names = [types[0], types[1], types[2], kernels].map(|name| name.as_ptr() as u64);
    let place = (at.op as u64) << 32 | at.layer.map_or(0, |layer| layer as u64 + 1);
    let bytes = [cost.weight_bytes, cost.activation_read, cost.activation_write, cost.kv_read, cost.kv_write];
    let work = [cost.flops, cost.special, cost.dequant, shape.m as u64, shape.n as u64, shape.k as u64];
    let rest = [place, covers.as_ptr() as u64, covers.len() as u64];
    // Four sums side by side, so that no multiplication waits for the one before it.
    let mut sums = [0x9E37_79B9_7F4A_7C15_u64; 4];
    for (i, part) in names.into_iter().chain(bytes).chain(work).chain(rest).enumerate() {
        sums[i % 4] = (sums[i % 4] ^ part).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29);
    }
    sums.into_iter().fold(0, |all: u64, sum| (all.rotate_left(17) ^ sum).wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// The event of an operation at a place, whose time and pass are those of `of`.
fn op_record(at: OpAt, work: &OpWork, of: StepRecord) -> OpRecord {
    let OpWork { cost, covers, shape, types, kernels } = *work;
    let StepRecord { path, step, phase, pos, n_tok, t0, dt_ns } = of;
    OpRecord {
        path,
        step,
        phase,
        pos,
        n_tok,
        layer: at.layer,
        op: at.op.name().into(),
        covers: covers.iter().map(|op| Name::from(op.name())).collect(),
        group: at.op.group().name().into(),
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
        dt_ns,
    }
}

impl Observer for Recorder {
    fn interests(&self) -> Interests {
        let Interests { events, sampler, .. } = self.options.interests;
        if self.recording { self.options.interests } else { Interests { events, sampler, ..Interests::NONE } }
    }

    fn begin(&mut self, _: OpAt) {
        self.began = self.clock.now();
    }

    fn end(&mut self, at: OpAt, work: &OpWork) {
        let end = self.clock.now();
        if self.ops.len() == self.ops.capacity() {
            self.dropped_ops += 1;
            return;
        }
        let work = self.work(at, work);
        self.ops.push(OpSample { step: self.step() as u32, work, start: self.began, end });
    }

    fn threads(&mut self, at: OpAt, spans: &[ThreadSpan]) {
        let (step, room) = (self.step(), self.spans.capacity() - self.spans.len());
        self.dropped_spans += spans.len().saturating_sub(room) as u64;
        self.spans.extend(spans.iter().take(room).map(|&span| (step, at, span)));
    }

    fn wants(&self, at: HookAt) -> bool {
        self.recording && self.options.hooks.as_ref().is_none_or(|hooks| hooks.contains(at))
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
        if let Event::Step { step, .. } = event {
            self.recording = self.options.steps.contains(step);
            self.n_in_step = 0;
        }
        if !self.recording {
            return;
        }
        match event {
            &Event::Step { step, phase, position: pos, n_tokens: n_tok } => {
                self.steps.push(StepSample { step, phase, pos, n_tok, start: self.clock.now(), end: None });
            }
            Event::StepEnd { .. } => {
                let now = self.clock.now();
                if let Some(step) = self.steps.last_mut() {
                    step.end = Some(now);
                }
            }
            &Event::Kv { positions, pages, bytes } => self.kv.push((self.step(), positions, pages, bytes)),
            Event::Sampler(stage) => self.stages.push((self.step(), stage.clone())),
            Event::Sampling => self.sampling = self.clock.now(),
            Event::Token { token, piece, score } => {
                let (rank, nll) = score.unzip();
                let (step, end) = (self.step(), self.clock.now());
                let token = TokenRecord { step, token: *token, piece: piece.clone(), rank, nll, dt_ns: 0 };
                self.tokens.push((token, self.sampling, end));
            }
            Event::Forward { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Cost, Op};

    /// Two operations a step, the second of which does a little more each time.
    fn run(options: RecorderOptions, steps: usize) -> Vec<Record> {
        let mut recorder = Recorder::new(options);
        for step in 0..steps {
            recorder.event(&Event::Step { step, phase: Phase::Decode, position: step, n_tokens: 1 });
            for (op, flops) in [(Op::AttnQ, 7), (Op::KvRead, 10 + step as u64)] {
                if recorder.interests().ops {
                    recorder.begin(OpAt { op, layer: Some(0) });
                    let work = OpWork::new(op, Cost { flops, ..Cost::default() }, [1; 3]);
                    recorder.end(OpAt { op, layer: Some(0) }, &work);
                }
            }
            recorder.event(&Event::StepEnd { step });
        }
        let mut records = Vec::new();
        recorder.finish(&mut records).unwrap();
        records
    }

    fn flops(records: &[Record]) -> Vec<(usize, u64)> {
        let of = |record: &Record| match record {
            Record::Op(op) => Some((op.step, op.flops)),
            _ => None,
        };
        records.iter().filter_map(of).collect()
    }

    /// Work that repeats is kept once, and each operation gets its own back.
    #[test]
    fn every_operation_has_its_work() {
        let expected: Vec<(usize, u64)> = (0..4).flat_map(|step| [(step, 7), (step, 10 + step as u64)]).collect();
        assert_eq!(flops(&run(RecorderOptions::default(), 4)), expected);
    }

    /// Steps that are not to be recorded take no room: those that are fit, however late they come.
    #[test]
    fn only_the_steps_asked_for_take_room() {
        let records = run(RecorderOptions { steps: 50..52, max_ops: 4, ..RecorderOptions::default() }, 60);
        assert_eq!(flops(&records), [(50, 7), (50, 60), (51, 7), (51, 61)]);
        let steps = records.iter().filter(|record| matches!(record, Record::Step(_))).count();
        assert_eq!((steps, records.len()), (2, 6), "and nothing is missing: {records:?}");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let records = run(RecorderOptions { max_ops: 3, ..RecorderOptions::default() }, 4);
        assert_eq!(flops(&records).len(), 3);
        assert!(matches!(records.last(), Some(Record::Drop(drop)) if drop.count == 5), "{records:?}");
    }
}
