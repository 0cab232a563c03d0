"""Makes tiny/NAME.json: what llama.cpp says after five prompts with a model of models/, always taking the likeliest token.

Two runs: with the file's weights dequantised to F32, which is what Cutaway's naive path computes, and with the file itself,
where llama.cpp rounds activations to 8 bits.

    pip install numpy==2.4.6 llama-cpp-python==0.3.36
    llama-quantize --allow-requantize --pure NAME.gguf NAME.F32.gguf F32
    python make_tiny.py NAME.gguf NAME.F32.gguf tiny/NAME.json

The fields of the result are described in README.md in this folder.
"""

import argparse
import json
import pathlib

from llama_logits import Llama
from make_real import COMMIT, digits, first_difference, sha256, top2

N_GREEDY = 64

PROMPTS = [
    "Once upon a time",
    "Long ago, a brave fox called Tim lived near the bridge.",
    "<|im_start|>user\nTell me a story about Mia the fox.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nDescribe Rosa from the old mill as JSON. Rosa is a bear from the old mill, is 9 years old and "
    "likes plums and drums.<|im_end|>\n<|im_start|>assistant\n",
    "Count from one to ten: one, two,",
]


def greedy(llama, prompt_tokens):
    """The N_GREEDY likeliest tokens, one at a time; an end-of-generation token is a token like any other."""
    tokens, margins = [], []
    logits = llama.logits(prompt_tokens)[-1:]
    while len(tokens) < N_GREEDY:
        (token,), (margin,) = top2(logits)
        tokens.append(int(token))
        margins.append(digits(margin, 5))
        logits = llama.logits([int(token)])
    llama.reset()
    return {"tokens": tokens, "text": llama.detokenize(tokens), "eog": None, "margins": margins}


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("model")
    cli.add_argument("f32")
    cli.add_argument("out")
    args = cli.parse_args()
    runs = {}
    for name, path in [("f32", args.f32), ("quantised", args.model)]:
        with Llama(path, n_ctx=512, n_batch=256, threads=1) as llama:
            prompt_tokens = [llama.tokenize(prompt) for prompt in PROMPTS]
            runs[name] = [greedy(llama, tokens) for tokens in prompt_tokens]
    model, f32, out = (pathlib.Path(path) for path in (args.model, args.f32, args.out))
    result = {
        "source": f"llama.cpp {COMMIT}, CPU, flash attention off, KV cache f32",
        "command": f"python make_tiny.py {model.name} {f32.name} tiny/{out.name}",
        "model": {"file": model.name, "sha256": sha256(model)},
        "greedy": [
            {
                "prompt": prompt,
                "prompt_tokens": tokens,
                "f32": a,
                "quantised": b,
                "quantised_differs_at": first_difference(a, b),
            }
            for prompt, tokens, a, b in zip(PROMPTS, prompt_tokens, runs["f32"], runs["quantised"])
        ],
    }
    for run in (run for it in result["greedy"] for run in (it["f32"], it["quantised"])):
        del run["eog"]
    out.parent.mkdir(exist_ok=True)
    print(f"{out.name}: the quantised runs differ at {[it['quantised_differs_at'] for it in result['greedy']]}")
    lines = ",\n".join("  " + json.dumps(it, ensure_ascii=False) for it in result.pop("greedy"))
    head = json.dumps(result, ensure_ascii=False)[:-1]
    out.write_text(f'{head},\n "greedy": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
