"""Makes logits/llama_cpp.json and logits/numpy.json: what the small random models must answer.

    pip install numpy==2.4.6 gguf==0.19.0 llama-cpp-python==0.3.36      (or see README.md in this folder)
    cargo run --release --example tiny_models -- DIR > DIR.list
    python make_logits.py DIR DIR.list

llama.cpp (0c1e57098bba43ac29e6e3b677cdceebdd22334f) is asked for every family and RoPE kind with F32 weights, where it
is nearly exact; the float64 NumPy forward pass for every file. The two are compared before anything is written, so that
a golden is never the opinion of one program: with F32 weights to 1e-5 (gpt2, gemma3: 2e-3, as llama.cpp's GELU goes
through a table of f16), with other weights at half of the positions to 5e-2 (there llama.cpp rounds activations to f16 or
8 bits, which also makes a router choose another expert now and then).
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
from llama_logits import Llama
from numpy_forward import GELU_FAMILIES, Model, forward

HERE = pathlib.Path(__file__).resolve().parent
COMMIT = "0c1e57098bba43ac29e6e3b677cdceebdd22334f"
COMMAND = "cargo run --release --example tiny_models -- DIR > DIR.list && python make_logits.py DIR DIR.list"
N_TOKENS = 40  # beyond the sliding window of 8
POSITIONS = [0, 1, 7, 8, 9, 20, 31, 39]


def tokens_of(n_vocab):
    """An arbitrary sequence of ids that repeats some of them."""
    return [(7 * i * i + 3 * i + 1) % n_vocab for i in range(N_TOKENS)]


def relative_rms(a, b):
    return float(np.sqrt(np.square(a - b).mean() / np.square(b).mean()))


def agree(model, is_f32, theirs, exact):
    if not is_f32:
        return np.median([relative_rms(a, b) for a, b in zip(theirs, exact)]) <= 5e-2
    return relative_rms(theirs, exact) <= (2e-3 if model.arch in GELU_FAMILIES else 1e-5)


def rounded(logits):
    """Eight significant digits: f32 has seven."""
    return [[float(f"{x:.8g}") for x in row] for row in logits]


def write(path, source, cases):
    lines = ",\n  ".join(json.dumps(case) for case in cases)
    head = f'"source": {json.dumps(source)},\n"command": {json.dumps(COMMAND)}'
    path.write_text(f'{{\n{head},\n"cases": [\n  {lines}\n]\n}}\n')


def main():
    directory, listing = map(pathlib.Path, sys.argv[1:3])
    from_llama, from_numpy = [], []
    for line in listing.read_text().splitlines():
        name, n_ctx = line.split("\t")
        path, n_ctx, is_f32 = directory / name, int(n_ctx), name.endswith("-f32.gguf")
        with Llama(path, n_ctx=n_ctx) as llama:
            assert llama.n_ctx == n_ctx, f"{name}: llama.cpp made the context {llama.n_ctx}"
            tokens = tokens_of(llama.n_vocab)
            theirs = llama.logits(tokens).astype(np.float64)
        model = Model(path)
        exact = forward(model, tokens, n_ctx)
        error = relative_rms(theirs, exact)
        note = ""
        if is_f32 and model.arch in GELU_FAMILIES:
            note = f"  ({relative_rms(theirs, forward(model, tokens, n_ctx, table=True)):.1e} with the GELU table)"
        print(f"{path.stem:28s} llama.cpp against NumPy {error:.1e}{note}", flush=True)
        assert agree(model, is_f32, theirs, exact), f"{name}: the oracles disagree by {error}"

        case = {
            "name": path.stem,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "n_ctx": n_ctx,
            "tokens": tokens,
            "positions": POSITIONS,
        }
        agreement = {"llama_cpp_against_numpy": float(f"{error:.2g}")}
        from_numpy.append(case | agreement | {"logits": rounded(exact[POSITIONS])})
        if is_f32:
            from_llama.append(case | agreement | {"logits": rounded(theirs[POSITIONS])})

    options = "CPU, flash attention off, KV cache f32, F32 weights"
    (HERE / "logits").mkdir(exist_ok=True)
    write(HERE / "logits/llama_cpp.json", f"llama.cpp {COMMIT}, {options}", from_llama)
    write(HERE / "logits/numpy.json", "numpy_forward.py: float64 over dequantised weights", from_numpy)


if __name__ == "__main__":
    main()
