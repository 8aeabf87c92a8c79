"""docmill convert on the command line: inputs, names, formats, reports, exit codes."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import docs
from cli import Cli, Skip, outputs, tree

cli = Cli("cli_convert")
PAGE = ["Some words on a page of a document that", "is made for tests and says nothing at all."]


def page(n):
    """Lines that no other page has: what all pages have in one place is taken for a running head."""
    words = ("river stone cloud amber forest engine paper window garden silver copper valley".split())
    pick = [words[(n * k + k * k) % len(words)] for k in range(2, 12)]
    return ["Page %d." % n, "A sentence about the %s and the %s, the" % (pick[0], pick[1]),
            "%s of the %s and all that a %s" % (pick[2], pick[3], pick[4]),
            "has to say of one more %s, number %d." % (pick[5], n * 7)][:3 + n % 2]


GOOD = docs.text_pdf([page(n) for n in (1, 2, 3)])


def test_wrong_lines(folder):
    """Wrong command lines: exit code, and a word that must be in the one line that is said."""
    docs.write(folder, "a.pdf", GOOD)
    table = [
        (["convert"], 64, "inputs"),
        (["convert", "a.pdf"], 64, "-o"),
        (["convrt", "a.pdf"], 64, "is it convert?"),
        (["--to", "md", "convert"], 64, "follow the command"),
        (["convert", "a.pdf", "-o", "out", "--too", "md"], 64, "is it --to?"),
        (["convert", "a.pdf", "-o", "out", "--page-timeout", "3"], 64, "--page-timeout-s?"),
        (["convert", "a.pdf", "-o", "out", "--to", "markdown"], 64, "is it md?"),
        (["convert", "a.pdf", "-o", "out", "--to", "epub"], 64, "md, html, docx, json"),
        (["convert", "a.pdf", "-o", "out", "--engine", "ocr"], 64, "auto|text|tesseract"),
        (["convert", "a.pdf", "-o", "out", "--jobs", "many"], 64, "number"),
        (["convert", "a.pdf", "-o", "out", "--jobs", "-1"], 64, "number"),
        (["convert", "a.pdf", "-o", "out", "--dpi"], 64, "needs a value"),
        (["convert", "a.pdf", "-o", "out", "--force=yes"], 64, "takes no value"),
        (["convert", "a.pdf", "-o", "out", "-x"], 64, "-x"),
        (["convert", "a.pdf", "-o", "out", "--pages", "1-5,x"], 64, '"x"'),
        (["convert", "a.pdf", "-o", "out", "--pages", "5-1"], 64, '"5-1"'),
        (["convert", "a.pdf", "-o", "a.md", "--to", "html"], 64, "agree"),
        (["convert", "a.pdf", "-o", "-", "--to", "md,html"], 64, "one format"),
        (["convert", "a.pdf", "-o", "-", "--json"], 64, "--report"),
        (["convert", "a.pdf", "b.pdf", "-o", "-"], 64, "one file"),
        (["convert", "missing.pdf", "-o", "out"], 66, "missing.pdf"),
        (["convert", "a.pdf", "-o", "out", "--password-file", "nowhere"], 66, "nowhere"),
        (["convert", "a.pdf", "-o", "a.pdf/out"], 73, "a.pdf/out"),
        (["inspect"], 64, "one file"),
        (["inspect", "a.pdf"], 64, "-o"),
        (["inspect", "missing.pdf", "-o", "x.png"], 66, "missing.pdf"),
        (["inspect", "a.pdf", "--page", "9", "-o", "x.png"], 11, "no page 9"),
        (["export", "missing.json", "-o", "out"], 66, "missing.json"),
        (["completion", "tcsh"], 64, "bash, zsh or fish"),
        (["help", "convret"], 64, "is it convert?"),
    ]
    for arguments, code, word in table:
        result = cli.run(*arguments, cwd=folder)
        cli.check(result.returncode == code, arguments, "ends with", result.returncode)
        cli.check(word in result.errors, arguments, "says", repr(result.errors))
    cli.check(outputs(folder).keys() == {b"a.pdf"}, "something was written", outputs(folder).keys())


def test_all_formats(folder):
    docs.write(folder, "in/a.pdf", GOOD)
    result = cli.run("convert", "in", "-o", "out", "--to", "md,html,docx,json", cwd=folder)
    cli.check(result.returncode == 0, result.errors)
    got = outputs(folder + "/out")
    cli.check(sorted(got) == [b"in/a.pdf.docx", b"in/a.pdf.html", b"in/a.pdf.json", b"in/a.pdf.md"],
              sorted(got))
    cli.check(b"Page 2." in got[b"in/a.pdf.md"], got[b"in/a.pdf.md"])
    document = json.loads(got[b"in/a.pdf.json"])
    cli.check(len(document.get("pages", [])) == 3, list(document))
    exported = cli.run("export", "out/in/a.pdf.json", "--to", "md,html,docx", "-o", "again",
                       cwd=folder)
    cli.check(exported.returncode == 0, exported.errors)
    for name, data in outputs(folder + "/again").items():
        cli.check(got[b"in/" + name] == data, name, "differs when exported from JSON")


def test_skip_and_force(folder):
    docs.write(folder, "a.pdf", GOOD)
    first = cli.run("convert", "a.pdf", "-o", "out", "--json", cwd=folder)
    before = os.stat(folder + "/out/a.pdf.md").st_mtime_ns
    second = cli.run("convert", "a.pdf", "-o", "out", "--json", cwd=folder)
    cli.check(json.loads(first.text)["summary"]["ok"] == 1, first.text)
    cli.check(json.loads(second.text)["summary"]["skipped"] == 1, second.text)
    cli.check(os.stat(folder + "/out/a.pdf.md").st_mtime_ns == before, "written again")
    for arguments in (["--force"], ["--page-breaks"], ["--to", "md,json"]):
        again = cli.run("convert", "a.pdf", "-o", "out", "--json", *arguments, cwd=folder)
        cli.check(json.loads(again.text)["summary"]["ok"] == 1, arguments, again.text)
    docs.write(folder, "a.pdf", docs.text_pdf([["Other words altogether on this page."]]))
    changed = cli.run("convert", "a.pdf", "-o", "out", "--to", "md,json", "--json", cwd=folder)
    cli.check(json.loads(changed.text)["summary"]["ok"] == 1, changed.text)
    os.unlink(folder + "/out/a.pdf.md")
    lost = cli.run("convert", "a.pdf", "-o", "out", "--to", "md,json", "--json", cwd=folder)
    cli.check(json.loads(lost.text)["summary"]["ok"] == 1, "an output that is gone is made again")


def test_one_file(folder):
    docs.write(folder, "a.pdf", GOOD)
    for name, start in (("a.md", b"Page 1."), ("x/y/b.html", b"<!DOCTYPE html>"), ("c.json", b"{")):
        result = cli.run("convert", "a.pdf", "-o", name, cwd=folder)
        cli.check(result.returncode == 0, result.errors)
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        cli.check(start.lower() in data[:200].lower(), name, data[:200])
    result = cli.run("convert", "a.pdf", "-o", "-", cwd=folder)
    cli.check(result.returncode == 0 and "Page 3." in result.text, result.text)
    cli.check(not os.path.exists(folder + "/.docmill"), "one file leaves no notes")
    os.mkdir(folder + "/folder.md")
    cli.run("convert", "a.pdf", "-o", "folder.md", cwd=folder)
    cli.check(os.path.exists(folder + "/folder.md/a.pdf.md"), "a folder stays a folder")


def test_pages(folder):
    docs.write(folder, "a.pdf", docs.text_pdf([["Page number %d of ten."  % n] + page(n) for n in range(1, 11)]))
    result = cli.run("convert", "a.pdf", "-o", "-", "--pages", "1-2,5,-1", cwd=folder)
    seen = [n for n in range(1, 11) if "number %d of" % n in result.text]
    cli.check(seen == [1, 2, 5, 10], seen)
    result = cli.run("convert", "a.pdf", "-o", "-", "--pages", "11", cwd=folder)
    cli.check(result.returncode == 11 and "there are 10" in result.errors, result.errors)


def test_nasty_names(folder):
    """Bytes in names: outputs are found, apart from each other, and nothing harmful is printed."""
    names = [b"a b.pdf", b"new\nline.pdf", b"esc\x1b[31mred.pdf", b"latin\xe9.pdf", b"50%.pdf",
             b"%41.pdf", b"-dash.pdf", "r\u202efdp.exe.pdf".encode(), b"q'uote\".pdf",
             "\u6587\u66f8.pdf".encode(), b"x" * 251 + b".pdf", b"dir.md/in.pdf", b"dir.md.pdf"]
    for name in names:
        docs.write(folder, b"in/" + name, docs.text_pdf([["Some words of a page."] + PAGE]))
    docs.write(folder, b"in/bad\x1b]0;title\x07.pdf", b"%PDF-1.4 nothing more")
    result = cli.run("convert", "in", "-o", "out", "--json", cwd=folder)
    cli.check(result.returncode == 11, result.errors)
    got = outputs(folder + "/out")
    cli.check(len(got) == len(names), len(got), "outputs of", len(names), sorted(got))
    for name in got:
        cli.check(b"\n" not in name and b"\x1b" not in name, name)
        name.decode("utf-8")
    cli.check(b"in/new%0Aline.pdf.md" in got and b"in/dir.md%/in.pdf.md" in got, sorted(got))
    cli.check("\x1b" not in result.errors and "\u202e" not in result.errors, repr(result.errors))
    report = json.loads(result.text)
    hexes = [d["input_hex"] for d in report["documents"] if "input_hex" in d]
    cli.check(hexes == [b"in/latin\xe9.pdf".hex()], hexes)


def test_names_clash(folder):
    docs.write(folder, "a.pdf", GOOD)
    result = cli.run("convert", "a.pdf", "./a.pdf", folder + "/a.pdf", "-o", "out", "--json",
                     cwd=folder)
    report = json.loads(result.text)
    states = [(d["state"], d["class"]) for d in report["documents"]]
    cli.check(sorted(states) == [("failed", "name-taken"), ("ok", "none"), ("ok", "none")], states)
    cli.check(result.returncode == 11, result.returncode)


def test_tree(folder):
    """Links, pipes, foreign files, outputs beside inputs: each in one state, nothing waited for."""
    for name in ("in/b/2.pdf", "in/a/1.pdf", "in/c.pdf"):
        docs.write(folder, name, GOOD)
    docs.write(folder, "in/readme.txt", b"no document")
    docs.write(folder, "in/empty.pdf", b"")
    docs.write(folder, "in/empty", b"")
    os.symlink(".", folder + "/in/loop")
    os.symlink("nowhere", folder + "/in/dangling")
    os.symlink("c.pdf", folder + "/in/link.pdf")
    os.mkfifo(folder + "/in/pipe")
    result = cli.run("convert", "in", "-o", ".", "--json", cwd=folder, timeout=60)
    states = {d["input"]: d["state"] for d in json.loads(result.text)["documents"]}
    cli.check(states == {"in/a/1.pdf": "ok", "in/b/2.pdf": "ok", "in/c.pdf": "ok",
                         "in/link.pdf": "ok", "in/readme.txt": "skipped", "in/empty": "skipped",
                         "in/empty.pdf": "failed", "in/loop": "skipped", "in/dangling": "skipped",
                         "in/pipe": "skipped"}, states)
    again = cli.run("convert", "in", "-o", ".", "--json", cwd=folder, timeout=60)
    names = {d["input"] for d in json.loads(again.text)["documents"]}
    cli.check(names == set(states), "outputs beside their inputs became inputs", names)
    same = cli.run("convert", "in", "-o", "in", cwd=folder)
    cli.check(same.returncode == 64 and "both input and output" in same.errors, same.errors)


def test_names_do_not_depend(folder):
    """A folder that has grown gives its old files the same outputs."""
    docs.write(folder, "in/a.pdf", GOOD)
    cli.run("convert", "in", "-o", "out", cwd=folder)
    before = outputs(folder + "/out")
    docs.write(folder, "in/a.tif", b"no picture")
    docs.write(folder, "in/a/a.pdf", GOOD)
    cli.run("convert", "in", "-o", "out", cwd=folder)
    after = outputs(folder + "/out")
    cli.check(all(after.get(n) == d for n, d in before.items()), sorted(after))


def test_list(folder):
    names = [b"one.pdf", b"two words.pdf", b"three.pdf"]
    for name in names:
        docs.write(folder, name, GOOD)
    for separator in (b"\n", b"\0", b"\r\n"):
        for end in (b"", separator):
            result = cli.run("convert", "-", "-o", "out", "--force", "--json", cwd=folder,
                             stdin=separator.join(names) + end)
            got = sorted(d["input"] for d in json.loads(result.text)["documents"])
            cli.check(got == ["one.pdf", "three.pdf", "two words.pdf"], separator, got)
    result = cli.run("convert", "-", "-o", "out", "--json", cwd=folder, stdin=b"")
    cli.check(result.returncode == 0 and json.loads(result.text)["summary"]["documents"] == 0,
              result.errors)


def test_dry_run(folder):
    docs.write(folder, "a.pdf", GOOD)
    result = cli.run("convert", "a.pdf", "--dry-run", cwd=folder)
    cli.check(result.returncode == 0 and "text       3 pages" in result.text, result.text)
    result = cli.run("convert", "a.pdf", "--dry-run", "--json", cwd=folder)
    cli.check(json.loads(result.text)["summary"]["pages_text"] == 3, result.text)
    cli.check(tree(folder).keys() == {b"a.pdf"}, tree(folder).keys())


def test_same_bytes(folder):
    """Outputs do not depend on workers, order, locale or time zone."""
    for n in range(6):
        docs.write(folder, "in/%d.pdf" % n, docs.text_pdf([["Page %d of %d." % (p, n)] + page(n + p)
                                                           for p in range(1, 40)]))
    first = None
    for jobs, env in (("1", {}), ("2", {"TZ": "Asia/Tokyo"}), ("4", {"LC_ALL": "de_DE.UTF-8"})):
        out = folder + "/out" + jobs
        result = cli.run("convert", "in", "-o", out, "--to", "md,html,docx,json", "--jobs", jobs,
                         cwd=folder, env=env)
        cli.check(result.returncode == 0, result.errors)
        first = first or outputs(out)
        cli.check(outputs(out) == first, "outputs differ with", jobs, env)


def test_quiet(folder):
    docs.write(folder, "a.pdf", GOOD)
    docs.write(folder, "b.pdf", b"%PDF-1.4 broken")
    result = cli.run("convert", "a.pdf", "-o", "out", "-q", cwd=folder)
    cli.check(result.errors == "" and result.text == "", result.errors)
    result = cli.run("convert", "b.pdf", "-o", "out", "-q", cwd=folder)
    cli.check(result.returncode == 11 and "b.pdf" in result.errors, result.errors)
    result = cli.run("convert", "a.pdf", "b.pdf", "-o", "out", "--tolerate", "50", cwd=folder)
    cli.check(result.returncode == 0, result.returncode)
    result = cli.run("convert", "a.pdf", "b.pdf", "-o", "out", "--tolerate", "40", cwd=folder)
    cli.check(result.returncode == 11, result.returncode)
    result = cli.run("convert", "a.pdf", "-o", "out", "--force", "--report", "r.json", cwd=folder,
                     env={"DOCMILL_TO": "html"})
    with open(folder + "/r.json", encoding="utf-8") as file:
        report = json.load(file)
    cli.check(report["documents"][0]["outputs"][0]["name"] == "a.pdf.html", report)
    result = cli.run("convert", "a.pdf", "-o", "out", cwd=folder, env={"DOCMILL_JOBS": "x"})
    cli.check(result.returncode == 64 and "DOCMILL_JOBS" in result.errors, result.errors)


def test_help(folder):
    """Help, completions and the man page know the same options."""
    text = cli.run("help", "convert").text + cli.run("help", "inspect").text
    text += cli.run("help", "export").text
    options = {w.strip(",") for line in text.splitlines() for w in line.split()[:2]
               if w.startswith("--") and line.startswith(("  -", "      --"))}
    cli.check(len(options) > 25, options)
    man = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "docmill.1.scd")
    with open(man, encoding="utf-8") as file:
        page = file.read()
    for option in options:
        cli.check("*%s*" % option in page, option, "is not in the man page")
    for line in page.splitlines():
        if line.startswith("*-") and "--" in line:
            name = line[line.index("--"):].split("*")[0]
            cli.check(name in options, name, "is in the man page only")
    for shell in ("bash", "zsh", "fish"):
        script = cli.run("completion", shell).text
        for option in options:
            word = option[2:] if shell == "fish" else option
            cli.check(word in script, option, "is not in completions for", shell)
    result = subprocess.run(["bash", "-n"], input=cli.run("completion", "bash").stdout,
                            capture_output=True)
    cli.check(result.returncode == 0, result.stderr)
    cli.check("poppler" in cli.run("--version").text, "versions")
    cli.check(cli.run("--help").returncode == 0 and cli.run().returncode == 64, "help")


def test_inspect(folder):
    docs.write(folder, "a.pdf", GOOD)
    result = cli.run("inspect", "a.pdf", "--page", "2", "-o", "p.png", cwd=folder)
    cli.check(result.returncode == 0, result.errors)
    with open(folder + "/p.png", "rb") as file:
        cli.check(file.read(8) == b"\x89PNG\r\n\x1a\n", "no PNG")
    result = cli.run("inspect", "a.pdf", "--page", "-1", "--dpi", "50", "-o", "-", cwd=folder)
    cli.check(result.stdout[:4] == b"\x89PNG", result.errors)


sys.exit(cli.main([test_wrong_lines, test_all_formats, test_skip_and_force, test_one_file,
                   test_pages, test_nasty_names, test_names_clash, test_tree,
                   test_names_do_not_depend, test_list, test_dry_run, test_same_bytes, test_quiet,
                   test_help, test_inspect]))
