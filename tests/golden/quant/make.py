#!/usr/bin/env python3
"""Makes the goldens of tests/quant_golden.rs: what GGML reads out of blocks, and what it makes of weights.

    pip install gguf==0.19.0 numpy==2.4.6
    python3 tests/golden/quant/make.py --ggml LLAMA/build/bin/libggml-base.so \
                                       --llama-quantize LLAMA/build/bin/llama-quantize

LLAMA is a build of llama.cpp at commit 0c1e57098bba43ac29e6e3b677cdceebdd22334f (`cmake -B build && cmake --build
build`). Each answer has two or three independent sources, and the script stops unless they agree bit for bit:

* types.json:      `ggml_type_name`, `ggml_blck_size` and `ggml_type_size` of libggml-base, and `gguf.GGML_QUANT_SIZES`
                   for the types the package knows.
* dequantize.json: `gguf.quants.dequantize` (Python) and the `dequantize_row_*` functions of libggml-base.
* quantize.json:   `ggml_quantize_chunk` of libggml-base (which calls the `quantize_row_*_ref` functions when it is
                   given no importance matrix), `llama-quantize --pure` on a file with these weights, and, where the
                   package implements the type, `gguf.quants.quantize`.

All numbers are written as hexadecimal bytes in file order (little-endian); NaNs as 0x7FC00000.
"""

import argparse
import ctypes
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20261001)


# --- types.json ------------------------------------------------------------------------------------------------------


def type_sizes(lib):
    """[id, name, weights in a block, bytes of a block] of every type that has a size."""
    lib.ggml_type_name.restype, lib.ggml_blck_size.restype = ctypes.c_char_p, ctypes.c_int64
    lib.ggml_type_size.restype = ctypes.c_size_t
    n_types = 43  # GGML_TYPE_COUNT
    sizes = [[i, lib.ggml_type_name(i).decode(), lib.ggml_blck_size(i), lib.ggml_type_size(i)] for i in range(n_types)]
    for ty, size in gguf.GGML_QUANT_SIZES.items():
        # Q8_1 is never stored in a file. The package still has its two scales as f32, GGML has f16.
        assert tuple(sizes[ty.value][2:]) == ((32, 36) if ty == T.Q8_1 else size), (ty, size)
    return [size for size in sizes if size[2] > 0]


# --- dequantize.json -------------------------------------------------------------------------------------------------

# Where a block keeps its f16 scales.
SCALES = {
    T.F16: [], T.BF16: [], T.MXFP4: [],
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
    T.IQ4_NL: [0], T.IQ4_XS: [0],
}  # fmt: skip
# zero, minus zero, smallest and largest subnormal, smallest normal, one, largest, its negative, infinity, NaN
EXTREME = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00, 0x7E00]
ROW_FUNCTIONS = {
    T.F16: "ggml_fp16_to_fp32_row", T.BF16: "ggml_bf16_to_fp32_row",
    **{t: f"dequantize_row_{t.name.lower().replace('_k', '_K')}" for t in SCALES if t not in (T.F16, T.BF16)},
}  # fmt: skip


def blocks_of(ty):
    """Random bytes under every extreme scale, all-zero and all-one bytes, and blocks with ordinary scales."""
    size = gguf.GGML_QUANT_SIZES[ty][1]
    if ty in (T.F16, T.BF16):  # blocks of one: take 256 extreme and random numbers as if they were a block
        extreme = np.array(EXTREME, dtype=np.uint16)
        return np.concatenate([extreme, rng.integers(0, 2**16, 246, dtype=np.uint16)]).view(np.uint8).reshape(1, -1)
    if ty == T.MXFP4:
        blocks = rng.integers(0, 256, (24, size), dtype=np.uint8)
        blocks[:8, 0] = [0, 1, 2, 3, 127, 128, 254, 255]
        blocks[8, 1:], blocks[9, 1:] = 0, 255
        return blocks
    blocks = rng.integers(0, 256, (2 * len(EXTREME) + 4, size), dtype=np.uint8)
    for at in SCALES[ty]:
        scales = rng.normal(0, 0.01, len(blocks)).astype(np.float16).view(np.uint16)
        order = EXTREME if at == SCALES[ty][0] else rng.permutation(EXTREME)
        scales[: len(EXTREME)] = order
        blocks[:, at : at + 2] = scales.astype("<u2").view(np.uint8).reshape(-1, 2)
    payload = np.ones(size, dtype=bool)
    for at in SCALES[ty]:
        payload[at : at + 2] = False
    blocks[-1, payload], blocks[-2, payload] = 255, 0
    return blocks


def canonical(weights):
    return np.where(np.isnan(weights), np.float32(np.nan), weights).astype("<f4")


def dequantize_goldens(lib):
    answers = {}
    for ty in SCALES:
        blocks = blocks_of(ty)
        with np.errstate(all="ignore"):
            weights = canonical(gguf.quants.dequantize(blocks, ty).reshape(len(blocks), -1))
        row = getattr(lib, ROW_FUNCTIONS[ty])
        theirs = np.empty_like(weights)
        row.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        row(blocks.ctypes.data, theirs.ctypes.data, weights.size)
        assert canonical(theirs).tobytes() == weights.tobytes(), ty
        # The weights of some blocks in full, to see where an implementation differs; of the others a hash.
        answers[ty.name] = [
            {"block": b.tobytes().hex(), "sha256": hashlib.sha256(w.tobytes()).hexdigest()[:16]}
            | ({"weights": w.tobytes().hex()} if i in (0, 3, 5, 6, len(blocks) - 1) else {})
            for i, (b, w) in enumerate(zip(blocks, weights))
        ]
    return answers


# --- quantize.json ---------------------------------------------------------------------------------------------------


