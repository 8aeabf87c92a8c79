"""tests/cli_corpus.py BUILD - many documents of strangers in one run, the hostile ones among them.

Needs a corpus beside the checkout (../shared/corpus, or DOCMILL_CORPUS) and skips without one. Takes
every tenth file, or all with DOCMILL_LONG=1 (an hour or so).

    the supervisor ends by itself with an exit code it documents and stays under 100 MB
    every input is in the report once, in one state, with a reason unless it is ok
    every output in the report lies there, nothing else does, and each passes its validator
"""
import collections
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import validate

NAME = "cli_corpus"
HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.environ.get("DOCMILL_CORPUS") or os.path.join(HERE, "..", "..", "shared", "corpus")
TYPES = ["md", "html", "docx", "json"]
NO_INPUTS = {"gt", "peers"}  # folders of ground truth
MAX_SUPERVISOR_MB = 100
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("failed:", what)


def judge(what, verdict, n):
    if isinstance(verdict, str):
        counts["skipped"] += 1
        print("skipped: corpus:", verdict)
        return
    counts["passed"] += n - len(verdict)
    for path, wrong in sorted(verdict.items()):
        check(False, "%s: %s: %s" % (what, path, wrong))


def inputs():
    found = []
    for folder, folders, names in os.walk(CORPUS):
        folders[:] = sorted(f for f in folders if f not in NO_INPUTS)
        found += [os.path.relpath(os.path.join(folder, n), CORPUS) for n in sorted(names)]
    return found if os.environ.get("DOCMILL_LONG") else found[::10]


def watch(pid, peak):
    """The most memory the supervisor itself had resident, in MB."""
    try:
        while True:
            with open("/proc/%d/status" % pid) as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        peak[0] = max(peak[0], int(line.split()[1]) / 1024)
            time.sleep(0.2)
    except OSError:
        pass


def convert(program, names, out):
    command = [program, "convert", "-", "-o", out, "--to", ",".join(TYPES), "--json", "-q"]
    process = subprocess.Popen(command, cwd=CORPUS, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    peak = [0.0]
    threading.Thread(target=watch, args=(process.pid, peak), daemon=True).start()
    report, _ = process.communicate("\0".join(names).encode())
    return process.returncode, peak[0], report


def check_report(names, report, out):
    documents = report["documents"]
    seen = collections.Counter(d["input"] for d in documents)
    check(sorted(seen) == sorted(names), "inputs and documents differ: %s" % sorted(set(seen) ^ set(names))[:5])
    check(max(seen.values()) == 1, "a document is reported twice")
    listed = set()
    for d in documents:
        state, what = d["state"], "%s: %s" % (d["input"], d)
        check(state in ("ok", "degraded", "failed", "skipped"), what)
        check(state in ("ok", "degraded") or d.get("message"), "no reason: " + what)
        check(state != "ok" or d.get("pages", 0) >= 1, "ok without pages: " + what)
        for output in d["outputs"]:
            check(output["name"] not in listed, "written twice: " + output["name"])
            listed.add(output["name"])
    there = {os.path.relpath(os.path.join(folder, n), out) for folder, _, ns in os.walk(out) for n in ns}
    there = {n for n in there if not n.startswith(".docmill")}
    check(there == listed, "files and report differ: %s" % sorted(there ^ listed)[:5])
    states = collections.Counter(d["state"] + ("/" + d["class"] if d["state"] != "ok" else "") for d in documents)
    print("%s: %s" % (NAME, ", ".join("%d %s" % (n, s) for s, n in states.most_common())))
    for d in documents:
        if d["class"] in ("memory", "wall", "cpu", "silence", "crash"):
            print("%s: %s: %s: %s" % (NAME, d["input"], d["class"], d.get("message")))
    crashed = [d["input"] for d in documents if d["class"] == "crash"]
    check(len(crashed) <= len(documents) // 100, "more than one worker in a hundred crashed: %s" % crashed[:10])


def main():
    if not os.path.isdir(CORPUS):
        counts["skipped"] += 1
        print("skipped: corpus: no documents at ../shared/corpus")
        return
    names = inputs()
    with tempfile.TemporaryDirectory() as out:
        code, peak_mb, text = convert(os.path.abspath(os.path.join(sys.argv[1], "docmill")), names, out)
        check(code in (0, 10, 11), "exit code %d" % code)
        if "san" not in sys.argv[1]:  # sanitizers have memory of their own
            check(peak_mb < MAX_SUPERVISOR_MB, "the supervisor had %.0f MB" % peak_mb)
        try:
            report = json.loads(text)
        except ValueError:
            check(False, "the report is no JSON: %r" % text[-300:])
            return
        check_report(names, report, out)
        print("%s: %d files, %.0f s, supervisor %.0f MB" % (NAME, len(names), report["summary"]["wall_s"], peak_mb))
        files = {t: [os.path.join(out, o["name"]) for d in report["documents"] for o in d["outputs"]
                     if o["name"].endswith("." + t)] for t in TYPES}
        judge("JSON Schema", validate.json_schema(files["json"]), len(files["json"]))
        judge("HTML", validate.html(files["html"]), len(files["html"]))
        judge("OOXML", validate.docx_schema(files["docx"]), len(files["docx"]))
        judge("DOCX", validate.docx_opens(files["docx"]), len(files["docx"]))


main()
print("%s: %d passed, %d failed, %d skipped" % (NAME, counts["passed"], counts["failed"], counts["skipped"]))
sys.exit(counts["failed"] != 0)
