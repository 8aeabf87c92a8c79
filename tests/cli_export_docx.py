"""tests/cli_export_docx.py BUILD - the DOCX is valid, inert, the same every time, and opens.

Looks at the package (order and names of parts, what relations point out of it), validates every part
against the OOXML schemas where they are, and opens the file in python-docx
and LibreOffice where these are installed.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
import zipfile

NAME = "cli_export_docx"
HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMAS = os.path.join(HERE, "..", "..", "shared", "schemas", "ooxml")
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PARTS = ["[Content_Types].xml", "_rels/.rels", "docProps/core.xml", "docProps/app.xml",
         "word/document.xml", "word/_rels/document.xml.rels", "word/styles.xml", "word/numbering.xml",
         "word/settings.xml", "word/footnotes.xml", "word/_rels/footnotes.xml.rels",
         "word/media/image1.png", "word/media/image2.png"]
NASTY = ["{ INCLUDEPICTURE \"http://a.b/c.png\" }", "{ DDEAUTO c:\\\\windows\\\\cmd.exe \"/k calc\" }",
         "<w:p/></w:t>]]>", "&amp; &#x1; \x01\x02\x0b\ufffe \u2028 \U0001f600", "\u05d0\u05d1\u05d2 abc (1)",
         "a\tb", "<?mso-application progid=\"Word.Document\"?>"]
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("failed:", what)


def skip(what):
    counts["skipped"] += 1
    print("skipped:", what)


def write(tool, folder, command, **env):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([tool] + command + [folder], check=True, env=dict(os.environ, **env))
    return os.path.join(folder, "sample.docx")


def schema_of(part):
    if part.endswith(".rels"):
        return "opc-xsd/opc-relationships.xsd"
    if part == "[Content_Types].xml":
        return "opc-xsd/opc-contentTypes.xsd"
    if part == "docProps/app.xml":
        return "shared-documentPropertiesExtended.xsd"
    return "wml.xsd" if part.startswith("word/") else None  # core.xml's schema imports from the net


def check_package(path, want_parts):
    with zipfile.ZipFile(path) as z:
        names = [i.filename for i in z.infolist()]
        parts = {name: z.read(name) for name in names}
        check(all(i.date_time == (1980, 1, 1, 0, 0, 0) for i in z.infolist()), "dates of entries")
    if want_parts:
        check(names == want_parts, "parts: %s" % names)
    for name, data in parts.items():
        if not name.endswith(".rels"):
            continue
        for r in ET.fromstring(data):
            target, outside = r.get("Target"), r.get("TargetMode") == "External"
            good = re.match(r"(https?://|mailto:)", target) if outside else (
                not re.search(r"\.\.|:|^/", target))
            check(good, "%s: relation to %r" % (name, target))
            check(not outside or r.get("Type").endswith("/hyperlink"), "%s: external %s" % (name, r.get("Type")))
    document = ET.fromstring(parts["word/document.xml"])
    for tag in ("instrText", "fldSimple", "fldChar", "object", "altChunk", "subDoc", "control"):
        check(document.find(".//" + W + tag) is None, "no w:%s" % tag)
    return parts, document


def check_schemas(parts, folder):
    if not os.path.isdir(SCHEMAS) or not shutil.which("xmllint"):
        skip("OOXML schemas: they, or xmllint (libxml2-utils), are not here")
        return
    for name, data in parts.items():
        schema = schema_of(name)
        if not schema or name.endswith(".png"):
            continue
        path = os.path.join(folder, "part.xml")
        with open(path, "wb") as f:
            f.write(data)
        run = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", os.path.join(SCHEMAS, schema), path],
                             capture_output=True, text=True)
        check(run.returncode == 0, "%s: %s" % (name, run.stderr[:400]))


def text_of(element):
    return "".join(t.text or "" if t.tag == W + "t" else "\t" for t in element.iter()
                   if t.tag in (W + "t", W + "tab"))


def check_sample(document, parts):
    references = document.findall(".//" + W + "footnoteReference")
    notes = ET.fromstring(parts["word/footnotes.xml"]).findall(W + "footnote")
    check([r.get(W + "id") for r in references] == ["1"], "one footnote is bound to its mark")
    check("The note itself." in text_of(notes[-1]), "its text is in the footnote")
    check("A note no mark points to." in text_of(document), "an unbound note stays in the text")
    bookmarks = {b.get(W + "name") for b in document.iter(W + "bookmarkStart")}
    anchors = {h.get(W + "anchor") for h in document.iter(W + "hyperlink")} - {None}
    check(anchors == {"page_3"} and anchors <= bookmarks, "links to pages: %s" % anchors)
    check(len(bookmarks) == 4, "a bookmark for every page")
    spans = [int(g.get(W + "val")) for g in document.iter(W + "gridSpan")]
    check(spans == [2], "cells over columns: %s" % spans)
    check(len(document.findall(".//" + W + "vMerge")) == 6, "cells over rows")
    ids = [e.get("id") for e in document.iter() if e.tag.endswith("}docPr")]
    check(len(ids) == 2 and len(set(ids)) == 2, "pictures are numbered")


def check_clients(path, folder):
    try:
        import docx
        opened = docx.Document(path)
        check(len(opened.tables) == 3 and opened.core_properties.title == "A sample & its <title>",
              "python-docx opens it")
    except ImportError:
        skip("python-docx: not installed (python3-docx)")
    if not shutil.which("soffice"):
        skip("LibreOffice: soffice is not installed (libreoffice-writer-nogui)")
        return
    profile = "-env:UserInstallation=file://%s/profile" % folder
    subprocess.run(["soffice", profile, "--headless", "--convert-to", "txt:Text (encoded):UTF8", "--outdir",
                    folder, path], capture_output=True, timeout=300)
    try:
        with open(os.path.join(folder, "sample.txt"), encoding="utf-8-sig") as f:
            text = f.read()
    except OSError:
        text = ""
    for words in ("Every kind of block <1> & more #", "10. ten", "(b) letter b", "iv) roman four", "3. a jump",
                  "The end", "and a line"):
        check(words in text.replace("\t", " "), "LibreOffice shows %r" % words)


def main():
    tool = os.path.join(sys.argv[1], "tests", "test_export")
    with tempfile.TemporaryDirectory() as folder:
        path = write(tool, os.path.join(folder, "a"), ["--write"], TZ="UTC")
        again = write(tool, os.path.join(folder, "b"), ["--write"], TZ="Asia/Tokyo", LC_ALL="de_DE.UTF-8")
        with open(path, "rb") as f, open(again, "rb") as g:
            check(f.read() == g.read(), "the same bytes in another time zone")
        parts, document = check_package(path, PARTS)
        check_sample(document, parts)
        check_schemas(parts, folder)
        lines = os.path.join(folder, "lines")
        with open(lines, "w", encoding="utf-8") as f:
            f.write("\n".join(NASTY))
        nasty, document = check_package(write(tool, os.path.join(folder, "n"), ["--lines", lines]), None)
        check_schemas(nasty, folder)
        for line in (NASTY[0], NASTY[1], NASTY[2], NASTY[4], NASTY[6]):
            check(text_of(document).count(line) >= 6, "text survives: %r" % line)
        for seed in range(1, 7):
            path = write(tool, os.path.join(folder, "r%d" % seed), ["--random", str(seed)])
            check_schemas(check_package(path, None)[0], folder)
        check_clients(os.path.join(folder, "a", "sample.docx"), folder)


main()
print("%s: %d passed, %d failed, %d skipped" % (NAME, counts["passed"], counts["failed"], counts["skipped"]))
sys.exit(counts["failed"] != 0)
