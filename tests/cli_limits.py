"""Limits, faults and interruptions: endless documents, killed workers, full disks, signals."""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import docs
from cli import Cli, Skip, outputs, tree

cli = Cli("cli_limits")
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared", "corpus")


def good(n):
    return docs.text_pdf([["A page about matters of number %d" % n, "and of others, too: %d." % (n * 3)]])


def start(folder, *arguments):
    return subprocess.Popen([cli.docmill] + list(arguments), cwd=folder, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def processes_of(parent):
    """Ids of the processes below this one."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as file:
                parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    found, new = set(), {parent}
    while new:
        new = {p for p, above in parents.items() if above in new} - found
        found |= new
    return found


def is_alive(process):
    try:
        with open("/proc/%d/stat" % process) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(processes, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(is_alive(p) for p in processes):
        time.sleep(0.05)
    return not any(is_alive(p) for p in processes)


def wait_for_worker(parent, seconds=20):
    """The fork server's children, once there is one."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        below = processes_of(parent)
        if len(below) >= 2:
            return below
        time.sleep(0.02)
    return processes_of(parent)


def test_endless_page(folder):
    """A page without end costs that page and its time; clean documents beside it are as ever."""
    docs.write(folder, "in/bad.pdf", docs.endless_pdf())
    for n in range(4):
        docs.write(folder, "in/good%d.pdf" % n, good(n))
        docs.write(folder, "clean/in/good%d.pdf" % n, good(n))
    began = time.monotonic()
    result = cli.run("convert", "in", "-o", "out", "--engine", "text", "--page-timeout-s", "3",
                     "--json", cwd=folder, timeout=120)
    seconds = time.monotonic() - began
    report = json.loads(result.text)
    bad = [d for d in report["documents"] if d["input"] == "in/bad.pdf"][0]
    cli.check(bad["state"] == "degraded" and result.returncode == 10, bad, result.errors)
    cli.check([t["page"] for t in bad.get("page_troubles", [])] == [2], bad)
    cli.check(bad["page_troubles"][0]["class"] in ("cpu", "wall", "memory"), bad)
    cli.check(seconds < 40, seconds, "seconds")
    got = outputs(folder + "/out")
    cli.check(b"first page is sound" in got.get(b"in/bad.pdf.md", b""), got.get(b"in/bad.pdf.md"))
    cli.run("convert", "in", "-o", "../cleanout", "--engine", "text", cwd=folder + "/clean")
    clean = outputs(folder + "/cleanout")
    cli.check(len(clean) == 4 and all(got.get(n) == d for n, d in clean.items()),
              "clean documents differ")


def test_hang_before_pages(folder):
    path = os.path.join(CORPUS, "hostile-pdf", "qpdf--shared-unnamed-field.pdf")
    if not os.path.exists(path):
        raise Skip("../shared/corpus")
    began = time.monotonic()
    result = cli.run("convert", path, "-o", "out", "--page-timeout-s", "2", "--json", cwd=folder)
    document = json.loads(result.text)["documents"][0]
    cli.check(document["state"] in ("failed", "degraded", "ok"), document)
    cli.check(time.monotonic() - began < 40, time.monotonic() - began, "seconds")


def test_killed_worker(folder):
    """A worker killed in the middle of a page: the page is read again by another."""
    docs.write(folder, "bad.pdf", docs.endless_pdf())
    run = start(folder, "convert", "bad.pdf", "-o", "out", "--engine", "text", "--json",
                "--page-timeout-s", "8", "--jobs", "1")
    first = wait_for_worker(run.pid)
    time.sleep(1.0)
    workers = processes_of(run.pid)
    server = [p for p in workers if processes_of(p)]
    victims = workers - set(server)
    cli.check(len(server) == 1 and victims, "no worker to kill", first, workers)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    out, err = run.communicate(timeout=120)
    document = json.loads(out)["documents"][0]
    cli.check(document["state"] == "degraded" and document["retries"] >= 1, document)
    cli.check(wait_gone(workers), "processes are left")


def test_stopped_worker(folder):
    """SIGSTOP is a hang: the clock on the wall counts."""
    docs.write(folder, "bad.pdf", docs.endless_pdf())
    run = start(folder, "convert", "bad.pdf", "-o", "out", "--engine", "text", "--json",
                "--page-timeout-s", "3", "--jobs", "1")
    wait_for_worker(run.pid)
    time.sleep(0.5)
    workers = processes_of(run.pid)
    for victim in workers - {p for p in workers if processes_of(p)}:
        os.kill(victim, signal.SIGSTOP)
    out, err = run.communicate(timeout=120)
    document = json.loads(out)["documents"][0]
    cli.check(document["state"] == "degraded", document)
    cli.check(wait_gone(workers), "processes are left")


def test_signals(folder):
    """Told to stop: it ends soon, says so, leaves no processes and no temporary files; the same
    command then goes on and gives the same bytes."""
    docs.write(folder, "in/0.pdf", docs.endless_pdf())
    for n in range(1, 30):
        docs.write(folder, "in/%d.pdf" % n, good(n))
    line = ["convert", "in", "-o", "out", "--engine", "text", "--page-timeout-s", "60", "--jobs", "1"]
    for number, code in ((signal.SIGTERM, 75), (signal.SIGINT, 130)):
        run = start(folder, *line)
        wait_for_worker(run.pid)
        time.sleep(0.5)
        below = processes_of(run.pid)
        began = time.monotonic()
        run.send_signal(number)
        out, err = run.communicate(timeout=60)
        cli.check(run.returncode == code, number, "gives", run.returncode, err)
        cli.check(time.monotonic() - began < 10, time.monotonic() - began, "seconds to stop")
        cli.check(b"run the same command again" in err, err)
        cli.check(wait_gone(below), "processes are left")
        left = [n for n in tree(folder) if b".tmp" in n]
        cli.check(not left, left)
    run = start(folder, *line)
    wait_for_worker(run.pid)
    began = time.monotonic()
    run.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    cli.check(time.monotonic() - began < 3, "the second signal stops at once")


def test_killed_supervisor(folder):
    """kill -9: no process stays, and what is there is whole."""
    docs.write(folder, "in/zz.pdf", docs.endless_pdf())
    for n in range(30):
        docs.write(folder, "in/%02d.pdf" % n, good(n))
    run = start(folder, "convert", "in", "-o", "out", "--engine", "text")
    wait_for_worker(run.pid)
    time.sleep(0.7)
    below = processes_of(run.pid)
    run.kill()
    run.communicate()
    cli.check(wait_gone(below), "processes are left")
    os.unlink(folder + "/in/zz.pdf")
    cli.run("convert", "in", "-o", "out", "--engine", "text", cwd=folder)
    cli.run("convert", "in", "-o", "fresh", "--engine", "text", cwd=folder)
    cli.check(outputs(folder + "/out") == outputs(folder + "/fresh"), "not as if nothing had happened")


def test_full_disk(folder):
    """No room: a clear line, exit code 73, nothing torn; with room the same command completes."""
    if os.geteuid() != 0:
        raise Skip("root, to mount a small file system")
    small = folder + "/small"
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small],
                      capture_output=True).returncode != 0:
        raise Skip("mount of a tmpfs")
    try:
        for n in range(40):
            docs.write(folder, "in/%02d.pdf" % n, good(n))
        line = ["convert", "in", "-o", "small/out", "--to", "md,html,docx,json", "--engine", "text"]
        result = cli.run(*line, cwd=folder)
        cli.check(result.returncode == 73, result.returncode, result.errors)
        cli.check("make room" in result.errors, result.errors)
        got = tree(small)
        cli.check(not [n for n in got if b".tmp" in n], sorted(got))
        fresh = cli.run("convert", "in", "-o", "fresh", "--to", "md,html,docx,json", "--engine",
                        "text", cwd=folder)
        cli.check(fresh.returncode == 0, fresh.errors)
        whole = outputs(folder + "/fresh")
        torn = [n for n, d in outputs(small + "/out").items() if whole.get(n) != d]
        cli.check(not torn, "torn:", torn)
        subprocess.run(["mount", "-o", "remount,size=20m", small], check=True)
        result = cli.run(*line, cwd=folder)
        cli.check(result.returncode == 0, result.errors)
        cli.check(outputs(small + "/out") == whole, "not the same after room was made")
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        result = cli.run(*line, "--force", cwd=folder)
        cli.check(result.returncode == 73, result.returncode, result.errors)
    finally:
        subprocess.run(["umount", small], capture_output=True)


