//! The vocabulary of a recorded run: one [`Record`] a line of JSON, the field `ev` first. `reports/events.schema.json` is the
//! same as a JSON Schema.
//!
//! | `ev` | is | comes from |
//! |---|---|---|
//! | `run` | what ran, where, with which settings: always the first line | the command |
//! | `step` | one forward pass: phase, position, tokens, time | the engine |
//! | `op` | one operation, or several that ran as one: time, cost, shape, kernels | a forward path |
//! | `span` | what one thread did in one dispatch | the thread pool |
//! | `act` | statistics of one activation, and the file with its values if there is one | a forward path |
//! | `attention` | one head's pattern in one block | the naive path |
//! | `kv` | the cache after slots were reserved for a step | a forward path |
//! | `sampler` | what one stage of the sampler did | the sampler |
//! | `token` | the token that was chosen | the engine |
//! | `bench` | tokens per second without an observer, or under one | `measure::bench` |
//! | `ceiling` | what the machine can do | `measure::ceilings` |
//! | `diff` | how far one value of the optimized path is from the naive one | `measure::verify` |
//! | `cost` | predicted work of one token or prompt at a context length | `measure::predict` |
//! | `tensor` | where a tensor lies in the file, and what its format rounds away | `measure::inspect` |
//! | `histogram` | the values of a tensor or an activation | |
//! | `tokenizer` | bytes and tokens of one text | the tokenizer |
//! | `drop` | what did not fit into a buffer | the recorder |
//! | `end` | the run is complete: without this line it was interrupted | the command |
//!
//! Units are SI and raw: seconds and nanoseconds, bytes, FLOP; entropies are in nats. A reader ignores fields and events that
//! it does not know; [`VERSION`] changes when a known one changes its meaning.

use crate::observe::Phase;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The version of the vocabulary.
pub const VERSION: u32 = 1;

/// A name that is known when the program is compiled, or was read from a file.
pub type Name = Cow<'static, str>;

/// One line of a recorded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
#[allow(missing_docs)] // the table above
pub enum Record {
    Run(Box<RunRecord>),
    Step(StepRecord),
    Op(OpRecord),
    Span(SpanRecord),
    Act(ActRecord),
    Attention(AttentionRecord),
    Kv(KvRecord),
    Sampler(SamplerRecord),
    Token(TokenRecord),
    Bench(BenchRecord),
    Ceiling(CeilingRecord),
    Diff(DiffRecord),
    Cost(CostRecord),
    Tensor(TensorRecord),
    Histogram(HistogramRecord),
    Tokenizer(TokenizerRecord),
    Drop(DropRecord),
    End(EndRecord),
}

/// What ran, where, and with which settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`VERSION`].
    pub schema: u32,
    /// Version of the program.
    #[serde(rename = "cutaway")]
    pub program: Name,
    /// Commit of the source, if it is known.
    pub commit: Option<String>,
    /// Whether the source differed from that commit.
    pub dirty: Option<bool>,
    /// The command that repeats the run.
    pub command: String,
    /// Seconds since 1970-01-01.
    pub unix_seconds: u64,
    /// The machine.
    pub machine: super::super::machine::Machine,
    /// The table of kernels: `avx512`.
    pub kernels: Name,
    /// Threads of the optimized path.
    pub threads: usize,
    /// Bits to which activations are rounded.
    pub act_bits: u8,
    /// Formats of keys and values: `f16`, `q8_0`.
    pub kv: [Name; 2],
    /// The model.
    pub model: ModelRecord,
    /// Seed of the sampler.
    pub seed: Option<u32>,
    /// Stages of the sampler, in order.
    pub samplers: Vec<String>,
    /// The prompt.
    pub prompt: String,
    /// The prompt's tokens.
    pub prompt_tokens: Vec<u32>,
    /// Nanoseconds that reading the clock takes.
    pub timer_ns: f64,
}

/// The model of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name in the file, or that of the file.
    pub name: String,
    /// `llama`.
    pub architecture: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: Option<String>,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Numbers in its tensors.
    pub parameters: u64,
    /// Formats and how many parameters are in each, the most first.
    pub formats: Vec<(String, u64)>,
    /// Blocks.
    pub n_layer: usize,
    /// Width of the residual stream.
    pub n_embd: usize,
    /// Heads of queries, and of keys and values, in the first block.
    pub n_head: usize,
    /// As `n_head`, of keys and values.
    pub n_head_kv: usize,
    /// Tokens in the vocabulary.
    pub n_vocab: usize,
    /// Positions of the context.
    pub n_ctx: usize,
}

