"""A transformer in plain NumPy and float64: the second oracle.

It reads a GGUF file of any family that Cutaway runs (llama and mixtral, qwen2, qwen3, gemma3, phi3, gpt2), dequantises
the weights to float64 and computes every logit of one sequence, without a cache, without any rounding on the way. It
knows nothing of the Rust code: it was written from llama.cpp's graphs (src/models/*.cpp, src/llama-context.cpp,
ggml/src/ggml-cpu/ops.cpp at 0c1e57098bba43ac29e6e3b677cdceebdd22334f) and is compared with llama.cpp's own logits.

    pip install numpy==2.4.6 gguf==0.19.0
    python numpy_forward.py MODEL.gguf --tokens 1,2,3 --out logits.npy [--n-ctx N] [--gelu-table]

`--gelu-table` rounds GELU as llama.cpp does (a table from f16 to f16), to show that nothing else differs.
Shapes: T tokens, D n_embd, H query heads, K key/value heads, E head_dim, F n_ff, V n_vocab.
"""

import argparse
import functools
import math

import gguf
import numpy as np

HALF_SPLIT_PAIRS = {"qwen2", "qwen3", "gemma3", "phi3"}  # RoPE pairs (i, i + n_rot/2); llama's are (2i, 2i + 1)
GELU_FAMILIES = {"gemma3", "gpt2"}  # the others use SiLU


class Model:
    """Hyper-parameters by the key's last part, weights by tensor name; both read on demand."""

    def __init__(self, path):
        self.file = gguf.GGUFReader(path)
        self.tensors = {t.name: t for t in self.file.tensors}
        self.arch = self.file.fields["general.architecture"].contents()

    def meta(self, key, default=None, layer=None):
        """The value of `{arch}.key`; per-layer arrays give the layer's element."""
        field = self.file.fields.get(f"{self.arch}.{key}")
        if field is None:
            return default
        value = field.contents()
        return value[layer] if layer is not None and isinstance(value, list) else value

    @functools.lru_cache(maxsize=None)
    def weight(self, name):
        """Float64 in row-major order, [out, in]; None when the file has no such tensor.

        The f32 that the block format defines is exact here: only what follows is computed in float64.
        """
        tensor = self.tensors.get(name)
        if tensor is None:
            return None
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)


# --- operations -------------------------------------------------------------------------------------------------------


def linear(model, name, x):
    """x · Wᵀ + b, the bias only where the file has one. [T, in] → [T, out]"""
    y = x @ model.weight(f"{name}.weight").T
    bias = model.weight(f"{name}.bias")
    return y if bias is None else y + bias


def norm(model, name, x):
    """RMSNorm over the last axis, or LayerNorm where the family has its epsilon key (gpt2)."""
    eps = model.meta("attention.layer_norm_epsilon")
    if eps is None:
        eps = model.meta("attention.layer_norm_rms_epsilon")
    else:
        x = x - x.mean(-1, keepdims=True)
    y = x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * model.weight(f"{name}.weight")
    bias = model.weight(f"{name}.bias")
    return y if bias is None else y + bias


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    """The tanh form."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)))


def gelu_table(x):
    """llama.cpp's GELU: f16 in, f16 out, except beyond ±10."""
    rounded = gelu(np.clip(x, -10, 10).astype(np.float16).astype(np.float64)).astype(np.float16).astype(np.float64)
    return np.where(x <= -10, 0, np.where(x >= 10, x, rounded))


# --- positions --------------------------------------------------------------------------------------------------------


