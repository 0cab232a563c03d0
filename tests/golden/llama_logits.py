"""Runs llama.cpp over token ids and returns every logit: the first oracle.

Versions: llama.cpp 0c1e57098bba43ac29e6e3b677cdceebdd22334f through its Python bindings, llama-cpp-python 0.3.36.
    pip install numpy==2.4.6 llama-cpp-python==0.3.36
or, beside a build of the same sources (see README.md in this folder):
    export PYTHONPATH=LLAMA_CPP_PYTHON_DIR LLAMA_CPP_LIB_PATH=LLAMA_CPP_DIR/build/bin

    python llama_logits.py MODEL.gguf --tokens 1,2,3 --out logits.npy [--flash-attn] [--kv f32|f16] [--threads N] …

The defaults are the most exact that llama.cpp offers: KV cache in f32, flash attention off (that kernel casts K and V to
f16), one micro-batch, full-size sliding-window cache. With F32 weights what is left is f32 rounding, an approximated
`expf` in softmax and SiLU, and (gpt2, gemma3) a GELU looked up in a table of f16.
"""

import argparse
import ctypes

import llama_cpp as ll
import numpy as np

KV_TYPES = {"f32": ll.GGML_TYPE_F32, "f16": ll.GGML_TYPE_F16}


@ll.llama_log_callback
def quiet(level, text, _):
    """Only errors (level 4) are worth reading."""
    if level == 4:
        print(text.decode(errors="replace"), end="")


class Llama:
    """One loaded model and one context. A context manager: both are freed on leaving."""

    def __init__(self, path, n_ctx=0, n_batch=2048, threads=2, flash_attn=False, kv="f32"):
        ll.llama_log_set(quiet, ctypes.c_void_p(0))
        ll.llama_backend_init()
        params = ll.llama_model_default_params()
        params.n_gpu_layers = 0
        params.use_extra_bufts = False  # no repacked weights, no AMX: the plain kernels of the CPU backend
        self.model = ll.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        self.vocab = ll.llama_model_get_vocab(self.model)
        self.n_vocab = ll.llama_vocab_n_tokens(self.vocab)

        params = ll.llama_context_default_params()
        params.n_ctx = n_ctx  # 0: the model's context_length. llama.cpp rounds it up to a multiple of 256.
        params.n_batch = params.n_ubatch = n_batch
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = KV_TYPES[kv]
        params.flash_attn_type = 1 if flash_attn else 0
        params.swa_full = True
        self.ctx = ll.llama_init_from_model(self.model, params)
        if not self.ctx:
            raise SystemExit(f"llama.cpp cannot make a context for {path}")
        self.n_ctx, self.n_batch = ll.llama_n_ctx(self.ctx), n_batch
        self.position = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ll.llama_free(self.ctx)
        ll.llama_model_free(self.model)

    def reset(self):
        """Forgets every token."""
        ll.llama_memory_clear(ll.llama_get_memory(self.ctx), True)
        self.position = 0

    def logits(self, tokens):
        """Appends `tokens` to the sequence; returns f32 [n_tokens, n_vocab], one row for each of them."""
        rows = []
        for start in range(0, len(tokens), self.n_batch):
            chunk = tokens[start : start + self.n_batch]
            batch = ll.llama_batch_init(len(chunk), 0, 1)
            batch.n_tokens = len(chunk)
            for i, token in enumerate(chunk):
                batch.token[i], batch.pos[i], batch.logits[i] = token, self.position + i, 1
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            status = ll.llama_decode(self.ctx, batch)
            if status != 0:
                raise SystemExit(f"llama_decode failed with {status}")
            size = len(chunk) * self.n_vocab
            flat = np.ctypeslib.as_array(ll.llama_get_logits(self.ctx), (size,))
            rows.append(flat.reshape(len(chunk), self.n_vocab).copy())
            ll.llama_batch_free(batch)
            self.position += len(chunk)
        return np.concatenate(rows)

    def tokenize(self, text, add_special=True, parse_special=True):
        """Token ids of a text, BOS and EOS where the model asks for them."""
        data = text.encode()
        ids = (ll.llama_token * (len(data) + 16))()
        n = ll.llama_tokenize(self.vocab, data, len(data), ids, len(ids), add_special, parse_special)
        return list(ids[:n])

    def detokenize(self, tokens, special=True):
        """Text of token ids; bytes that are not UTF-8 become U+FFFD."""
        ids = (ll.llama_token * len(tokens))(*tokens)
        buffer = ctypes.create_string_buffer(64 * len(tokens) + 64)
        n = ll.llama_detokenize(self.vocab, ids, len(tokens), buffer, len(buffer), False, special)
        return buffer.raw[:n].decode(errors="replace")

    def is_eog(self, token):
        """True for end-of-generation tokens."""
        return ll.llama_vocab_is_eog(self.vocab, token)


def llama_logits(path, tokens, **options):
    """All logits, f32 [n_tokens, n_vocab], of one model run over one sequence. Options as in `Llama`."""
    with Llama(path, **options) as llama:
        return llama.logits(list(tokens))


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("model")
    cli.add_argument("--tokens", required=True, help="comma-separated ids")
    cli.add_argument("--out", help="write the logits to this .npy file")
    cli.add_argument("--n-ctx", type=int, default=0)
    cli.add_argument("--n-batch", type=int, default=2048)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--flash-attn", action="store_true")
    cli.add_argument("--kv", choices=KV_TYPES, default="f32")
    args = cli.parse_args()
    tokens = [int(t) for t in args.tokens.split(",")]
    logits = llama_logits(
        args.model, tokens, n_ctx=args.n_ctx, n_batch=args.n_batch, threads=args.threads,
        flash_attn=args.flash_attn, kv=args.kv,
    )
    print(f"{logits.shape[0]} x {logits.shape[1]} logits; most likely next tokens: {logits.argmax(1).tolist()}")
    if args.out:
        np.save(args.out, logits)


if __name__ == "__main__":
    main()
