//! [`Parameters`]: every weight of a model in one flat buffer, and where each tensor lies in it.
//!
//! Look first at [`Layout::new`]: the tensors by their names in a GGUF file, in the order of the file. The gradient and
//! the optimizer's moments are buffers of the same layout, so one loop over a slice updates a whole model.

use super::config::ModelConfig;
use super::random::Random;
use std::ops::Range;

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape, row length first.
    pub ne: Vec<usize>,
    /// Where it lies in the buffer.
    pub range: Range<usize>,
    /// What it is for.
    pub kind: Kind,
}

/// What a tensor is for: how it starts, whether it decays, and whether it is quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Starts as random numbers, decays, is quantised.
    Matrix,
    /// A matrix whose output is added to the residual stream: starts smaller, the deeper the model.
    Branch,
    /// Chooses experts: as a matrix, but stays F32 as in llama.cpp's files.
    Router,
    /// The tied embeddings: as a matrix, but does not decay.
    Embedding,
    /// Starts as ones, does not decay, stays F32.
    Norm,
}

/// Where the weights of one block lie.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Before attention.
    pub attn_norm: Range<usize>,
    /// Queries, keys, values, output.
    pub attn: [Range<usize>; 4],
    /// On each query head and each key head.
    pub qk_norm: Option<[Range<usize>; 2]>,
    /// On attention's output.
    pub post_attention_norm: Option<Range<usize>>,
    /// Before the feed-forward network.
    pub ffn_norm: Range<usize>,
    /// Which experts a token visits.
    pub router: Option<Range<usize>>,
    /// Gate, up and down of each expert; of the only one, where there is no router.
    pub ffn: Vec<[Range<usize>; 3]>,
    /// On the feed-forward network's output.
    pub post_ffw_norm: Option<Range<usize>>,
}

/// Where every weight of a model lies.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// All tensors, in the order of the file.
    pub tensors: Vec<Tensor>,
    /// Embeddings, and the output matrix.
    pub token_embd: Range<usize>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// Before the output matrix.
    pub output_norm: Range<usize>,
}

impl Layout {
    /// The tensors of a model.
    pub fn new(config: &ModelConfig) -> Self {
        let (n_embd, gemma) = (config.n_embd, config.is_gemma());
        let mut layout = Self::default();
        layout.token_embd = layout.add("token_embd", &[n_embd, config.n_vocab], Kind::Embedding);
        for il in 0..config.n_layer {
            let mut add = |role: &str, ne: &[usize], kind| layout.add(&format!("blk.{il}.{role}"), ne, kind);
            let (q, kv) = (config.n_embd_q(), config.n_embd_kv());
            let head: [usize; 1] = [config.head_dim];
            let block = Block {
                attn_norm: add("attn_norm", &[n_embd], Kind::Norm),
                attn: [
                    add("attn_q", &[n_embd, q], Kind::Matrix),
                    add("attn_k", &[n_embd, kv], Kind::Matrix),
                    add("attn_v", &[n_embd, kv], Kind::Matrix),
                    add("attn_output", &[q, n_embd], Kind::Branch),
                ],
                qk_norm: gemma.then(|| [add("attn_q_norm", &head, Kind::Norm), add("attn_k_norm", &head, Kind::Norm)]),
                post_attention_norm: gemma.then(|| add("post_attention_norm", &[n_embd], Kind::Norm)),
                ffn_norm: add("ffn_norm", &[n_embd], Kind::Norm),
                router: config.experts.map(|e| add("ffn_gate_inp", &[n_embd, e.n], Kind::Router)),
                ffn: feed_forward(config, &mut add),
                post_ffw_norm: gemma.then(|| add("post_ffw_norm", &[n_embd], Kind::Norm)),
            };
            layout.blocks.push(block);
        }
        layout.output_norm = layout.add("output_norm", &[n_embd], Kind::Norm);
        layout
    }

    fn add(&mut self, role: &str, ne: &[usize], kind: Kind) -> Range<usize> {
        let start = self.len();
        let range = start..start + ne.iter().product::<usize>();
        let (name, ne) = (format!("{role}.weight"), ne.to_vec());
        self.tensors.push(Tensor { name, ne, range: range.clone(), kind });
        range
    }

