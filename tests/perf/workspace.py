#!/usr/bin/env python3
"""Measures a workspace: from a key to its letter, to the mark of a mistake; a build beside docker's own.

    tests/perf/workspace.py [--binary target/release/ondeck] [--rounds 40]

Needs a running engine, the base image that tests/run.sh makes, and pyte (pip install pyte). It starts a session of
its own and ends it with its workspace.
"""
import argparse, os, statistics, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from panel import IMAGE, Panel

DOCKERFILE = f"FROM {IMAGE}\nRUN echo one > /one\nRUN echo two > /two\nCMD [\"cat\", \"/one\"]\n"


def shares(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
    return f"p50 {at(0.5):6.1f} ms  p99 {at(0.99):6.1f} ms"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default="target/release/ondeck")
    options.add_argument("--rounds", type=int, default=40)
    options = options.parse_args()
    ondeck = lambda *args: subprocess.run([options.binary, *args], check=True, capture_output=True, text=True).stdout.strip()
    session = ondeck("session", "start", "--image", IMAGE, "--workspace", f"perf-{os.getpid()}", "--ttl", "15m")
    try:
        measure(options, session)
    finally:
        ondeck("session", "end", "--forget", session)


def inside(session, command, text=None):
    return subprocess.run(["docker", "exec", "-i", "-w", "/workspace", f"ondeck-session-{session}", "sh", "-c", command],
                          check=True, capture_output=True, text=True, input=text).stdout


def measure(options, session):
    inside(session, "cat > Dockerfile", DOCKERFILE)
    large = "".join(f"FROM {IMAGE} AS stage{n}\nRUN echo {n} && \\\n    echo two words of {n}\nCOPY --from=stage0 /a /b{n}\n\n" for n in range(9000))
    inside(session, "mkdir large && cat > large/Dockerfile", large)
    os.environ["HOME"] = tempfile.mkdtemp()
    panel = Panel(options.binary, rows=36, columns=120)
    panel.until(lambda s: "Deck" in s)
    press = lambda keys: os.write(panel.fd, keys.encode())
    press("4")
    panel.until(lambda s: session in s)
    press(f"/{session}\r")
    panel.until(lambda s: f"session {session}" in s)
    press("\r")
    panel.until(lambda s: f"FROM {IMAGE}" in s and "writes" in s)

    def typing(name):
        press("\r")
        panel.until(lambda s: "leaves" in s)
        press("\x1b[1;5F")
        time.sleep(1)
        panel.read(0.5)
        echo, mark = [], []
        for n in range(options.rounds):
            # A word that is no instruction, one letter after the other; then it is taken away again.
            before = panel.bytes
            press("\r")
            while panel.bytes == before:
                panel.read(1)
            word = f"NO{n:03}"
            for at, letter in enumerate(word):
                began = time.perf_counter()
                press(letter)
                seen = panel.until(lambda s: word[: at + 1] in s)
                echo.append(seen - began)
            mark.append(panel.until(lambda s: f"{word} DL1000" in " ".join(s.split()) or "DL1000" in s) - began)
            press("\x7f" * (len(word) + 1))
            panel.until(lambda s: "DL1000" not in s)
        print(f"{name:24} letter {shares(echo)}   mark after the last letter {shares(mark)}")
        press("\x1d")
        panel.until(lambda s: "writes" in s)

    typing("a small Dockerfile")

    def builds():
        press("b")
        time.sleep(0.05)
        began = time.perf_counter()
        panel.until(lambda s: "building" in s, 20)
        return panel.until(lambda s: "built" in s and "building" not in s) - began

    builds()
    ours = [builds() for _ in range(5)]

    def theirs_once():
        began = time.perf_counter()
        inside(session, "DOCKER_BUILDKIT=1 docker build --quiet --tag other . >&2")
        return time.perf_counter() - began

    theirs_once()
    theirs = [theirs_once() for _ in range(5)]
    ours, theirs = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    print(f"{'a build, all cached':24} {ours:.0f} ms in the panel, {theirs:.0f} ms by docker build: {ours / theirs:.2f}x")

    press("2")
    panel.until(lambda s: "large/" in s)
    press("gl")
    panel.until(lambda s: s.count("Dockerfile") >= 2)
    press("j\r")
    panel.until(lambda s: "stage0" in s and "writes" in s)
    typing(f"one of {len(large) / 1e6:.1f} MB")
    press("q")
    time.sleep(0.2)
    press("y")


if __name__ == "__main__":
    main()