/// One forward pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// `naive` or `optimized`.
    pub path: Name,
    /// Number of the step.
    pub step: usize,
    /// Prompt or generated token.
    pub phase: Phase,
    /// Position of its first token.
    pub pos: usize,
    /// Number of its tokens.
    pub n_tok: usize,
    /// When it began, in nanoseconds since the recording began.
    pub t0: u64,
    /// How long it took, in nanoseconds.
    pub dt_ns: u64,
}

/// One operation, or several that ran as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpRecord {
    /// `naive` or `optimized`.
    pub path: Name,
    /// Number of its step.
    pub step: usize,
    /// Prompt or generated token.
    pub phase: Phase,
    /// Position of the step's first token.
    pub pos: usize,
    /// Tokens of the step.
    pub n_tok: usize,
    /// Its block.
    pub layer: Option<usize>,
    /// The operation: `attn_q`.
    pub op: Name,
    /// The operations that ran as one, itself first.
    pub covers: Vec<Name>,
    /// Its part of the model: `attention`, `feed_forward`, `norms`, `embedding`, `unembedding`.
    pub group: Name,
    /// The table of kernels, or `naive`.
    #[serde(rename = "impl")]
    pub kernels: Name,
    /// m outputs, n rows, k inputs.
    pub mnk: [usize; 3],
    /// Types of weights, input, output; `-` for none.
    pub dt: [Name; 3],
    /// Useful additions and multiplications.
    pub flops: u64,
    /// Roots, exponentials, divisions and trigonometry.
    pub special: u64,
    /// Further arithmetic: unpacking and scaling weights, rounding activations.
    pub dequant: u64,
    /// Compulsory traffic.
    pub bytes: BytesRecord,
    /// When it began, in nanoseconds since the recording began.
    pub t0: u64,
    /// How long it took, in nanoseconds.
    pub dt_ns: u64,
}

/// Bytes by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BytesRecord {
    /// Weights read.
    pub w: u64,
    /// Activations read.
    pub a_r: u64,
    /// Activations written.
    pub a_w: u64,
    /// Keys and values read.
    pub kv_r: u64,
    /// Keys and values written.
    pub kv_w: u64,
}

impl BytesRecord {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.w + self.a_r + self.a_w + self.kv_r + self.kv_w
    }
}

/// What one thread did in one dispatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanRecord {
    /// Number of its step.
    pub step: usize,
    /// Its block.
    pub layer: Option<usize>,
    /// The operation.
    pub op: Name,
    /// Number of the thread; 0 is the caller.
    pub thr: usize,
    /// When it began, in nanoseconds since the recording began.
    pub t0: u64,
    /// How long it was busy or waiting within the dispatch.
    pub dt_ns: u64,
    /// How much of that it waited.
    pub wait_ns: u64,
}

/// Statistics of one activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActRecord {
    /// `naive` or `optimized`.
    pub path: Name,
    /// Number of its step.
    pub step: usize,
    /// The hook: `blocks.3.attn.hook_q`.
    pub hook: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Root of the mean square.
    pub rms: f64,
    /// How many values are infinite or NaN; the statistics are of the others.
    pub not_finite: usize,
    /// The file with the values.
    pub file: Option<String>,
}

/// The pattern of one head: who looks at whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttentionRecord {
    /// Number of its step.
    pub step: usize,
    /// Its block.
    pub layer: usize,
    /// Head of queries.
    pub head: usize,
    /// Queries.
    pub rows: usize,
    /// Positions.
    pub cols: usize,
    /// `[rows, cols]`, rounded to four digits; empty where only the sums below are kept.
    pub p: Vec<f32>,
    /// Mean entropy of a row, in nats.
    pub entropy: f64,
    /// Mean share of the first position.
    pub sink: f64,
}

/// The cache after slots were reserved for a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KvRecord {
    /// `naive` or `optimized`.
    pub path: Name,
    /// Number of the step.
    pub step: usize,
    /// Positions in use.
    pub used: usize,
    /// Positions for which there is room in pages in use.
    pub reserved: usize,
    /// Bytes of the positions in use.
    pub used_bytes: usize,
    /// Bytes of the pages in use.
    pub reserved_bytes: usize,
}

/// What one stage of the sampler did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplerRecord {
    /// Number of the step whose logits were sampled.
    pub step: usize,
    /// The stage: `logits`, `top_k`.
    pub stage: Name,
    /// Candidates before.
    pub n_in: usize,
    /// Candidates after.
    pub n_out: usize,
    /// Share of the probability that is kept.
    pub kept_mass: f64,
    /// Entropy afterwards, in nats.
    pub entropy: f64,
    /// Kullback–Leibler divergence from the stage before, in nats.
    pub kl: f64,
    /// The best candidates: token, probability.
    pub top: Vec<(u32, f32)>,
}