def rope_frequencies(model, n_rot, n_ctx, windowed):
    """Radians per position for each pair, [n_rot/2], and the factor on sine and cosine."""
    kind = model.meta("rope.scaling.type", "linear")
    factor = model.meta("rope.scaling.factor", model.meta("rope.scale_linear", 0.0)) or 1.0
    scale = 1.0 if kind == "none" or windowed else 1 / factor
    base = model.meta("rope.freq_base_swa", 10000.0) if windowed else model.meta("rope.freq_base", 10000.0)
    original = model.meta("rope.scaling.original_context_length", model.meta("context_length"))
    magnitude = model.meta("rope.scaling.attn_factor", 1.0)

    pair = np.arange(n_rot // 2)
    frequency = base ** (-2.0 * pair / n_rot)
    if model.arch in ("llama", "phi3"):  # the other families ignore these tensors
        divisors = model.weight("rope_freqs.weight")
        if divisors is None:  # longrope: which of the two is decided by the size of the context, not by the position
            divisors = model.weight(f"rope_factors_{'long' if n_ctx > original else 'short'}.weight")
        if divisors is not None:
            frequency = frequency / divisors
    if kind != "yarn":
        return frequency * scale, magnitude

    # YaRN: pairs that turn often within the original context keep their frequency, slow ones are interpolated.
    def pair_that_turns(times):
        return n_rot * math.log(original / (times * 2 * math.pi)) / (2 * math.log(base))

    low = max(0, math.floor(pair_that_turns(32)))
    high = min(n_rot - 1, math.ceil(pair_that_turns(1)))
    keep = 1 - np.clip((pair - low) / max(0.001, high - low), 0, 1)
    # The context multiplies attn_factor by max(1, 1 + 0.1 ln factor) and divides it by 1 + 0.1 ln factor; the kernel then
    # multiplies by 1 + 0.1 ln(1/scale). What remains is 1 + 0.1 ln factor, and 1 in windowed layers, where scale is 1.
    grown = 1 + 0.1 * math.log(factor)
    magnitude *= max(1, grown) / grown * (1 + 0.1 * math.log(1 / scale))
    return frequency * (scale * (1 - keep) + keep), magnitude


def rope(model, x, n_ctx, windowed):
    """Rotates pairs of each head's first n_rot dimensions by an angle that grows with the position. [T, H, E]"""
    n_rot = model.meta("rope.dimension_count", x.shape[-1])
    frequency, magnitude = rope_frequencies(model, n_rot, n_ctx, windowed)
    angle = np.arange(len(x))[:, None, None] * frequency  # [T, 1, n_rot/2]
    cos, sin = np.cos(angle) * magnitude, np.sin(angle) * magnitude
    if model.arch in HALF_SPLIT_PAIRS:
        first, second = slice(0, n_rot // 2), slice(n_rot // 2, n_rot)
    else:
        first, second = slice(0, n_rot, 2), slice(1, n_rot, 2)
    y = x.copy()
    y[..., first] = x[..., first] * cos - x[..., second] * sin
    y[..., second] = x[..., first] * sin + x[..., second] * cos
    return y


# --- the transformer --------------------------------------------------------------------------------------------------


def window(model, layer):
    """How many positions the layer sees, itself included; None for all. Only gemma3's window is honoured."""
    size = model.meta("attention.sliding_window", 0)
    if model.arch != "gemma3" or size == 0:
        return None
    pattern = model.meta("attention.sliding_window_pattern", 6)
    if isinstance(pattern, list):
        windowed = pattern[layer]
    else:
        windowed = pattern == 0 or layer % pattern < pattern - 1
    return size if windowed else None


def attention(model, blk, layer, x, n_ctx):
    n_tokens, n_embd = x.shape
    n_head = model.meta("attention.head_count", layer=layer)
    n_head_kv = model.meta("attention.head_count_kv", n_head, layer=layer)
    head_dim = model.meta("attention.key_length", n_embd // n_head)

    if f"{blk}.attn_qkv.weight" in model.tensors:
        qkv = linear(model, f"{blk}.attn_qkv", x)
        if f"{blk}.attn_q.bias" in model.tensors:  # fused weights with separate biases
            qkv = qkv + np.concatenate([model.weight(f"{blk}.attn_{c}.bias") for c in "qkv"])
        q, k, v = np.split(qkv, [n_head * head_dim, (n_head + n_head_kv) * head_dim], axis=-1)
    else:
        q, k, v = (linear(model, f"{blk}.attn_{c}", x) for c in "qkv")
    q = q.reshape(n_tokens, n_head, head_dim)
    k = k.reshape(n_tokens, n_head_kv, head_dim)
    v = v.reshape(n_tokens, n_head_kv, head_dim)

    if f"{blk}.attn_q_norm.weight" in model.tensors:
        q, k = norm(model, f"{blk}.attn_q_norm", q), norm(model, f"{blk}.attn_k_norm", k)
    seen = window(model, layer)
    if model.arch != "gpt2":
        q, k = rope(model, q, n_ctx, seen is not None), rope(model, k, n_ctx, seen is not None)

    scale = 1 / math.sqrt(head_dim)
    if model.arch == "gemma3" and model.meta("block_count") == 62:  # the 27B model
        scale = 1 / math.sqrt(n_embd // n_head)
    position = np.arange(n_tokens)
    distance = position[:, None] - position[None, :]  # [query, key]
    hidden = (distance < 0) | (distance >= (seen or n_tokens))
    out = np.empty_like(q)
    for head in range(n_head):
        shared = head // (n_head // n_head_kv)
        scores = q[:, head] @ k[:, shared].T * scale
        out[:, head] = softmax(np.where(hidden, -np.inf, scores)) @ v[:, shared]
    return linear(model, f"{blk}.attn_output", out.reshape(n_tokens, -1))


def experts(model, blk, x, n_used):
    """Mixture of experts: each token goes through its n_used most probable ones."""
    probability = softmax(linear(model, f"{blk}.ffn_gate_inp", x))  # [T, experts]
    chosen = np.argsort(-probability, axis=-1, kind="stable")[:, :n_used]
    gate, up, down = (model.weight(f"{blk}.ffn_{part}_exps.weight") for part in ("gate", "up", "down"))
    out = np.zeros_like(x)
    for t, ids in enumerate(chosen):
        share = probability[t, ids] / max(probability[t, ids].sum(), 6.103515625e-5)
        for e, weight in zip(ids, share):
            out[t] += weight * (down[e] @ (silu(gate[e] @ x[t]) * (up[e] @ x[t])))
    return out


def feed_forward(model, blk, x, activation):
    if f"{blk}.ffn_gate_inp.weight" in model.tensors:
        return experts(model, blk, x, model.meta("expert_used_count"))
    up = linear(model, f"{blk}.ffn_up", x)
    if model.arch == "phi3":  # one matrix holds both, the gate first
        gate, up = np.split(up, 2, axis=-1)
        hidden = activation(gate) * up
    elif f"{blk}.ffn_gate.weight" in model.tensors:
        hidden = activation(linear(model, f"{blk}.ffn_gate", x)) * up
    else:
        hidden = activation(up)
    return linear(model, f"{blk}.ffn_down", hidden)


def forward(model, tokens, n_ctx=None, table=False):
    """Every logit of one sequence, float64 [T, V]. `n_ctx` chooses longrope's factors (default: the model's)."""
    n_ctx = n_ctx or model.meta("context_length")
    activation = (gelu_table if table else gelu) if model.arch in GELU_FAMILIES else silu
    x = model.weight("token_embd.weight")[tokens]
    if model.arch == "gemma3":
        x = x * math.sqrt(x.shape[-1])
    if model.arch == "gpt2":
        x = x + model.weight("position_embd.weight")[: len(tokens)]
    for layer in range(model.meta("block_count")):
        blk = f"blk.{layer}"
        branch = attention(model, blk, layer, norm(model, f"{blk}.attn_norm", x), n_ctx)
        if f"{blk}.post_attention_norm.weight" in model.tensors:
            branch = norm(model, f"{blk}.post_attention_norm", branch)
        x = x + branch
        branch = feed_forward(model, blk, norm(model, f"{blk}.ffn_norm", x), activation)
        if f"{blk}.post_ffw_norm.weight" in model.tensors:
            branch = norm(model, f"{blk}.post_ffw_norm", branch)
        x = x + branch
    x = norm(model, "output_norm", x)
    tied = "output.weight" not in model.tensors
    logits = x @ model.weight("token_embd.weight" if tied else "output.weight").T
    if "output.bias" in model.tensors:
        logits = logits + model.weight("output.bias")
    cap = model.meta("final_logit_softcapping", 0.0)
    return cap * np.tanh(logits / cap) if cap else logits


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("model")
    cli.add_argument("--tokens", required=True, help="comma-separated ids")
    cli.add_argument("--out", help="write the logits to this .npy file")
    cli.add_argument("--n-ctx", type=int, help="context size (longrope only)")
    cli.add_argument("--gelu-table", action="store_true", help="round GELU as llama.cpp does")
    args = cli.parse_args()
    tokens = [int(t) for t in args.tokens.split(",")]
    logits = forward(Model(args.model), tokens, args.n_ctx, args.gelu_table)
    print(f"{logits.shape[0]} x {logits.shape[1]} logits; most likely next tokens: {logits.argmax(1).tolist()}")
    if args.out:
        np.save(args.out, logits)


if __name__ == "__main__":
    main()
