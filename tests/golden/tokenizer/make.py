#!/usr/bin/env python3
"""Writes the goldens of this folder from a built llama.cpp: how it tokenizes, and how it renders chats.

    tests/golden/tokenizer/make.py LLAMA_CPP_DIRECTORY

LLAMA_CPP_DIRECTORY is a source tree with shared libraries in build/bin. Models and vocabularies are taken from the
test cache (tests/common/cache.rs says where). The texts are the curated ones below and some random ones.
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
COMMIT = "llama.cpp 0c1e57098bba43ac29e6e3b677cdceebdd22334f (vendored by llama-cpp-python 0.3.36)"
COMMAND = "tests/golden/tokenizer/make.py LLAMA_CPP_DIRECTORY"

SUBJECTS = {  # golden → file in the cache
    "smollm2": "models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "gemma3": "models/gemma-3-270m-q4_k_m.gguf",
    "phi-3": "vocabs/ggml-vocab-phi-3.gguf",
    "llama-spm": "vocabs/ggml-vocab-llama-spm.gguf",
    "llama-bpe": "vocabs/ggml-vocab-llama-bpe.gguf",
    "gemma-4": "vocabs/ggml-vocab-gemma-4.gguf",
    "deepseek-llm": "vocabs/ggml-vocab-deepseek-llm.gguf",
    "falcon": "vocabs/ggml-vocab-falcon.gguf",
}

TEXTS = [
    "",
    " ",
    "  ",
    "\n",
    "\n\n\n",
    "\t\t x",
    "The capital of France is Paris.",
    "Hello, y'all! How are you 😁 ?我想在apple工作1314151天～",
    "def fib(n: int) -> int:\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
    "fn main() {\n\tlet x = vec![0u8; 1 << 20];\r\n\tprintln!(\"{x:?}\");\r\n}\r\n",
    "for (int i = 0; i < 10; ++i) { a[i] = b[i]*c[i]; } // done",
    "SELECT * FROM t WHERE a='x' AND b>=3.14159e-10;",
    "<table><tr><td>1</td></tr></table><h1>Title</h1><br/>&nbsp;",
    "   leading and trailing   ",
    "a" * 50,
    " " * 70,
    "\n" * 70,
    "\n \n  \n   \n",
    "x" + " " * 33 + "y" + "\n" * 34 + "z",
    "\u00a0\u2003\u3000\u0085 exotic\u2028spaces\u00a0",
    "Привет, как дела? Что нового?",
    "Γειά σου Κόσμε, Ελληνικά",
    "नमस्ते दुनिया, कैसे हो?",
    "สวัสดีชาวโลก",
    "안녕하세요 세계 123",
    "こんにちは世界、カタカナとひらがな。",
    "العربية ١٢٣ مرحبا",
    "עברית שלום",
    "ქართული მხედრული",
    "Việt Nam: Tiếng Việt, e\u0301 vs \u00e9, a\u0300\u0301",
    "🦀👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🇩🇪 e\ufe0f",
    "½ Ⅷ ² ① ٣ 1234567890 12 345",
    "I'll we'RE don't 'S 'LL it's",
    "HelloWorld HTTPServer ÀÉÎ àéî ÀB aÉ",
    "\u0000\u0001\u007f\u00ad\u200b\u200d\ufeff\ufffd",
    "\ue000\uf8ff\U000f0000\U0010ffff\u0378",
    "<s></s><unk><pad><|endoftext|><|im_start|>user\nhi<|im_end|>\n",
    "<bos><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n",
    "<|im_start|> <|im_end|>  x<|im_end|>  \n y",
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nYou are<|eot_id|>",
    "<|user|>\n  Hi there <|end|>\n\n<|assistant|>",
    "<|im_start|<|im_start|>|> <|im_end",
    "<repo_name>x<file_sep>y<reponame> <unused0><unused1>",
    "<0x0A><0x41> [EMPTY_3] ▁▁ ▁a a▁b Ġ Ċ",
    "></ > </ >  </b> ></a",
    "http://www.example.com/path?x=1&y=%20#frag, mail@example.org",
    "$100.00 €50 £3 ¥7 ₿1 +5% -3 ±2 ×4 ÷2 ≠ ≤ ∞ √",
    "----====____....,,,,!!!!????////\\\\\\\\||||",
    "``` ```python\nprint('hi')\n``` ~~~",
    "A\u030a\u0327 \u0e01\u0e34\u0e48 \u0915\u094d\u0937",
    "？！。，「」『』（）［］",
    "end with space \n ",
    "...\r\n\r\n\r... \r \n\r",
]


def random_texts(n):
    rng = random.Random(20261122)
    pieces = list("  \n\r\t'\"<>/|▁aAbBzZéÉßſ0129²Ⅷ٣,.;:!?-_=+$~`。、一語ひカ한Жπअि\u0301\u00a0\u3000\u200d👩🚀€\u0378\u0000")
    pieces += ["   ", "\n\n", "the", " The", "ing", "'ll", "<s>", "</s>", "<|im_end|>", "<|end|>", "<eos>", "<b>", "123", "//"]
    return ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 24))) for _ in range(n)]


CONVERSATIONS = {
    "user": [("user", "Hello there")],
    "system": [("system", "You are terse.\nVery."), ("user", "  Hi  ")],
    "turns": [("user", "Hi"), ("assistant", "Hello!\n"), ("user", "What is 2+2?\n\n```py\n1 < 2\n```"), ("assistant", "4 é 語 🦀")],
    "system turns": [("system", "Be kind & \"brief\""), ("user", "A"), ("assistant", "B"), ("user", "C"), ("assistant", "D"), ("user", "E")],
    "empty": [("user", "")],
}

# Templates by their file in llama.cpp's models/templates, beside those inside the models of the test cache.
TEMPLATES = [
    "google-gemma-2-2b-it.jinja",
    "meta-llama-Llama-3.1-8B-Instruct.jinja",
    "Qwen-Qwen2.5-7B-Instruct.jinja",
    "Qwen-Qwen3-0.6B.jinja",
    "microsoft-Phi-3.5-mini-instruct.jinja",
    "mistralai-Mistral-Nemo-Instruct-2407.jinja",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja",
    "Qwen3-Coder.jinja",
    "LFM2.5-8B-A1B.jinja",
]


def build_peer(llama, directory):
    peer = os.path.join(directory, "peer")
    include = [f"-I{llama}/{path}" for path in ["include", "ggml/include", "common", "vendor"]]
    libraries = [f"-L{llama}/build/bin", f"-Wl,-rpath,{llama}/build/bin", "-lllama-common", "-lllama", "-lggml", "-lggml-base"]
    subprocess.run(["g++", "-std=c++17", *include, str(HERE / "peer.cpp"), "-o", peer, *libraries], check=True)
    return peer


def cache():
    for name, suffix in [("CUTAWAY_CACHE", ""), ("XDG_CACHE_HOME", "cutaway"), ("HOME", ".cache/cutaway")]:
        if os.environ.get(name):
            return pathlib.Path(os.environ[name]) / suffix
    sys.exit("no cache directory")


def tokens(peer, vocab, texts, add_special, parse_special):
    texts = [text.replace("\0", "\u0001") for text in texts]  # the pipe separates by NUL
    stdin = "".join(text + "\0" for text in texts).encode()
    out = subprocess.run([peer, "tokens", vocab, str(int(add_special)), str(int(parse_special))], input=stdin, capture_output=True, check=True)
    lines = out.stdout.decode().split("\n")
    ids = [[int(id) for id in line.split()] for line in lines[0 : 2 * len(texts) : 2]]
    back = [bytes.fromhex(line).decode("utf-8", "replace") for line in lines[1 : 2 * len(texts) : 2]]
    return {"add_special": add_special, "parse_special": parse_special, "ids": ids, "detokenized": back}


def write(name, content):
    content = {"made_by": COMMAND, "reference": COMMIT, **content}
    rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items())
    (HERE / f"{name}.json").write_text("{\n" + rows + "\n}\n", encoding="utf-8")


def metadata(path):
    import gguf

    reader = gguf.GGUFReader(path)
    value = lambda key: reader.fields[key].contents() if key in reader.fields else None
    vocabulary = value("tokenizer.ggml.tokens")
    text = lambda key: vocabulary[value(key)]
    return value("tokenizer.chat_template"), text("tokenizer.ggml.bos_token_id"), text("tokenizer.ggml.eos_token_id")


def chats(peer, template, bos, eos):
    cases = []
    for name, messages in CONVERSATIONS.items():
        for add_generation_prompt in [False, True]:
            parts = [template, *[part for message in messages for part in message]]
            stdin = "".join(part + "\0" for part in parts).encode()
            out = subprocess.run([peer, "chat", bos, eos, str(int(add_generation_prompt))], input=stdin, capture_output=True)
            case = {"name": name, "messages": messages, "add_generation_prompt": add_generation_prompt}
            key = "error" if out.returncode else "prompt"
            cases.append({**case, key: out.stdout.decode()})
    return {"template": template, "bos": bos, "eos": eos, "cases": cases}


def main():
    llama = pathlib.Path(sys.argv[1]).resolve()
    texts = [text.replace("\0", "\u0001") for text in TEXTS + random_texts(60)]
    with tempfile.TemporaryDirectory() as directory:
        peer = build_peer(llama, directory)
        write("texts", {"texts": texts})
        for name, file in SUBJECTS.items():
            vocab = str(cache() / file)
            cases = [tokens(peer, vocab, texts, add, parse) for add, parse in [(False, False), (True, True)]]
            ends = subprocess.run([peer, "ends", vocab], capture_output=True, check=True).stdout.split()
            write(name, {"file": file, "ends": [int(id) for id in ends], **{f"case {i}": case for i, case in enumerate(cases)}})
        subjects = {}
        for name in ["smollm2", "phi-3"]:
            subjects[name] = chats(peer, *metadata(cache() / SUBJECTS[name]))
        for file in TEMPLATES:
            template = (llama / "models/templates" / file).read_text(encoding="utf-8")
            subjects[file] = chats(peer, template, "<BOS>", "<EOS>")
        write("chat", subjects)


if __name__ == "__main__":
    main()