/// The token that was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Number of the step whose logits were sampled.
    pub step: usize,
    /// Its id.
    pub token: u32,
    /// Its text.
    pub piece: String,
    /// Its place among the model's probabilities, 0 for the most probable.
    pub rank: Option<usize>,
    /// −ln of the probability that the model gave it.
    pub nll: Option<f64>,
    /// How long choosing it took, in nanoseconds. Watching what each stage does takes longer than sampling.
    pub dt_ns: u64,
}

/// A speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRecord {
    /// `naive` or `optimized`.
    pub path: Name,
    /// What was timed: `pp512`, `tg128`.
    pub test: String,
    /// Tokens before it.
    pub depth: usize,
    /// Threads.
    pub threads: usize,
    /// The table of kernels, or `naive`.
    pub kernels: Name,
    /// Who watched: `off`, `profile`, `trace`, `activations`.
    pub observer: Name,
    /// Which rung of a ladder it is: empty, or a name as `scalar`.
    pub rung: Name,
    /// Tokens per second of every run.
    pub tokens_per_second: Vec<f64>,
}

/// What the machine can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CeilingRecord {
    /// `read` (bytes/s of a stream), `sweep` (bytes/s of a working set), `fma`, `int8` (operations/s), `front_end`
    /// (instructions that a core takes in, by *cycle*: half as many beside a busy hardware thread).
    pub what: Name,
    /// The instructions: `avx512`.
    pub instructions: Name,
    /// Threads.
    pub threads: usize,
    /// Length of the stream or working set.
    pub bytes: Option<u64>,
    /// `before` or `after` the measured part, or `between` pieces of it, in turns.
    pub when: Name,
    /// Every pass, per second.
    pub per_second: Vec<f64>,
}

/// How far one value of the optimized path is from the naive one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiffRecord {
    /// `free` or `locked`.
    pub mode: Name,
    /// Its place in the order of hooks.
    pub index: usize,
    /// The hook.
    pub hook: String,
    /// The operation that made it.
    pub op: Name,
    /// Its block.
    pub layer: Option<usize>,
    /// Largest relative RMS difference of all passes.
    pub rel_rms: f64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// What is allowed.
    pub budget: f64,
    /// Whether it is within.
    pub passed: bool,
}

/// Predicted work of one forward pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostRecord {
    /// `decode`: one token after `context` others. `recompute`: the same without a cache.
    pub what: Name,
    /// Tokens before it.
    pub context: usize,
    /// FLOP of the projections.
    pub projection_flops: u64,
    /// FLOP of attention.
    pub attention_flops: u64,
    /// FLOP of the unembedding.
    pub unembedding_flops: u64,
    /// Bytes of weights.
    pub weight_bytes: u64,
    /// Bytes of keys and values read.
    pub kv_bytes: u64,
    /// Bytes of activations.
    pub activation_bytes: u64,
    /// Bytes that the cache holds at this context, by format: `f16`.
    pub cache_bytes: Vec<(String, u64)>,
}

/// A tensor of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorRecord {
    /// `blk.0.attn_q.weight`.
    pub name: String,
    /// Its format.
    pub format: String,
    /// Its kind: `attention`, `feed_forward`, `norms`, `embedding`.
    pub kind: Name,
    /// Its block.
    pub layer: Option<usize>,
    /// Offset in the file.
    pub offset: u64,
    /// Its size in the file.
    pub bytes: u64,
    /// Relative RMS error of rounding its values to other formats: (format, error).
    pub rounding: Vec<(String, f64)>,
}

/// How often values occur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistogramRecord {
    /// A tensor or a hook.
    pub name: String,
    /// Lower end of the first bin.
    pub low: f64,
    /// Upper end of the last bin.
    pub high: f64,
    /// Values in each bin, all of the same width.
    pub counts: Vec<u64>,
    /// Distance of the levels of its format at the median scale, if it has one.
    pub level_step: Option<f64>,
}

/// Bytes and tokens of one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenizerRecord {
    /// Its name: a language, or a kind of text.
    pub text: String,
    /// Bytes of UTF-8.
    pub bytes: usize,
    /// Tokens.
    pub tokens: usize,
}

/// What did not fit into a buffer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropRecord {
    /// The event that was dropped.
    pub what: Name,
    /// How many.
    pub count: u64,
}

/// The run is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRecord {
    /// Whether everything was done that was asked for.
    pub complete: bool,
}
