"""What the cli_*.py tests share: counting checks, running docmill in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import traceback


class Skip(Exception):
    pass


class Cli:
    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.docmill = os.path.join(os.path.abspath(sys.argv[1]), "docmill")
        self.is_sanitized = "-san" in os.path.basename(os.path.abspath(sys.argv[1]))

    def check(self, condition, *what):
        if condition:
            self.passed += 1
            return
        self.failed += 1
        frame = traceback.extract_stack(limit=2)[0]
        print("%s:%d: failed: %s" % (frame.filename, frame.lineno, " ".join(map(str, what))))

    def run(self, *arguments, cwd=None, stdin=b"", env=None, timeout=300):
        """Runs docmill; the result has returncode, stdout and stderr (as text)."""
        command = [self.docmill] + [os.fsencode(a) for a in arguments]
        result = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=timeout,
                                env={**os.environ, **(env or {})})
        result.text = result.stdout.decode("utf-8", "replace")
        result.errors = result.stderr.decode("utf-8", "replace")
        return result

    def main(self, tests):
        for test in tests:
            folder = tempfile.mkdtemp(prefix="docmill-test-")
            try:
                test(folder)
            except Skip as why:
                self.skipped += 1
                print("skipped: %s: %s" % (test.__name__, why))
            except Exception:
                self.failed += 1
                traceback.print_exc(file=sys.stdout)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        print("%s: %d passed, %d failed, %d skipped" %
              (self.name, self.passed, self.failed, self.skipped))
        return 1 if self.failed else 0


def tree(folder):
    """All files below folder, as bytes: relative name -> content."""
    found = {}
    folder = os.fsencode(folder)
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, folder)] = file.read()
    return found


def outputs(folder):
    """As tree(), without docmill's own notes."""
    return {n: b for n, b in tree(folder).items() if not n.startswith(b".docmill")}
