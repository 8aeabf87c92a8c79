"""tests/bench.py BUILD [text] [ocr] [size] - speed and memory, as ratios against a peer in the same run.

    text   a whole conversion to Markdown, one worker, against pdftotext on the same 100 pages
    ocr    pages/s with one worker and two, against tesseract with OMP_THREAD_LIMIT=1 on the same pages
    size   10,000 pages: memory of every process of docmill over time; BENCH_PAGES sets another number

Documents are joined from samples/ with qpdf and rendered with pdftoppm; the long one is written here. Times are the best of five
(text) or two (ocr) rounds in turns: other work on the machine only ever adds. Needs qpdf, poppler-utils, tesseract-ocr.
"""
import glob
import os
import random as random_words
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SAMPLES = os.path.join(ROOT, "samples")
BORN_DIGITAL = ["contract.pdf", "paper.pdf", "report.pdf"]  # 7 pages
rows = []


def row(what, value, goal=""):
    rows.append((what, value, goal))
    print("  %-58s %14s  %s" % rows[-1], flush=True)


def timed(command, **options):
    """Wall and processor seconds of the command and all its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def best(times):
    """The least wall and the least processor time of several runs."""
    return [min(column) for column in zip(*times)]


def join(folder, n_pages):
    """A PDF of n_pages from the samples, as they are repeated."""
    path = os.path.join(folder, "joined.pdf")
    names = [os.path.join(SAMPLES, name) for name in BORN_DIGITAL] * (n_pages // 7 + 1)
    subprocess.run(["qpdf", "--empty", "--pages"] + names + ["--", path + ".all"], check=True)
    subprocess.run(["qpdf", path + ".all", "--pages", ".", "1-%d" % n_pages, "--", path], check=True)
    return path


WORDS = """the harbour master wrote that water level and weather were noted every morning by one of the keepers whose
lamp stood above the northern gate until somebody moved it without asking""".split()


def page_content(number):
    """Head, page number, every third page a heading, eight paragraphs, every tenth page a ruled table."""
    random = random_words.Random(number)
    out = ["BT /F1 9 Tf 72 800 Td (Annals of an Invented Harbour) Tj ET BT /F1 9 Tf 290 40 Td (%d) Tj ET" % number]
    y = 770
    if number % 3 == 1:
        out.append("BT /F2 15 Tf 72 %d Td (%d Of things seen and counted) Tj ET" % (y, number // 3 + 1))
        y -= 30
    while y > 220:
        for line in range(random.randint(3, 6)):
            text = " ".join(random.choice(WORDS) for _ in range(13 if line else 12))
            out.append("BT /F1 11 Tf 72 %d Td (%s) Tj ET" % (y, text.capitalize() if not line else text))
            y -= 14
        y -= 10
    if number % 10 == 0:
        for row in range(5):
            out.append("72 %d m 400 %d l S" % (190 - row * 20, 190 - row * 20))
            for column in range(4 if row < 4 else 0):
                out.append("BT /F1 10 Tf %d %d Td (%d) Tj ET" % (80 + column * 82, 176 - row * 20, random.randint(1, 9999)))
        out += ["%d 190 m %d 110 l S" % (72 + c * 82, 72 + c * 82) for c in range(5)]
    return zlib.compress("\n".join(out).encode())


def write_long(path, n_pages):
    """A PDF of n_pages pages, all different, in a page tree of two levels."""
    offsets = []
    n_groups = (n_pages + 99) // 100
    first_page = 5 + n_groups
    with open(path, "wb") as f:
        def put(body):
            offsets.append(f.tell())
            f.write(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))

        f.write(b"%PDF-1.5\n")
        put(b"<< /Type /Catalog /Pages 2 0 R >>")
        put(b"<< /Type /Pages /Count %d /Kids [%s] >>"
            % (n_pages, b" ".join(b"%d 0 R" % (5 + g) for g in range(n_groups))))
        for font in (b"Times-Roman", b"Helvetica-Bold"):
            put(b"<< /Type /Font /Subtype /Type1 /BaseFont /%s >>" % font)
        for g in range(n_groups):
            pages = range(g * 100, min(n_pages, g * 100 + 100))
            put(b"<< /Type /Pages /Parent 2 0 R /Count %d /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R /F2 4 0 R "
                b">> >> /Kids [%s] >>" % (len(pages), b" ".join(b"%d 0 R" % (first_page + 2 * i) for i in pages)))
        for i in range(n_pages):
            put(b"<< /Type /Page /Parent %d 0 R /Contents %d 0 R >>" % (5 + i // 100, first_page + 2 * i + 1))
            content = page_content(i + 1)
            put(b"<< /Length %d /Filter /FlateDecode >> stream\n%s\nendstream" % (len(content), content))
        start = f.tell()
        f.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        f.write(b"".join(b"%010d 00000 n \n" % o for o in offsets))
        f.write(b"trailer << /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))


def convert(program, inputs, folder, *options):
    return [program, "convert"] + inputs + ["-o", folder, "--to", "md", "--force", "-q"] + list(options)


def bench_text(program, folder):
    print("text: 100 born-digital pages to Markdown, one worker")
    pdf = join(folder, 100)
    commands = (["pdftotext", pdf, os.path.join(folder, "peer.txt")],
                convert(program, [pdf], os.path.join(folder, "t"), "--jobs", "1", "--engine", "text"))
    rounds = [[timed(command) for command in commands] for _ in range(5)]  # in turns: others load the machine too
    peer, ours = (best(times) for times in zip(*rounds))
    row("pdftotext, ms a page (wall, processor)", "%.2f %.2f" % (peer[0] * 10, peer[1] * 10))
    row("docmill, ms a page (wall, processor)", "%.2f %.2f" % (ours[0] * 10, ours[1] * 10))
    row("docmill / pdftotext, wall", "%.2f" % (ours[0] / peer[0]), "at most 4")
    row("docmill / pdftotext, processor time", "%.2f" % (ours[1] / peer[1]))


def bench_ocr(program, folder):
    print("ocr: 8 pages of English, 300 dpi")
    pdf = join(folder, 8)
    subprocess.run(["pdftoppm", "-r", "300", "-gray", "-png", pdf, os.path.join(folder, "page")], check=True)
    pages = sorted(glob.glob(os.path.join(folder, "page*.png")))
    one_thread = dict(os.environ, OMP_THREAD_LIMIT="1")

    def tesseract():
        runs = [timed(["tesseract", p, os.path.join(folder, "peer"), "-l", "eng"], env=one_thread) for p in pages]
        return [sum(column) for column in zip(*runs)]

    def docmill(jobs):
        out = os.path.join(folder, "o%d" % jobs)
        return timed(convert(program, pages, out, "--jobs", str(jobs), "--lang", "eng"))

    rounds = [[tesseract(), docmill(1), docmill(2)] for _ in range(2)]
    peer, one, two = (best(times) for times in zip(*rounds))
    n = len(pages)
    row("tesseract, one thread, pages/s", "%.2f" % (n / peer[0]))
    row("docmill, one worker, pages/s", "%.2f" % (n / one[0]))
    row("docmill, two workers, pages/s", "%.2f" % (n / two[0]))
    row("one worker / tesseract, wall", "%.2f" % (peer[0] / one[0]), "at least 0.95")
    row("one worker / tesseract, processor time", "%.2f" % (peer[1] / one[1]))
    row("two workers / tesseract (on %d cores)" % os.cpu_count(), "%.2f" % (peer[0] / two[0]), "at least 1.8")


def family(root):
    """The process ids of root and all below it."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                fields = f.read().rsplit(")", 1)[1].split()
            parents.setdefault(int(fields[1]), []).append(int(path.split("/")[2]))
        except OSError:
            pass
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def memory_mb(pid):
    """Resident memory without what is shared with other processes, and the peak of all of it."""
    own = peak = 0
    try:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    own = int(line.split()[1]) / 1024
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1]) / 1024
    except OSError:
        pass
    return own, peak


