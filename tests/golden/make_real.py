"""Makes real/*.json: what llama.cpp computes for a real model, teacher-forced over text/mixed.txt and greedily after prompts.

The measure is llama.cpp (0c1e57098bba43ac29e6e3b677cdceebdd22334f) with the *same weights dequantised to F32*, flash
attention off, KV cache f32: on the quantised file itself it rounds activations to 8 bits, an error far above ours.

    pip install numpy==2.4.6 llama-cpp-python==0.3.36
    llama-quantize --allow-requantize --pure MODEL.gguf MODEL.F32.gguf F32
    python make_real.py MODEL.gguf MODEL.F32.gguf real/NAME.json

The fields of the result are described in README.md in this folder.
"""

import argparse
import hashlib
import json
import pathlib

import numpy as np
from llama_logits import Llama

HERE = pathlib.Path(__file__).resolve().parent
COMMIT = "0c1e57098bba43ac29e6e3b677cdceebdd22334f"
CHUNK = 256  # tokens per llama_decode: bounds the memory for logits (gemma has 262,144 of them per token)
N_GREEDY = 64

PROMPTS = [
    "The capital of France is",
    "Once upon a time",
    "Water boils at a temperature of",
    "def fibonacci(n):",
    "Die Hauptstadt von Österreich ist",
    "1, 2, 3, 4, 5,",
]
CHAT_PROMPT = "<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n"


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def top2(logits):
    """Ids and margins of the largest logit in each row."""
    second, first = np.partition(logits, -2, axis=-1)[:, -2:].T
    return logits.argmax(-1), first.astype(np.float64) - second


def teacher_forced(llama, tokens):
    """Logits after every token, one at a time."""
    for start in range(0, len(tokens), CHUNK):
        yield from llama.logits(tokens[start : start + CHUNK])
    llama.reset()


def log_softmax(row):
    row = row.astype(np.float64) - row.max()
    return row - np.log(np.exp(row).sum())


def compared(llama, quantised, tokens):
    """What `llama` says after each token, and how far `quantised` is from it: an array of one record for each token."""
    records = []
    following = tokens[1:] + tokens[:1]  # the last has none: its likelihoods are not used
    for exact, rounded, token in zip(teacher_forced(llama, tokens), teacher_forced(quantised, tokens), following):
        (top1,), (margin,) = top2(exact[None])
        p, q = log_softmax(exact), log_softmax(rounded)
        kl = (np.exp(p) * (p - q)).sum()
        records.append((top1, margin, -p[token], -q[token], kl, rounded.argmax() == top1))
    return np.rec.array(records, names="top1,margin,nll,nll_quantised,kl,same_top")


def greedy(llama, prompt_tokens):
    """Up to N_GREEDY most likely tokens, one at a time; an end-of-generation token ends them and is not kept."""
    tokens, margins, eog = [], [], None
    logits = llama.logits(prompt_tokens)[-1:]
    while len(tokens) < N_GREEDY:
        (token,), (margin,) = top2(logits)
        if llama.is_eog(int(token)):
            eog = int(token)
            break
        tokens.append(int(token))
        margins.append(digits(margin, 5))
        logits = llama.logits([int(token)])
    llama.reset()
    return {"tokens": tokens, "text": llama.detokenize(tokens) if tokens else "", "eog": eog, "margins": margins}


def digits(x, n):
    return float(f"{x:.{n}g}")


def first_difference(a, b):
    """Index of the first token in which two continuations differ; null when they are equal."""
    pairs = list(zip(a["tokens"] + [a["eog"]], b["tokens"] + [b["eog"]]))
    return next((i for i, (x, y) in enumerate(pairs) if x != y), None)


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("model")
    cli.add_argument("f32")
    cli.add_argument("out")
    cli.add_argument("--threads", type=int, default=2)
    args = cli.parse_args()
    out = pathlib.Path(args.out).resolve()
    out.parent.mkdir(exist_ok=True)
    text = (HERE / "text/mixed.txt").read_text(encoding="utf-8")
    exact = dict(n_ctx=4096, n_batch=CHUNK, threads=args.threads, flash_attn=False, kv="f32")

    with Llama(args.f32, **exact) as llama:
        tokens = llama.tokenize(text)
        prompts = PROMPTS + ([CHAT_PROMPT] if len(llama.tokenize("<|im_start|>", add_special=False)) == 1 else [])
        prompt_tokens = [llama.tokenize(p) for p in prompts]
        with Llama(args.model, **exact) as quantised:
            text_run = compared(llama, quantised, tokens)
        greedy_f32 = [greedy(llama, p) for p in prompt_tokens]
    with Llama(args.model, **exact) as llama:
        greedy_q = [greedy(llama, p) for p in prompt_tokens]
    with Llama(args.model, **(exact | dict(flash_attn=True, kv="f16"))) as llama:
        greedy_default = [greedy(llama, p) for p in prompt_tokens]

    nll, nll_quantised = text_run.nll[:-1], text_run.nll_quantised[:-1]
    model, f32 = pathlib.Path(args.model), pathlib.Path(args.f32)
    result = {
        "source": f"llama.cpp {COMMIT}, CPU, flash attention off, KV cache f32, weights dequantised to F32",
        "command": f"python make_real.py {model.name} {f32.name} real/{out.name}",
        "model": {"file": model.name, "sha256": sha256(model)},
        "f32": {
            "sha256": sha256(f32),
            "command": f"llama-quantize --allow-requantize --pure {model.name} {f32.name} F32",
        },
        "text": {"file": "text/mixed.txt", "sha256": sha256(HERE / "text/mixed.txt")},
        "tokens": tokens,
        "top1": text_run.top1.tolist(),
        "margin": [digits(m, 5) for m in text_run.margin],
        "nll": [digits(x, 8) for x in nll],
        "mean_nll": digits(nll.mean(), 10),
        "quantised": {
            "about": "llama.cpp on the quantised file itself, same options: what 8-bit activations cost",
            "top1_agreement": digits(text_run.same_top.mean(), 6),
            "mean_nll": digits(nll_quantised.mean(), 10),
            "mean_kl": digits(text_run.kl.mean(), 6),
            "kl_p999": digits(np.quantile(text_run.kl, 0.999, method="lower"), 6),
        },
        "greedy": [
            {
                "prompt": prompt,
                "prompt_tokens": ids,
                "f32": a,
                "quantised": b,
                "quantised_default": c,
                "quantised_differs_at": first_difference(a, b),
                "quantised_default_differs_at": first_difference(a, c),
            }
            for prompt, ids, a, b, c in zip(prompts, prompt_tokens, greedy_f32, greedy_q, greedy_default)
        ],
    }
    out.write_text(one_line_per_field(result), encoding="utf-8")
    print(f"{len(tokens)} tokens, mean NLL {nll.mean():.6f}; quantised: {nll_quantised.mean():.6f}, "
          f"mean KL {text_run.kl.mean():.5f}, top-1 equal {100 * text_run.same_top.mean():.2f} %; "
          f"smallest margins {np.sort(text_run.margin)[:5].round(5).tolist()}")
    for g in result["greedy"]:
        print(f"{g['prompt']!r}: {g['f32']['text']!r}; differs at {g['quantised_differs_at']}, "
              f"{g['quantised_default_differs_at']}")


def one_line_per_field(result):
    """JSON that a diff can show: one line for each field, one for each prompt."""
    lines = []
    for key, value in result.items():
        if key == "greedy":
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            lines.append(f'"greedy": [\n  {rows}\n]')
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
