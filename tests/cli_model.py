#!/usr/bin/env python3
"""docmill model and docmill ask, as a user meets them: the tiny reader's pictures, speed paths, bad input."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
DOCMILL = os.path.abspath(os.path.join(BUILD, "docmill"))
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
READER = os.path.join(ROOT, "tests", "tiny-reader")
LINES = os.path.join(READER, "lines")
ORACLE = os.path.join(ROOT, "tests", "data", "model", "oracle")
passed = failed = skipped = 0


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("failed:", what)


def skip(name, why):
    global skipped
    skipped += 1
    print(f"skipped: {name}: {why}")


def run(*args, stdin=None, env=None, timeout=600):
    return subprocess.run([DOCMILL, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        new = [i + 1]
        for j, y in enumerate(b):
            new.append(min(row[j] + (x != y), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


def png(path, width, height, colour=255):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + bytes([colour]) * width for _ in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def read(files, *options, env=None):
    r = run("ask", "Read the text.", *files, "--each", "--json", "--max-tokens", 96, "--model", READER, *options, env=env)
    return r, [json.loads(line) for line in r.stdout.splitlines()]


def test_reader():
    with open(os.path.join(LINES, "reference.jsonl"), encoding="utf-8") as f:
        want = [json.loads(line) for line in f]
    with open(os.path.join(LINES, "truth.tsv"), encoding="utf-8") as f:
        truth = {v[0]: v[5] for v in (line.rstrip("\n").split("\t") for line in list(f)[1:])}
    files = [os.path.join(LINES, r["file"]) for r in want]
    for kv, limit in (("f32", 0.002), ("bf16", 0.004), ("fp8", 0.05)):
        r, got = read(files, "--kv", kv)
        check(r.returncode == 0 and len(got) == len(want), f"{kv}: {r.stderr}")
        if len(got) != len(want):
            continue
        off = wrong = length = reference = 0
        for g, w in zip(got, want):
            text = truth[w["file"]]
            wrong, length = wrong + edits(g["text"], text), length + len(text)
            reference += edits(w["text"], text)
            off += w["min_margin"] > 0.02 and g["output_ids"] != w["output_ids"]
        print(f"tiny reader, keys and values in {kv}: character error rate {wrong / length:.4f}, "
              f"reference {reference / length:.4f}, {off} token sequences differ")
        check(kv != "f32" or off == 0, f"{off} token sequences are not the reference's")
        check(abs(wrong - reference) / length <= limit, f"{kv}: {wrong / length:.4f}")
    # The same whatever the company, the threads and the path; plain operations on a few.
    some = files[40:52]
    _, base = read(some, "--kv", "bf16")
    texts = [(g["text"], g["output_ids"]) for g in base]
    for options in (("--batch", 1), ("--batch", 12), ("--threads", 1), ("--threads", 3)):
        _, got = read(some, "--kv", "bf16", *options)
        check([(g["text"], g["output_ids"]) for g in got] == texts, f"the same with {options}")
    _, got = read(some[:4], "--kv", "f32", env={"DOCMILL_CPU": "ref"})
    check([g["output_ids"] for g in got] == [w["output_ids"] for w in want[40:44]], "ops_ref")


def test_ask():
    r = run("ask", "Read the text.", os.path.join(LINES, "000.png"), "--model", READER, "--kv", "f32")
    check(r.returncode == 0 and r.stdout == "other\n", f"streamed: {r.stdout!r} {r.stderr!r}")
    r = run("ask", "Say <|im_end|> now.", "--model", READER, "--max-tokens", 3, "--temperature", 0.9, "--seed", 7)
    again = run("ask", "Say <|im_end|> now.", "--model", READER, "--max-tokens", 3, "--temperature", 0.9, "--seed", 7)
    check(r.returncode == 0 and r.stdout == again.stdout, "a seed means one answer")


def test_trace(tmp):
    for case in ("text", "e2e-clip"):
        out = os.path.join(tmp, "trace.safetensors")
        folder = os.path.join(ORACLE, "moe")
        r = run("model", "trace", folder, "--case", os.path.join(folder, "cases", case + ".json"), "-o", out)
        check(r.returncode == 0 and os.path.getsize(out) > 10000 and "DIFFER" not in r.stdout, f"{case}: {r.stdout}{r.stderr}")


def test_tokenize():
    text = ["Hello <|im_end|>", "a\n\n b", "\u00e9e\u0301\u4e2d"]
    r = run("model", "tokenize", READER, stdin="".join(json.dumps(t) + "\n" for t in text))
    ids = [json.loads(line) for line in r.stdout.splitlines()]
    check(r.returncode == 0 and len(ids) == 3 and 514 in ids[0], f"{r.stdout}{r.stderr}")
    plain = run("model", "tokenize", READER, "--plain", stdin=json.dumps(text[0]) + "\n")
    check(514 not in json.loads(plain.stdout), "with --plain a marker is text")
    back = run("model", "tokenize", READER, "--decode", stdin="".join(json.dumps(i) + "\n" for i in ids))
    check([json.loads(line) for line in back.stdout.splitlines()] == [text[0], text[1], "\u00e9\u00e9\u4e2d"], back.stdout)
    chat = run("model", "tokenize", READER, "--chat", stdin='[{"role": "user", "content": "Hi"}]\n')
    check(json.loads(chat.stdout) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", chat.stdout)
    r = run("model", "tokenize", READER, stdin="\"a\"\nnonsense\n")
    check(r.returncode == 65 and "line 2" in r.stderr, r.stderr)


def test_random(tmp):
    for dtype in ("bf16", "fp8", "f32"):
        folder = os.path.join(tmp, dtype)
        r = run("model", "random", "--config", "tiny", "--dtype", dtype, "-o", folder)
        check(r.returncode == 0, r.stderr)
        r = run("model", "check", folder)
        check(r.returncode == 0 and "in order" in r.stdout, r.stdout + r.stderr)
    r = run("model", "info", READER)
    check(r.returncode == 0 and "parameters 3295232" in r.stdout, r.stdout)


def refused(folder, says, code, *args):
    r = run("model", "check", folder, *args)
    check(r.returncode == code and says in r.stderr + r.stdout and r.stderr.count("\n") <= 1,
          f"{says}: {r.returncode} {r.stdout[-200:]}{r.stderr}")


def test_bad_checkpoints(tmp):
    def fresh(name):
        folder = os.path.join(tmp, name)
        os.mkdir(folder)
        for f in os.listdir(READER):
            if os.path.isfile(os.path.join(READER, f)):
                shutil.copy(os.path.join(READER, f), folder)
        return folder

    refused(os.path.join(tmp, "nothing"), "No such file", 69)
    a = fresh("no-weights")
    os.remove(os.path.join(a, "model.safetensors"))
    refused(a, "model.safetensors", 69)
    with open(os.path.join(a, "model.safetensors.index.json"), "w") as f:
        f.write('{"weight_map": {"x": "model-00001-of-00002.safetensors"}}')
    refused(a, "model-00001-of-00002.safetensors", 69)
    b = fresh("cut")
    with open(os.path.join(b, "model.safetensors"), "r+b") as f:
        f.truncate(3000000)
    refused(b, "leave the file", 65)
    c = fresh("family")
    with open(os.path.join(c, "config.json"), encoding="utf-8") as f:
        config = f.read()
    with open(os.path.join(c, "config.json"), "w", encoding="utf-8") as f:
        f.write(config.replace('"qwen3_vl"', '"qwen2_vl"'))
    refused(c, "qwen2_vl", 65)
    d = fresh("shape")
    with open(os.path.join(d, "config.json"), "w", encoding="utf-8") as f:
        f.write(config.replace('"intermediate_size": 320', '"intermediate_size": 328'))
    refused(d, "mlp.gate_proj.weight has the shape [320, 128], want [328, 128] (and 11 more)", 65)
    e = fresh("nan")
    with open(os.path.join(e, "model.safetensors"), "r+b") as f:
        f.seek(-2, os.SEEK_END)
        f.write(b"\xc0\x7f")
    refused(e, "not finite", 65)
    f = fresh("tokenizer")
    with open(os.path.join(f, "tokenizer.json"), "r+b") as t:
        t.truncate(5000)
    r = run("ask", "x", "--model", f)
    check(r.returncode == 65 and "tokenizer.json" in r.stderr, r.stderr)


def test_bad_pictures(tmp):
    one, strip, text = (os.path.join(tmp, n) for n in ("one.png", "strip.png", "text.png"))
    png(one, 1, 1)
    png(strip, 20000, 1)
    with open(text, "w") as f:
        f.write("no picture")
    r = run("ask", "Read.", one, "--model", READER, "--max-tokens", 4)
    check(r.returncode == 0, f"1 x 1: {r.stderr}")
    r = run("ask", "Read.", strip, "--model", READER, "--max-tokens", 4)
    check(r.returncode == 64 and "over 200 times" in r.stderr, f"20000 x 1: {r.stderr}")
    for bad in (text, os.path.join(tmp, "absent.png")):
        r = run("ask", "Read.", bad, "--model", READER)
        check(r.returncode not in (0, 1) and os.path.basename(bad) in r.stderr and r.stderr.count("\n") == 1, r.stderr)
    r = run("ask", "word " * 6000, "--model", READER)
    check(r.returncode == 64 and "context is 4096" in r.stderr, f"long prompt: {r.stderr}")
    r = run("ask", "Read.", one)
    check(r.returncode == 64, "no model")
    r = run("ask", "Read.", one, "--model", READER, "--device", "abacus")
    check(r.returncode == 64 and "abacus" in r.stderr, r.stderr)


def test_no_spill():
    """The 4 x 3 tile keeps its sums in registers: no vector goes to the stack and back inside its loop."""
    path = os.path.join(BUILD, "model", "ops_avx2.o")
    if BUILD.rstrip("/").endswith(("-san", "-debug")):
        return skip("spills", "not an optimised build")
    if not shutil.which("objdump") or os.uname().machine != "x86_64" or not os.path.exists(path):
        return skip("spills", "no objdump or no AVX2 kernels here")
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True).stdout
    body = code.split("<avx2_tile_4x3>:")[1].split("\n\n")[0]
    check(len(re.findall(r"vfmadd", body)) == 12, "12 multiply-adds")
    check(not re.search(r"[xy]mm.*\((%rsp|%rbp)|\((%rsp|%rbp)\).*[xy]mm", body), "a vector register is spilled")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        test_no_spill()
        test_ask()
        test_tokenize()
        test_trace(tmp)
        test_random(tmp)
        test_bad_checkpoints(tmp)
        test_bad_pictures(tmp)
        test_reader()
    print(f"cli_model: {passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
