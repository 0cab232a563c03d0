//! [`Cost`]: the arithmetic and the bytes of one operation, and their formulas.
//!
//! Look first at [`linear`], which is nearly all of a transformer, and at [`attention`]. A multiplication is one FLOP and an
//! addition is one FLOP, so a multiply-add is two. Roots, exponentials, divisions and trigonometry are
//! counted apart, as [`Cost::special`]: they take many cycles, and peak speeds of processors do not include them.
//!
//! **Counted, not guessed.** `tests/forward/cost_is_counted.rs` runs whole models with a scalar type that counts its own
//! operations, and requires exactly these `flops` and `special` for every operation. Not counted are comparisons, changes of
//! sign, copies, conversions of numbers, and arithmetic on indices and positions.
//!
//! Bytes follow from the shapes and are not measured. They are the *compulsory* traffic: every operand is read once and every
//! result is written once, whatever the caches do.
//!
//! What it deliberately does not do: measure.

/// The cost of one operation. Costs of several operations are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Useful additions and multiplications.
    pub flops: u64,
    /// Divisions, square roots, exponentials, hyperbolic tangents, sines and cosines.
    pub special: u64,
    /// Further arithmetic, beyond the textbook, that block formats cost: see [`blocks`], [`round`], [`unpack`]. The naive path
    /// decodes weights when a model is loaded, so here it only has what a cache in a block format costs.
    pub dequant: u64,
    /// Bytes of weights read.
    pub weight_bytes: u64,
    /// Bytes of activations read.
    pub activation_read: u64,
    /// Bytes of activations written.
    pub activation_write: u64,
    /// Bytes read from the KV cache.
    pub kv_read: u64,
    /// Bytes written to the KV cache.
    pub kv_write: u64,
}

impl Cost {
    /// All bytes moved.
    pub fn bytes(&self) -> u64 {
        self.weight_bytes + self.activation_read + self.activation_write + self.kv_read + self.kv_write
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.flops += other.flops;
        self.special += other.special;
        self.dequant += other.dequant;
        self.weight_bytes += other.weight_bytes;
        self.activation_read += other.activation_read;
        self.activation_write += other.activation_write;
        self.kv_read += other.kv_read;
        self.kv_write += other.kv_write;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |mut total, cost| {
            total += cost;
            total
        })
    }
}

/// Bytes of an activation as f32.
const F32: usize = 4;

/// A cost whose activations are `read` and `written` f32 numbers.
fn activations(read: usize, written: usize) -> Cost {
    Cost { activation_read: (read * F32) as u64, activation_write: (written * F32) as u64, ..Cost::default() }
}

/// `y = x · W (+ bias)` for `n` tokens; the matrix takes `weight_bytes` in the form in which it is read.
pub fn linear(n: usize, n_in: usize, n_out: usize, bias: bool, weight_bytes: usize) -> Cost {
    let bias_adds = if bias { n * n_out } else { 0 };
    Cost {
        flops: (2 * n * n_in * n_out + bias_adds) as u64,
        weight_bytes: (weight_bytes + if bias { n_out * F32 } else { 0 }) as u64,
        ..activations(n * n_in, n * n_out)
    }
}

/// What a matrix in a block format costs beyond its multiply-adds, for `n` tokens: every code is unpacked once (a shift and a
/// mask, two operations), and for each block of 32 weights, each output and each token the integer sum becomes a float and is
/// multiplied by both scales and added (four); a minimum is multiplied and added (two). The optimized path unpacks a few
/// columns at a time, so this is the least that has to be done.
pub fn blocks(n: usize, n_in: usize, n_out: usize, minima: bool) -> u64 {
    let per_block = if minima { 6 } else { 4 };
    (2 * n_in * n_out + per_block * n * n_out * n_in.div_ceil(32)) as u64
}

/// Rounding `n` activations to integers: a comparison for the largest, a multiplication, a rounding.
pub fn round(n: usize) -> u64 {
    3 * n as u64
}

/// Decoding `n` numbers of a cache in a block format: a conversion and a multiplication each.
pub fn unpack(n: usize) -> u64 {
    2 * n as u64
}

/// Looking up `n` rows of width `n_embd` in the embedding matrix, scaled or not; `row_bytes` is one row as stored.
pub fn embed(n: usize, n_embd: usize, scaled: bool, row_bytes: usize) -> Cost {
    let flops = if scaled { n * n_embd } else { 0 };
    Cost { flops: flops as u64, weight_bytes: (n * row_bytes) as u64, ..activations(0, n * n_embd) }
}

/// RMSNorm of `n` vectors of width `d`: square and sum, mean, + ε, root, reciprocal, scale, weight.
pub fn rms_norm(n: usize, d: usize) -> Cost {
    Cost {
        flops: (n * (4 * d + 2)) as u64,
        special: (3 * n) as u64,
        weight_bytes: (d * F32) as u64,
        ..activations(n * d, n * d)
    }
}

