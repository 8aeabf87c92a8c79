"""tests/cli_export_json.py BUILD - the JSON of the sample document passes docs/docmill.schema.json.

The schema is strict, so every key removed, added or misspelt must fail.
"""
import copy
import json
import os
import subprocess
import sys
import tempfile

NAME = "cli_export_json"
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(ok, what):
    counts["passed" if ok else "failed"] += 1
    if not ok:
        print("failed:", what)


def without_key(document, path, key):
    changed = copy.deepcopy(document)
    at = changed
    for step in path:
        at = at[step]
    del at[key]
    return changed


def with_key(document, path, key, value):
    changed = copy.deepcopy(document)
    at = changed
    for step in path:
        at = at[step]
    at[key] = value
    return changed


def check_strict(validator, document):
    table = next(i for i, b in enumerate(document["blocks"]) if b["kind"] == "table")
    for path, keys in [([], ["format", "pages", "blocks"]), (["pages", 0], ["width", "state"]),
                       (["blocks", 0], ["kind", "level", "text", "places", "engine"]),
                       (["blocks", table], ["table"]),
                       (["blocks", table, "table"], ["n_rows", "cells"]),
                       (["blocks", table, "table", "cells", 0], ["row", "text", "bbox"])]:
        for key in keys:
            check(not validator.is_valid(without_key(document, path, key)), "without %s.%s" % (path, key))
        check(not validator.is_valid(with_key(document, path, "more", 1)), "one more key in %s" % path)
    check(not validator.is_valid(with_key(document, ["blocks", table], "text", "x")), "text in a table")
    check(not validator.is_valid(with_key(document, ["blocks", 1], "level", 1)), "level of a paragraph")


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(build, "tests", "test_export"), "--write", folder], check=True)
        with open(os.path.join(folder, "sample.json"), encoding="utf-8") as f:
            text = f.read()
    document = json.loads(text)
    blocks = text[text.index('"blocks": ['):].split("\n")
    check(len(blocks) == len(document["blocks"]) + 3, "one block a line")
    try:
        import jsonschema
        draft = jsonschema.Draft202012Validator
    except (ImportError, AttributeError):
        print("skipped: JSON Schema: python3-jsonschema is not installed")
        counts["skipped"] += 1
        return
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "docs", "docmill.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    draft.check_schema(schema)
    validator = draft(schema)
    errors = ["%s: %s" % (list(e.path), e.message[:100]) for e in validator.iter_errors(document)]
    check(not errors, "schema: %s" % errors[:3])
    check_strict(validator, document)
    for seed in range(1, 7):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([os.path.join(build, "tests", "test_export"), "--random", str(seed), folder], check=True)
            with open(os.path.join(folder, "sample.json"), encoding="utf-8") as f:
                check(validator.is_valid(json.load(f)), "schema: random document %d" % seed)


main()
print("%s: %d passed, %d failed, %d skipped" % (NAME, counts["passed"], counts["failed"], counts["skipped"]))
sys.exit(counts["failed"] != 0)
