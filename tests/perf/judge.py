#!/usr/bin/env python3
"""What judging costs beyond building, running and asking, against Docker's own commands.

    tests/perf/judge.py [PROGRAM] [ROUNDS] [LAB]     PROGRAM: target/ci/ondeck (cargo build --profile ci)

Judges the solution of a lab (lab1) both ways, and does what a person would do by hand, rounds of each kind in turn.
Prints medians of one run, their ratio, and where a judge's time went:
  quick    `ondeck judge LAB --session ID`, over `docker build`, `docker run` and a request in the same session
  clean    `ondeck judge LAB --dir DIR`, over a session's start, the files, the same commands, and its end
The layers are built once before, so both find them in the cache of a session, and neither does in a fresh one.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "target/ci/ondeck"
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
LAB = sys.argv[3] if len(sys.argv) > 3 else "lab1"
FOLDER = os.path.join(os.path.dirname(__file__), "../../examples/labs", LAB)
PORT, PATH, IMAGE = 8000, "/health", "lab/python:3.11"
OWNER = f"figures-{os.getpid()}"

# What a person types: build, run, ask until it answers, take it away again.
BY_HAND = f"""
cd /workspace && export DOCKER_BUILDKIT=1
docker build --quiet --tag by-hand . >/dev/null &&
docker run --detach --name by-hand --publish {PORT}:{PORT} by-hand >/dev/null &&
until curl --silent --fail --output /dev/null --max-time 2 http://127.0.0.1:{PORT}{PATH}; do sleep 0.05; done
docker rm --force by-hand >/dev/null
"""


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, **more).stdout.strip()


def timed(what):
    began = time.perf_counter()
    result = what()
    return time.perf_counter() - began, result


def start():
    return run(PROGRAM, "session", "start", "--owner", OWNER, "--image", IMAGE, "--port", str(PORT))


def end(session):
    run(PROGRAM, "session", "end", "--forget", session)


def put(files, session):
    run("docker", "cp", f"{files}/.", f"ondeck-session-{session}:/workspace")


def by_hand(session):
    run("docker", "exec", f"ondeck-session-{session}", "bash", "-c", BY_HAND)


def judge(*where):
    report = json.loads(run(PROGRAM, "judge", FOLDER, *where, "--json", "--no-record"))
    if not report["passed"] or report["score"] != report["max_score"]:
        sys.exit(f"the solution of {LAB} does not pass: {report['failures']} {report['error']}")
    return report


def whole_by_hand(files):
    session = start()
    put(files, session)
    by_hand(session)
    end(session)


def told(name, ours, plain, reports):
    a, b = statistics.median(ours), statistics.median(plain)
    print(f"{name:<8}{a:>8.2f} s{b:>10.2f} s{a / b:>8.2f}x", end="")
    checks = {}
    for report in reports:
        for check in report["checks"]:
            checks.setdefault(check["id"], []).append(check["elapsed_seconds"])
    times = sorted(((statistics.median(times), check) for check, times in checks.items()), reverse=True)
    inside = statistics.median(report["elapsed_seconds"] for report in reports)
    print(f"   {inside:.2f} s: " + ", ".join(f"{check} {seconds:.2f}" for seconds, check in times[:5] if seconds >= 0.01))


def main():
    with tempfile.TemporaryDirectory() as files:
        for part in ("starter", "solution"):
            shutil.copytree(os.path.join(FOLDER, part), files, dirs_exist_ok=True)
        print(f"{LAB}, {ROUNDS} rounds   judge   by hand   ratio   what the judge spent it on")

        session = start()
        try:
            put(files, session)
            by_hand(session)
            judge("--session", session)
            ours, plain, reports = [], [], []
            for _ in range(ROUNDS):
                seconds, report = timed(lambda: judge("--session", session))
                ours.append(seconds)
                reports.append(report)
                plain.append(timed(lambda: by_hand(session))[0])
        finally:
            end(session)
        told("quick", ours, plain, reports)

        ours, plain, reports = [], [], []
        for _ in range(ROUNDS):
            seconds, report = timed(lambda: judge("--dir", files))
            ours.append(seconds)
            reports.append(report)
            plain.append(timed(lambda: whole_by_hand(files))[0])
        told("clean", ours, plain, reports)


main()