    /// Weights in all.
    pub fn len(&self) -> usize {
        self.tensors.last().map_or(0, |tensor| tensor.range.end)
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Weights that take part in one token's forward pass (all but the sleeping experts).
    pub fn n_active(&self, config: &ModelConfig) -> usize {
        let Some(experts) = config.experts else { return self.len() };
        let asleep = (experts.n - experts.n_used) * 3 * config.n_embd * config.n_ff * config.n_layer;
        self.len() - asleep
    }

    /// Weights to start from: normal numbers, so small that a matrix keeps the size of what it reads and that branches
    /// together do not drown the stream; and in attention, [`copy_what_is_attended_to`].
    pub fn initial(&self, config: &ModelConfig, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        let mut weights = vec![0.0; self.len()];
        let per_input = |n_in: usize| 0.8 / (n_in as f32).sqrt();
        for tensor in &self.tensors {
            let deviation = match tensor.kind {
                Kind::Norm => {
                    weights[tensor.range.clone()].fill(1.0);
                    continue;
                }
                Kind::Matrix => per_input(tensor.ne[0]),
                Kind::Branch => per_input(tensor.ne[0]) / (2.0 * config.n_layer as f32).sqrt(),
                Kind::Router => 0.02,
                // Larger than the usual 0.02, which leaves words that stand in the same places (the names of friends, the
                // kinds of animals) so alike that they grow into one before a model has learned which of them is meant.
                // After 2.5 million tokens of a text with 60 names, 5 stories of tiny in 20 kept to one hero and one
                // friend with 0.1 (loss 0.54), 19 with 0.2 (0.48), 17 with 0.4 (0.52).
                Kind::Embedding => 0.2,
            };
            for weight in &mut weights[tensor.range.clone()] {
                *weight = random.normal() * deviation;
            }
        }
        for block in &self.blocks {
            copy_what_is_attended_to(config, block, &mut weights);
        }
        weights
    }
}

/// Makes each head's output matrix the transpose of its value matrix: a head then adds to the stream a projection of what
/// it attends to, and since input and output embeddings are one table, tokens that were attended to become likelier.
///
/// Nothing keeps it so, but it is where copying begins. From independent random matrices a head has to learn at once where
/// a name stands and how to say it, and neither helps without the other: after 1.5 million tokens `tiny` wrote whole stories
/// and another name in every sentence (loss 0.62). Begun like this, it kept to one (0.53).
///
/// Source: Trockman, Kolter, "Mimetic initialization of self-attention layers" (2023), which does the same for vision.
fn copy_what_is_attended_to(config: &ModelConfig, block: &Block, weights: &mut [f32]) {
    let [_, _, v, output] = &block.attn;
    let (n_embd, head_dim, shared) = (config.n_embd, config.head_dim, config.n_head / config.n_head_kv);
    for head in 0..config.n_head {
        for d in 0..head_dim {
            let value_row = v.start + (head / shared * head_dim + d) * n_embd;
            for i in 0..n_embd {
                weights[output.start + i * config.n_embd_q() + head * head_dim + d] = weights[value_row + i];
            }
        }
    }
}

/// Gate, up and down. The experts' matrices of one role lie side by side, one tensor of three dimensions.
fn feed_forward(
    config: &ModelConfig,
    add: &mut impl FnMut(&str, &[usize], Kind) -> Range<usize>,
) -> Vec<[Range<usize>; 3]> {
    let (n_embd, n_ff) = (config.n_embd, config.n_ff);
    let n = config.experts.map_or(1, |experts| experts.n);
    let mut stack = |role: &str, n_in, n_out, kind| match config.experts {
        None => add(role, &[n_in, n_out], kind),
        Some(_) => add(&format!("{role}_exps"), &[n_in, n_out, n], kind),
    };
    let roles = [
        stack("ffn_gate", n_embd, n_ff, Kind::Matrix),
        stack("ffn_up", n_embd, n_ff, Kind::Matrix),
        stack("ffn_down", n_ff, n_embd, Kind::Branch),
    ];
    let size = n_embd * n_ff;
    (0..n).map(|e| roles.clone().map(|role| role.start + e * size..role.start + (e + 1) * size)).collect()
}