def bench_size(program, folder):
    n_pages = int(os.environ.get("BENCH_PAGES", "10000"))
    print("size: %d pages in one document, to Markdown, HTML, DOCX and JSON" % n_pages)
    pdf = os.path.join(folder, "long.pdf")
    write_long(pdf, n_pages)
    command = [program, "convert", pdf, "-o", os.path.join(folder, "s"), "--to", "md,html,docx,json", "-q", "--jobs", "1"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    samples = {}  # pid -> [(time, own MB, peak MB)]
    while process.poll() is None:
        now = time.monotonic() - start
        for pid in family(process.pid):
            own, peak = memory_mb(pid)
            if peak:
                samples.setdefault(pid, []).append((now, own, peak))
        time.sleep(0.1)
    wall = time.monotonic() - start
    row("exit code", str(process.returncode), "0")
    row("wall, s", "%.1f" % wall)
    row("ms a page", "%.2f" % (wall * 1000 / n_pages))
    for pid, series in sorted(samples.items()):
        if len(series) < 5:
            continue
        early = [own for t, own, _ in series if t - series[0][0] <= 0.1 * (series[-1][0] - series[0][0])]
        name = "supervisor" if pid == process.pid else "process %d" % (pid - process.pid)
        quarters = [series[min(len(series) - 1, len(series) * k // 4)][1] for k in range(1, 5)]
        row("%s: own memory after 1/10, 1/4, 2/4, 3/4, end, MB" % name,
            " ".join("%.0f" % v for v in [early[-1]] + quarters), "flat")
        row("%s: peak with shared and mapped pages, MB" % name, "%.0f" % series[-1][2])


def main():
    program = os.path.abspath(os.path.join(sys.argv[1], "docmill"))
    missing = [t for t in ("qpdf", "pdftotext", "pdftoppm", "tesseract") if not shutil.which(t)]
    if missing:
        sys.exit("bench: not installed: " + ", ".join(missing))
    with tempfile.TemporaryDirectory() as folder:
        for name, bench in (("text", bench_text), ("ocr", bench_ocr), ("size", bench_size)):
            if name in sys.argv[2:] or not sys.argv[2:]:
                bench(program, folder)


main()