def test_unreadable(folder):
    if os.geteuid() == 0:
        raise Skip("an ordinary user: root may read everything")
    path = docs.write(folder, "a.pdf", good(1))
    os.chmod(path, 0)
    result = cli.run("convert", "a.pdf", "-o", "out", cwd=folder)
    cli.check(result.returncode == 11 and "denied" in result.errors, result.errors)


def test_memory(folder):
    """A ceiling that is too low is named, not met in silence; the supervisor stays small."""
    for n in range(300):
        docs.write(folder, "in/%d.pdf" % n, good(n))
    result = cli.run("convert", "in", "-o", "out", "--engine", "text", "--json", cwd=folder)
    cli.check(json.loads(result.text)["summary"]["ok"] == 300, result.errors)
    if cli.is_sanitized:
        raise Skip("memory limits with sanitizers")
    probe = ("import os,sys,resource,subprocess; subprocess.run(sys.argv[1:]); "
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    run = subprocess.run([sys.executable, "-c", probe, cli.docmill, "convert", "in", "-o", "out2",
                          "--engine", "text", "-q"], cwd=folder, capture_output=True, timeout=300)
    cli.check(int(run.stdout) < 100 * 1024, "largest process:", run.stdout, "KiB")


sys.exit(cli.main([test_endless_page, test_hang_before_pages, test_killed_worker,
                   test_stopped_worker, test_signals, test_killed_supervisor, test_full_disk,
                   test_unreadable, test_memory]))