/// LayerNorm of `n` vectors of width `d`: mean, centre, variance, + ε, root, reciprocal, scale, weight, bias.
pub fn layer_norm(n: usize, d: usize, bias: bool) -> Cost {
    let vectors = if bias { 2 } else { 1 };
    Cost {
        flops: (n * ((5 + vectors) * d + 3)) as u64,
        special: (4 * n) as u64,
        weight_bytes: (vectors * d * F32) as u64,
        ..activations(n * d, n * d)
    }
}

/// RoPE of `n` tokens with `n_head` heads of `head_dim`, of which `n_rot` components are rotated. Sine and cosine
/// are computed and scaled once per token and pair and shared by the heads; a rotation is four multiplications and two
/// additions.
pub fn rope(n: usize, n_head: usize, head_dim: usize, n_rot: usize) -> Cost {
    let pairs = n_rot / 2;
    Cost {
        flops: (2 * n * pairs + 6 * n * n_head * pairs) as u64,
        special: (2 * n * pairs) as u64,
        ..activations(n * n_head * head_dim, n * n_head * head_dim)
    }
}

/// Writing the keys and values of `n` tokens: f32 in, `kv_bytes` out.
pub fn kv_write(n: usize, n_embd_k: usize, n_embd_v: usize, kv_bytes: usize) -> Cost {
    Cost { kv_write: kv_bytes as u64, ..activations(n * (n_embd_k + n_embd_v), 0) }
}

/// Reading the cached keys and values once: `kv_bytes` in, `values` f32 numbers out.
pub fn kv_read(values: usize, kv_bytes: usize) -> Cost {
    Cost { kv_read: kv_bytes as u64, ..activations(0, values) }
}

/// Attention of `n` tokens. `visible` is the number of (query token, visible position) pairs, summed over the batch.
/// Per head and pair: q · kᵀ, then softmax (scale, subtract the maximum, exp, sum, multiply), then the weighted sum of values.
pub fn attention(n: usize, n_head: usize, head_dim_k: usize, head_dim_v: usize, visible: usize) -> Cost {
    let scores = 2 * n_head * head_dim_k * visible;
    let softmax = 4 * n_head * visible;
    let weighted_sum = 2 * n_head * head_dim_v * visible;
    Cost {
        flops: (scores + softmax + weighted_sum) as u64,
        special: (n_head * (visible + n)) as u64,
        ..activations(n * n_head * head_dim_k, n * n_head * head_dim_v)
    }
}

/// SiLU(gate) · up over `n` values: `1 + exp(−g)`, reciprocal, · g, · up.
pub fn swiglu(n: usize) -> Cost {
    Cost { flops: (3 * n) as u64, special: (2 * n) as u64, ..activations(2 * n, n) }
}

/// SiLU alone over `n` values.
pub fn silu(n: usize) -> Cost {
    Cost { flops: (2 * n) as u64, special: (2 * n) as u64, ..activations(n, n) }
}

/// GELU (tanh form) over `n` values: x², ·0.044715, +1, ·x, ·√(2/π), tanh, +1, ·x, ·½.
pub fn gelu(n: usize) -> Cost {
    Cost { flops: (8 * n) as u64, special: n as u64, ..activations(n, n) }
}

/// GELU(gate) · up over `n` values.
pub fn geglu(n: usize) -> Cost {
    Cost { flops: (9 * n) as u64, special: n as u64, ..activations(2 * n, n) }
}

/// `x += y` over `n` values.
pub fn add(n: usize) -> Cost {
    Cost { flops: n as u64, ..activations(2 * n, n) }
}

/// Routing of `n` tokens: softmax over `n_expert` scores, the best `n_used`, their weights divided by their sum.
pub fn route(n: usize, n_expert: usize, n_used: usize, renormalize: bool) -> Cost {
    let (renorm_flops, renorm_special) = if renormalize { (2 * n_used, 1) } else { (0, 0) };
    Cost {
        flops: (n * (3 * n_expert + renorm_flops)) as u64,
        special: (n * (n_expert + 1 + renorm_special)) as u64,
        ..activations(n * n_expert, n * n_used)
    }
}

/// The weighted sum of `n_used` experts' results of width `d`, for `n` tokens.
pub fn combine(n: usize, n_used: usize, d: usize) -> Cost {
    Cost { flops: (2 * n * n_used * d) as u64, ..activations(n * n_used * (d + 1), n * d) }
}

/// `cap · tanh(x / cap)` over `n` values.
pub fn softcap(n: usize) -> Cost {
    Cost { flops: (2 * n) as u64, special: (2 * n) as u64, ..activations(n, n) }
}
