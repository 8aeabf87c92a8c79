"""tests/cli_samples.py BUILD [--golden] - converts samples/ and looks at everything that comes out.

    Markdown    as in tests/golden/: to the byte where the text layer was read, nearly where OCR was
                (Tesseract's sums differ a little from processor to processor)
    all formats the same bytes again with another number of workers, time zone and locale, and from
                the JSON form by `docmill export`; each passes its validator
    report      every file in one state, the broken one named with its reason

--golden rewrites the golden files from what the program writes now; look at the difference in git.
"""
import difflib
import filecmp
import json
import os
import subprocess
import sys
import tempfile

import validate

NAME = "cli_samples"
ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
GOLDEN = os.path.join(ROOT, "tests", "golden")
TYPES = ["md", "html", "docx", "json"]
TEXT = ["arabic.pdf", "contract.pdf", "encrypted.pdf", "paper.pdf", "report.pdf", "slides.pdf"]
# The language is given: without, it depends on which packs are installed.
OCR = {"chinese.png": "chi_sim", "fax.tif": "eng", "mixed.pdf": "eng", "photo.jpg": "eng", "skewed-scan.jpg": "eng"}
BROKEN = ["broken.pdf"]
OCR_LIKENESS = 0.985
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("failed:", what)


def judge(what, verdict, n):
    """A verdict of validate.py: one check a file."""
    if isinstance(verdict, str):
        counts["skipped"] += 1
        print("skipped: samples:", verdict)
        return
    counts["passed"] += n - len(verdict)
    for path, wrong in sorted(verdict.items()):
        check(False, "%s: %s: %s" % (what, path, wrong))


def convert(program, names, out, *options, **env):
    command = [program, "convert"] + ["samples/" + n for n in names] + ["-o", out, "--to", ",".join(TYPES), "-q"]
    return subprocess.run(command + ["--password", "orchard"] + list(options), cwd=ROOT, capture_output=True, text=True,
                          env=dict(os.environ, **env))


def convert_all(program, out, *options, **env):
    """Converts all samples; returns the reports' documents by name."""
    documents = {}
    runs = [(TEXT + BROKEN, [])]
    runs += [([n for n in OCR if OCR[n] == lang], ["--lang", lang]) for lang in sorted(set(OCR.values()))]
    for names, more in runs:
        run = convert(program, names, out, "--json", *more, *options, **env)
        try:
            report = json.loads(run.stdout)
        except ValueError:
            print("failed: no report:", run.stdout[:500], run.stderr[:500])
            counts["failed"] += 1
            continue
        for d in report["documents"]:
            documents[os.path.basename(d["input"])] = d
        want = 11 if BROKEN[0] in names else 0
        check(run.returncode == want, "exit code %d, want %d: %s" % (run.returncode, want, run.stderr[:500]))
    return documents


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def diff(want, got, name):
    lines = difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "now", lineterm="", n=1)
    return "%s.md:\n%s" % (name, "\n".join(list(lines)[:40]))


def check_golden(out):
    for name in TEXT + sorted(OCR):
        golden = os.path.join(GOLDEN, name + ".md")
        path = os.path.join(out, "samples", name + ".md")
        if not os.path.exists(path) or not os.path.exists(golden):
            check(False, "%s: no output, or no golden file" % name)
            continue
        want, got = read(golden), read(path)
        if name in OCR:
            likeness = difflib.SequenceMatcher(None, want, got, autojunk=False).ratio()
            check(likeness >= OCR_LIKENESS, "%.3f alike: %s" % (likeness, diff(want, got, name)))
        else:
            check(want == got, diff(want, got, name))


def rewrite(out):
    os.makedirs(GOLDEN, exist_ok=True)
    for name in TEXT + sorted(OCR):
        text = read(os.path.join(out, "samples", name + ".md"))
        with open(os.path.join(GOLDEN, name + ".md"), "w", encoding="utf-8") as f:
            f.write(text)


def outputs(out):
    names = [os.path.relpath(os.path.join(folder, n), out) for folder, _, names in os.walk(out) for n in names]
    return sorted(n for n in names if not n.startswith(".docmill"))


def check_same(a, b, what):
    names = outputs(a)
    check(names == outputs(b), "%s: the same files: %s" % (what, set(names) ^ set(outputs(b))))
    _, differ, missing = filecmp.cmpfiles(a, b, names, shallow=False)
    check(not differ and not missing, "%s: the same bytes: %s" % (what, differ + missing))


def check_export(program, out, folder):
    for name in ("report.pdf", "paper.pdf", "skewed-scan.jpg"):
        for kind in ("md", "html", "docx"):
            source = os.path.join(out, "samples", name)
            run = subprocess.run([program, "export", source + ".json", "--to", kind, "-o", folder],
                                 capture_output=True, text=True)
            target = os.path.join(folder, name + "." + kind)
            same = run.returncode == 0 and filecmp.cmp(target, source + "." + kind, shallow=False)
            check(same, "export %s to %s: %s" % (name, kind, run.stderr[:300] or "other bytes than convert wrote"))


def check_states(documents):
    for name in TEXT + sorted(OCR):
        check(documents.get(name, {}).get("state") == "ok", "%s: %s" % (name, documents.get(name)))
    broken = documents.get(BROKEN[0], {})
    check(broken.get("state") == "failed" and broken.get("class") == "corrupt" and broken.get("message"),
          "broken.pdf fails with its reason: %s" % broken)
    check(documents.get("mixed.pdf", {}).get("pages_text") == 1, "mixed.pdf: one page by its text layer")


def check_password(program, folder):
    for given, ok in ((None, False), ("wrong", False), ("orchard", True), ("keeper", True)):
        command = [program, "convert", "samples/encrypted.pdf", "-o", os.path.join(folder, str(given)), "-q", "--json"]
        run = subprocess.run(command + (["--password", given] if given else []), cwd=ROOT, capture_output=True, text=True)
        document = json.loads(run.stdout)["documents"][0]
        want = ("ok", "none") if ok else ("failed", "encrypted")
        check((document["state"], document["class"]) == want, "password %s: %s" % (given, document))


def main():
    program = os.path.abspath(os.path.join(sys.argv[1], "docmill"))
    with tempfile.TemporaryDirectory() as folder:
        first, second = os.path.join(folder, "first"), os.path.join(folder, "second")
        documents = convert_all(program, first, "--jobs", "2", TZ="UTC", LC_ALL="C.UTF-8")
        if "--golden" in sys.argv:
            rewrite(first)
            return
        check_states(documents)
        check_golden(first)
        convert_all(program, second, "--jobs", "1", TZ="Asia/Tokyo", LC_ALL="de_DE.UTF-8")
        check_same(first, second, "one worker, other time zone and locale")
        os.mkdir(os.path.join(folder, "export"))
        check_export(program, first, os.path.join(folder, "export"))
        check_password(program, folder)
        files = {t: [os.path.join(first, n) for n in outputs(first) if n.endswith("." + t)] for t in TYPES}
        judge("JSON Schema", validate.json_schema(files["json"]), len(files["json"]))
        judge("HTML", validate.html(files["html"]), len(files["html"]))
        judge("OOXML", validate.docx_schema(files["docx"]), len(files["docx"]))
        judge("DOCX", validate.docx_opens(files["docx"]), len(files["docx"]))


main()
print("%s: %d passed, %d failed, %d skipped" % (NAME, counts["passed"], counts["failed"], counts["skipped"]))
sys.exit(counts["failed"] != 0)