def inputs():
    f32 = lambda x: np.asarray(x, dtype=np.float32)
    i = np.arange(512)
    outlier = f32(rng.normal(0, 0.02, 512))
    outlier[300] = 7.5
    mixed = f32(rng.normal(0, 1, 512)) * f32(10.0) ** f32(rng.integers(-6, 3, 16)).repeat(32)
    every_tenth = f32(np.where(i % 10 == 3, rng.normal(0, 1, 512), 0))
    ties = f32((i * 37 % 255 - 127) / 2)  # with an exact scale: many weights halfway between two codes
    ties[::32] = 127
    return {
        "cosine": f32(0.1 + 2 * np.cos(f32(i))),
        "cosine off by one": f32(0.1 + 2 * np.cos(f32(i + 1))),
        "gaussian": f32(rng.normal(0, 1, 1024)),
        "gaussian, small": f32(rng.normal(0, 0.02, 512)),
        "uniform": f32(rng.uniform(-1, 1, 512)),
        "all positive": f32(rng.uniform(0.5, 1.5, 256)),
        "all negative": f32(-rng.uniform(0.5, 1.5, 256)),
        "constant": np.full(256, 0.375, dtype=np.float32),
        "constant, negative": np.full(256, -3.3, dtype=np.float32),
        "zero": np.zeros(256, dtype=np.float32),
        "minus zero": np.full(256, -0.0, dtype=np.float32),
        "one outlier": outlier,
        "scales from 1e-6 to 1e2": mixed,
        "mostly zero": every_tenth,
        "ties": ties,
        # Found by searching seeds: the last of the tries of Q4_K (first block) and Q5_K (second) is the best one.
        "last try wins": f32(np.concatenate([np.random.default_rng(seed).normal(0, 1, 256) for seed in (110, 509)])),
        "tiny": f32(rng.normal(0, 1e-30, 256)),
        "near the threshold of zero": f32(rng.normal(0, 3e-15, 256)),
        "scale underflows f16": f32(rng.normal(0, 1e-7, 256)),
    }


QUANTIZED = [T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K]


def by_library(lib, ty, weights):
    block_len, block_bytes = gguf.GGML_QUANT_SIZES[ty]
    out = np.zeros(len(weights) // block_len * block_bytes, dtype=np.uint8)
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    n = lib.ggml_quantize_chunk(ty.value, weights.ctypes.data, out.ctypes.data, 0, 1, len(weights), None)
    assert n == len(out)
    return out.tobytes()


def by_tool(tool, ty, vectors):
    """Writes the vectors as the rows of one matrix of a tiny llama model and lets llama-quantize convert the file."""
    rows = np.concatenate(list(vectors.values())).reshape(-1, 256)
    with tempfile.TemporaryDirectory() as folder:
        before, after = f"{folder}/before.gguf", f"{folder}/after.gguf"
        writer = gguf.GGUFWriter(before, "llama")
        for add, value in [
            (writer.add_context_length, 64), (writer.add_embedding_length, 256), (writer.add_block_count, 1),
            (writer.add_feed_forward_length, len(rows)), (writer.add_head_count, 1), (writer.add_layer_norm_rms_eps, 1e-5),
        ]:  # fmt: skip
            add(value)
        writer.add_tensor("blk.0.ffn_up.weight", rows)
        writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
        run = subprocess.run([tool, "--pure", before, after, ty.name], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        (tensor,) = gguf.GGUFReader(after).tensors
        assert tensor.tensor_type == ty, (tensor.tensor_type, ty)
        converted = tensor.data.tobytes()
    block_len, block_bytes = gguf.GGML_QUANT_SIZES[ty]
    parts, at = {}, 0
    for name, weights in vectors.items():
        n = len(weights) // block_len * block_bytes
        parts[name], at = converted[at : at + n], at + n
    return parts


def quantize_goldens(lib, tool):
    vectors = inputs()
    answers = {name: {"weights": w.astype("<f4").tobytes().hex()} for name, w in vectors.items()}
    for ty in QUANTIZED:
        tool_says = by_tool(tool, ty, vectors)
        for name, weights in vectors.items():
            block = by_library(lib, ty, weights)
            assert block == tool_says[name], (ty, name, "llama-quantize")
            try:
                with np.errstate(all="ignore"):
                    python = gguf.quants.quantize(weights, ty).tobytes()
                # The package takes -0 for the largest magnitude of a block of them and GGML 0, so `d` has another sign.
                zero_of_other_sign = name == "minus zero" and ty in (T.Q4_0, T.Q5_0)
                assert (block == python) != zero_of_other_sign, (ty, name, "gguf package")
            except NotImplementedError:
                assert ty in (T.Q4_K, T.Q5_K, T.Q6_K)
            answers[name][ty.name] = block.hex()
    return answers


# ---------------------------------------------------------------------------------------------------------------------


def write(name, answers, source):
    text = json.dumps({"source": source, "made_by": "tests/golden/quant/make.py", **answers}, indent=1)
    text = re.sub(r"\[\s+(\d+),\s+(\"\w+\"),\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2, \3, \4]", text)  # a type in a line
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggml", required=True, help="libggml-base.so of llama.cpp")
    parser.add_argument("--llama-quantize", required=True, help="the llama-quantize program")
    args = parser.parse_args()
    lib = ctypes.CDLL(args.ggml)
    write("types.json", {"types": type_sizes(lib)}, "libggml-base 0c1e57098, checked against gguf 0.19.0")
    write("dequantize.json", {"types": dequantize_goldens(lib)}, "gguf 0.19.0, checked against libggml-base 0c1e57098")
    write(
        "quantize.json",
        {"inputs": quantize_goldens(lib, args.llama_quantize)},
        "libggml-base and llama-quantize --pure 0c1e57098, checked against gguf 0.19.0",
    )
