"""Writes two recorded runs with invented numbers: one event of each kind at least.

    python3 tests/golden/record/make_run.py

`run.jsonl` is a run of a model of two blocks; `other.jsonl` is the same run with a decode that is a quarter faster.
No number was measured: the files test what reads and draws recordings.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
PROMPT, N_STEPS, NAIVE_STEPS = [1, 403, 2501, 727, 88, 12], 12, 5
PIECES = [" time", ",", " there", " was", " a", " small", " <cat>", " & a", " dog", "\n", " \u2026", "."]


def run():
    machine = dict(
        cpu="Example CPU 9000", cores=2, architecture="x86_64", system="linux", kernel="6.1.0", virtual_machine=True,
        memory_bytes=8 << 30, caches=[dict(level=1, bytes=49152), dict(level=2, bytes=1 << 20), dict(level=3, bytes=32 << 20)],
        huge_pages="madvise", load_average=1.3)
    model = dict(
        name="example </script><b>", architecture="llama", sha256="ab" * 32, file_bytes=9_000_000, parameters=8_000_000,
        formats=[["q8_0", 7_900_000], ["f32", 100_000]], n_layer=2, n_embd=64, n_head=4, n_head_kv=2, n_vocab=4096, n_ctx=512)
    return dict(
        ev="run", schema=1, cutaway="0.1.0", commit="0123456789abcdef0123456789abcdef01234567", dirty=True,
        command="cutaway report -m example.gguf -p 'Once upon a' -n 12 --seed 7", unix_seconds=1_780_000_000, machine=machine,
        kernels="avx512", threads=1, act_bits=8, kv=["f16", "f16"], model=model, seed=7,
        samplers=["top_k 40", "top_p 0.95", "temp 0.8", "dist"], prompt="Once upon a </script> \u202e <i>", prompt_tokens=PROMPT,
        timer_ns=42.5)


OPS = [  # op, covers, group, flops a token, weights, decode ns a token (optimized), layer
    ("attn_q", ["attn_q", "attn_k", "attn_v"], "attention", 400_000, 212_500, 30_000),
    ("attention", ["attention"], "attention", 20_000, 0, 9_000),
    ("ffn_gate", ["ffn_gate", "ffn_up"], "feed_forward", 2_400_000, 1_275_000, 150_000),
    ("ffn_norm", ["ffn_norm"], "norms", 300, 256, 900),
]


def steps(path, n_steps, faster):
    slow = 40 if path == "naive" else 1
    for step in range(n_steps):
        phase, n = ("prefill", len(PROMPT)) if step == 0 else ("decode", 1)
        pos = 0 if step == 0 else len(PROMPT) + step - 1
        t0 = (0 if path == "optimized" else 500_000_000) + step * 30_000_000
        ops, at = [], t0 + 1000
        for layer in [None, 0, 1, None]:
            block = OPS if layer is not None else []
            if layer is None:
                block = [("token_embd", ["token_embd"], "embedding", 0, 68, 700)] if not ops else \
                    [("output", ["output"], "unembedding", 524_288, 278_528, 36_000)]
            for op, covers, group, flops, w, ns in block:
                matrix = w > 1000
                ns = ns * slow * (1 + (step * 7 + len(op)) % 5 / 100)
                ns = ns * n * (0.4 if matrix and n > 1 else 1) / (faster if phase == "decode" else 1)
                kv = 256 * (pos + n) if op == "attention" else 0
                ops.append(dict(
                    ev="op", path=path, step=step, phase=phase, pos=pos, n_tok=n, layer=layer, op=op, covers=covers, group=group,
                    impl="naive" if path == "naive" else "avx512", mnk=[64, n, 64],
                    dt=["q8_0" if matrix else "-", "a8" if matrix and path == "optimized" else "f32", "f32"],
                    flops=flops * n, special=5 * n, dequant=100 * n if matrix else 0,
                    bytes=dict(w=w * (4 if path == "naive" else 1), a_r=256 * n, a_w=512 * n, kv_r=kv, kv_w=256 * n if kv else 0),
                    t0=at, dt_ns=round(ns)))
                at += round(ns) + 50
        yield dict(ev="step", path=path, step=step, phase=phase, pos=pos, n_tok=n, t0=t0, dt_ns=at - t0 + 2000)
        used = pos + n
        yield dict(ev="kv", path=path, step=step, used=used, reserved=-(-used // 16) * 16, used_bytes=used * 512,
                   reserved_bytes=-(-used // 16) * 16 * 512)
        yield from ops
        if path == "naive":
            for hook in ["hook_resid_mid", "hook_resid_post"]:
                yield dict(ev="act", path=path, step=step, hook=f"blocks.1.{hook}", shape=[n, 64], min=-3.5, max=4.25, mean=0.01,
                           rms=1.1, not_finite=0, file=None)
            if step == 0:
                for layer in range(2):
                    for head in range(4):
                        rows = [[round((0.6 if head == 1 and k == 0 else 1.0) / (q + 1), 4) if k <= q else 0.0 for k in range(n)]
                                for q in range(n)]
                        yield dict(ev="attention", step=0, layer=layer, head=head, rows=n, cols=n, p=sum(rows, []),
                                   entropy=0.4 + 0.1 * head, sink=0.85 if head == 1 else 0.3)
        else:
            yield dict(ev="span", step=step, layer=0, op="ffn_gate", thr=0, t0=t0 + 40_000, dt_ns=150_000, wait_ns=12_000)
            kept = [1.0, 0.991, 0.95 + 0.004 * (step % 5), 1.0]
            for i, (stage, n_in, n_out) in enumerate(
                    [("logits", 4096, 4096), ("top_k", 4096, 40), ("top_p", 40, 17 - step), ("temp", 17 - step, 17 - step)]):
                yield dict(ev="sampler", step=step, stage=stage, n_in=n_in, n_out=n_out, kept_mass=round(kept[i], 4),
                           entropy=2.4 - 0.3 * i, kl=0.0 if i == 0 else 0.02 * i, top=[[403, 0.4], [100 + step, 0.25], [88, 0.1]])
            yield dict(ev="token", step=step, token=100 + step, piece=PIECES[step], rank=step % 3, nll=0.5 + 0.15 * step, dt_ns=21_000)


def bench(path, test, speed, observer="off", rung="", depth=0, threads=1, spread=(0, 1, -1, 0.5, -0.5, 0.2, -0.7, 0.9)):
    return dict(ev="bench", path=path, test=test, depth=depth, threads=threads, kernels="naive" if path == "naive" else "avx512",
                observer=observer, rung=rung, tokens_per_second=[round(speed * (1 + s / 100), 3) for s in spread])


def ceiling(what, per_second, when, instructions="avx512", threads=1, size=None):
    return dict(ev="ceiling", what=what, instructions=instructions, threads=threads, bytes=size, when=when,
                per_second=[per_second * f for f in (1, 0.99, 1.01)])


def rest(faster):
    yield bench("optimized", "pp512", 5200.0)
    yield bench("optimized", "tg128", 2150.0 * faster)
    yield bench("optimized", "tg128", 1700.0 * faster, depth=256)
    yield bench("naive", "tg128", 53.0)
    yield bench("optimized", "tg128", 2100.0 * faster, observer="profile")
    yield bench("optimized", "tg128", 2180.0 * faster, threads=2)
    yield bench("optimized", "tg128", 160.0, rung="scalar")
    for when, change in [("before", 1.0), ("after", 0.985)]:
        yield ceiling("read", 9.5e9 * change, when, size=9 << 20)
        yield ceiling("fma", 95e9 * change, when)
        yield ceiling("int8", 420e9 * change, when)
    yield ceiling("sweep", 80e9, "before", size=32768)
    hooks = ["hook_q", "hook_z", "mlp.hook_post", "hook_resid_post"]
    for mode in ["free", "locked"]:
        for i in range(8):
            rel = 0.0004 * (i + 1) * (2 if mode == "free" else 1)
            yield dict(ev="diff", mode=mode, index=i, hook=f"blocks.{i // 4}.{hooks[i % 4]}",
                       op=["attn_q", "attention", "ffn_act", "ffn_residual"][i % 4], layer=i // 4, rel_rms=round(rel, 6), max_abs=rel * 9,
                       budget=0.02 if mode == "free" else 0.01, passed=True)
    for context in [0, 128, 512, 2048, 8192]:
        for what in ["decode", "recompute"]:
            n = 1 if what == "decode" else context + 1
            yield dict(ev="cost", what=what, context=context, projection_flops=5_600_000 * n, attention_flops=1024 * (context + 1) * n,
                       unembedding_flops=524_288, weight_bytes=3_253_596, kv_bytes=512 * (context + 1) if what == "decode" else 0,
                       activation_bytes=9000 * n, cache_bytes=[["f32", 1024 * (context + 1)], ["f16", 512 * (context + 1)]])
    for i, (name, kind, layer, size) in enumerate([
            ("token_embd.weight", "embedding", None, 278_528), ("blk.0.attn_q.weight", "attention", 0, 212_500),
            ("blk.0.ffn_gate.weight", "feed_forward", 0, 1_275_000), ("blk.1.attn_q.weight", "attention", 1, 212_500),
            ("blk.1.ffn_gate.weight", "feed_forward", 1, 1_275_000)]):
        yield dict(ev="tensor", name=name, format="q8_0", kind=kind, layer=layer, offset=4096 + i * 1_300_000, bytes=size,
                   rounding=[["q8_0", 0.004], ["q4_0", 0.07 + 0.01 * i]])
    yield dict(ev="histogram", name="blk.0.ffn_gate.weight", low=-0.4, high=0.4, counts=[1, 5, 40, 90, 41, 6, 1], level_step=0.003)
    yield dict(ev="tokenizer", text="English", bytes=1000, tokens=240)
    yield dict(ev="tokenizer", text="日本語", bytes=1000, tokens=610)
    yield dict(ev="drop", what="span", count=12)
    yield dict(ev="end", complete=True)


for name, faster in [("run.jsonl", 1.0), ("other.jsonl", 1.25)]:
    events = [run(), *steps("optimized", N_STEPS, faster), *steps("naive", NAIVE_STEPS, 1.0), *rest(faster)]
    lines = (json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    (HERE / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
