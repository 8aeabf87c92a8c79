"""tests/lint.py BUILD - the include rule, clang-format and clang-tidy over all of our C.

    folders look down only        FOLDERS: a folder includes its own headers and those of its row
    foreign headers stay at home  HOMES: who may include a library
    clang-format                  14; other versions set some lines differently
    clang-tidy                    what .clang-tidy says; a source is looked at again when it, a
                                  header it includes or the rules have changed (BUILD/lint)

Ends with the line "lint: N passed, N failed, N skipped".
"""
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys

# What a folder may include besides itself (design.md, "Folders").
FOLDERS = {
    "util": [],
    "layout": ["util"],
    "model": ["util"],
    "exporters": ["layout", "util"],
    "mpi": ["util"],
    "pipeline": ["exporters", "layout", "model", "util"],
    "cmd": ["pipeline", "mpi", "exporters", "layout", "model", "util"],
    "tests": ["cmd", "pipeline", "mpi", "exporters", "layout", "model", "util"],
}

# Header of a foreign library (prefix) -> the files that may include it. One file is the rule.
HOMES = {
    "glib": ["pipeline/pdf.c"],
    "poppler": ["pipeline/pdf.c"],
    "cairo": ["pipeline/pdf.c", "pipeline/draw.c"],
    "qpdf/": ["pipeline/pdfobj.c"],
    "tesseract/": ["pipeline/ocr.c"],
    "leptonica/": ["pipeline/prep.c", "pipeline/image.c"],
    "tiff": ["pipeline/tiff.c"],
    "openjpeg": ["pipeline/jp2.c"],
    "libexif/": ["pipeline/exif.c"],
    "libxml/": [],
    "zip.h": ["exporters/package.c"],
    "zlib.h": [],
    "jansson": ["exporters/document_json.c"],
    "openssl/": ["util/hash.c"],
    "seccomp": ["pipeline/sandbox.c"],
    "linux/landlock": ["pipeline/sandbox.c"],
    "png": [],
    "jpeglib": [],
    "mpi.h": ["mpi/", "cmd/"],
    "cuda": ["model/ops_cuda.cu"],
}
# Asks every library for its version and nothing else.
VERSIONS = "pipeline/versions.c"
# Unicode properties and composition are wanted wherever text is looked at letter by letter.
EVERYWHERE = re.compile(r"^(uni[a-z]+|unistr|unictype|uninorm|unicase)\.h$")

# It asks all libraries for their versions.
ASKS_ALL = "pipeline/versions.c"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# Of C17 and of Linux's C library; anything else must be in HOMES.
SYSTEM = set("""assert ctype dirent dlfcn errno fcntl fenv float fnmatch getopt grp inttypes langinfo
limits locale math poll pthread pwd sched semaphore setjmp signal spawn stdalign stdarg stdatomic
stdbool stddef stdint stdio stdlib stdnoreturn string strings syslog termios threads time unistd
wchar wctype iconv immintrin cpuid""".split())

counts = {"passed": 0, "failed": 0, "skipped": 0}


def report(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print(what)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def sources():
    return sorted(
        os.path.join(folder, name)
        for folder in FOLDERS
        if os.path.isdir(folder)
        for name in os.listdir(folder)
        if name.endswith((".c", ".h", ".cu"))
    )


def is_system(header):
    return header.startswith(("sys/", "linux/", "net", "arpa/")) or header[:-2] in SYSTEM


def home_of(header):
    for prefix, homes in HOMES.items():
        if header.startswith(prefix):
            return homes
    return None


def check_includes(path):
    folder = path.split("/")[0]
    wrong = []
    for bracket, header in INCLUDE.findall(read(path)):
        if bracket == '"':
            target = header.split("/")[0]
            if target != folder and target not in FOLDERS[folder]:
                wrong.append('%s: includes "%s": %s must not know %s' % (path, header, folder, target))
            continue
        homes = home_of(header)
        if homes is not None:
            if folder != "tests" and path != ASKS_ALL and not any(path == h or h.endswith("/") and path.startswith(h) for h in homes):
                wrong.append("%s: includes <%s>, whose home is %s" % (path, header, ", ".join(homes) or "nowhere"))
            elif path.endswith(".h"):
                wrong.append("%s: a header includes <%s>: foreign types stay in sources" % (path, header))
        elif not is_system(header) and not EVERYWHERE.match(header):
            wrong.append("%s: includes <%s>, which tests/lint.py does not know" % (path, header))
    report(not wrong, "\n".join(wrong))


def tool(name):
    for candidate in (name + "-14", name):
        if shutil.which(candidate):
            return candidate
    return None


def check_format(paths):
    program = tool("clang-format")
    if not program:
        print("skipped: clang-format is not installed")
        counts["skipped"] += 1
        return
    for path in paths:
        run = subprocess.run([program, "--dry-run", "-Werror", path], capture_output=True, text=True)
        report(run.returncode == 0, "%s: not as clang-format sets it: %s -i %s" % (path, program, path))


def all_of(path, seen):
    """The path and our headers that it includes, however deep."""
    if path not in seen and os.path.exists(path):
        seen.add(path)
        for bracket, header in INCLUDE.findall(read(path)):
            if bracket == '"':
                all_of(header, seen)
    return seen


def stamp_of(build, path, command):
    digest = hashlib.sha256(repr(command).encode())
    for name in sorted(all_of(path, set())) + [".clang-tidy"]:
        digest.update(name.encode() + b"\0" + read(name).encode())
    return os.path.join(build, "lint", path.replace("/", "-") + "." + digest.hexdigest()[:16])


def check_tidy(build, paths, flags):
    program = tool("clang-tidy")
    if not program:
        print("skipped: clang-tidy is not installed")
        counts["skipped"] += 1
        return
    os.makedirs(os.path.join(build, "lint"), exist_ok=True)

    def look(path):
        command = [program, "--quiet", path, "--"] + flags
        stamp = stamp_of(build, path, command)
        if os.path.exists(stamp):
            return True, ""
        run = subprocess.run(command, capture_output=True, text=True)
        ok = run.returncode == 0
        if ok:
            prefix = os.path.basename(stamp).rsplit(".", 1)[0] + "."
            for old in os.listdir(os.path.dirname(stamp)):
                if old.startswith(prefix):
                    os.unlink(os.path.join(os.path.dirname(stamp), old))
            open(stamp, "w").close()
        return ok, run.stdout + (run.stderr if not run.stdout else "")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (ok, text) in zip(paths, pool.map(look, paths)):
            report(ok, "%s: clang-tidy:\n%s" % (path, text.replace(os.getcwd() + "/", "")))
            sys.stdout.flush()


def main():
    build, flags = sys.argv[1], sys.argv[2:]
    paths = sources()
    for path in paths:
        check_includes(path)
    c_and_h = [p for p in paths if not p.endswith(".cu")]
    check_format(c_and_h)
    check_tidy(build, [p for p in c_and_h if p.endswith(".c")], flags)
    print("lint: %(passed)d passed, %(failed)d failed, %(skipped)d skipped" % counts)
    sys.exit(counts["failed"] != 0)


main()
