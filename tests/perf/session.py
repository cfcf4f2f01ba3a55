#!/usr/bin/env python3
"""How long a session takes to begin, and its images to get there, against Docker's own commands.

    tests/perf/session.py [PROGRAM] [ROUNDS]     PROGRAM: target/ci/ondeck (cargo build --profile ci)

Prints ratios of medians taken in one run, rounds of each kind in turn:
  start    `ondeck session start` until it returns, over `docker run` of the same image with the same rights until
           the Docker within answers, and over what that Docker needs by itself, from its first process on
  seed     images in a session: MB a second of the first time (the seed is made) and what a later session's start
           takes longer with the images than without, against `docker load` of the same images within a session
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "target/ci/ondeck"
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
BASE = "debian:bookworm-slim"
BIG = "ondeck-test/seed-figures"
OWNER = f"figures-{os.getpid()}"


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, **more).stdout.strip()


def start(*more):
    began = time.perf_counter()
    session = run(PROGRAM, "session", "start", "--owner", OWNER, *more)
    return time.perf_counter() - began, session


def end(session):
    run(PROGRAM, "session", "end", "--forget", session)


def raw_start(image, profile):
    """The same container by the docker command, until the Docker within answers; and what that needs by itself."""
    name = f"ondeck-figures-{os.getpid()}"
    rights = ["--rm", "--name", name, "--label", f"dev.ondeck.owner={OWNER}", "--network", "none", "--cgroupns", "private",
              "--memory", "1536m", "--memory-swap", "1536m", "--cpus", "1", "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN",
              "--cap-add", "SYS_PTRACE",
              "--security-opt", f"seccomp={profile}", "--security-opt", "apparmor=unconfined",
              "--security-opt", "systempaths=unconfined"]
    began = time.perf_counter()
    run("docker", "run", "--detach", *rights, image)
    run("docker", "exec", name, "session", "ready")
    whole = time.perf_counter() - began
    run("docker", "kill", name)
    while name in run("docker", "ps", "--all", "--format", "{{.Names}}").split():
        time.sleep(0.02)
    run("docker", "run", "--detach", *rights, "--entrypoint", "sleep", image, "1000")
    own = run("docker", "exec", name, "bash", "-c", "began=$(date +%s%N); dockerd --log-level warn --storage-driver overlay2"
              " >/dev/null 2>&1 & session ready; echo $(($(date +%s%N) - began))")
    run("docker", "kill", name)
    while name in run("docker", "ps", "--all", "--format", "{{.Names}}").split():
        time.sleep(0.02)
    return whole, int(own) / 1e9


def main():
    with tempfile.TemporaryDirectory() as folder:
        _, first = start()
        container = f"ondeck-session-{first}"
        image = run("docker", "inspect", "--format", "{{.Config.Image}}", container)
        profile = os.path.join(folder, "seccomp.json")
        options = json.loads(run("docker", "inspect", "--format", "{{json .HostConfig.SecurityOpt}}", container))
        with open(profile, "w") as file:
            file.write(next(o for o in options if o.startswith("seccomp=")).removeprefix("seccomp="))
        end(first)

        ours, raw, own = [], [], []
        for _ in range(ROUNDS):
            seconds, session = start()
            ours.append(seconds)
            end(session)
            whole, alone = raw_start(image, profile)
            raw.append(whole)
            own.append(alone)
        a, b, c = (statistics.median(x) for x in (ours, raw, own))
        print(f"start   session start {a * 1e3:.0f} ms; docker run until ready {b * 1e3:.0f} ms: {a / b:.2f}x;"
              f" its Docker's own start {c * 1e3:.0f} ms: {a / c:.2f}x")

        # An image of a few hundred MB that nothing else has.
        dockerfile = f"FROM {BASE}\nRUN cp -r /usr /copy1 && cp -r /usr /copy2 && cp -r /usr /copy3 && echo {time.time()} > /new\n"
        run("docker", "build", "--quiet", "--tag", BIG, "-", input=dockerfile)
        size = int(run("docker", "image", "inspect", "--format", "{{.Size}}", BIG)) / 1e6
        try:
            made, session = start("--image", BIG)
            end(session)
            later, without = [], []
            for _ in range(ROUNDS):
                seconds, session = start("--image", BIG)
                later.append(seconds)
                end(session)
                seconds, session = start()
                without.append(seconds)
                end(session)
            archive = os.path.join(folder, "image.tar")
            run("docker", "save", "--output", archive, BIG)
            _, session = start()
            began = time.perf_counter()
            with open(archive, "rb") as file:
                subprocess.run(["docker", "exec", "-i", f"ondeck-session-{session}", "docker", "load"], stdin=file, check=True,
                               capture_output=True)
            load = time.perf_counter() - began
            end(session)
            extra = statistics.median(later) - statistics.median(without)
            print(f"seed    {size:.0f} MB: docker load in a session {size / load:.0f} MB/s ({load:.1f} s); the first session with"
                  f" it {size / made:.0f} MB/s ({made:.1f} s); each later one {extra * 1e3:+.0f} ms"
                  f" ({size / max(extra, 0.001):.0f} MB/s, {load / max(extra, 0.001):.0f}x)")
        finally:
            seeds = run("docker", "ps", "--all", "--quiet", "--filter", "label=dev.ondeck.seed").split()
            for seed in seeds:
                labels = json.loads(run("docker", "inspect", "--format", "{{json .Config.Labels}}", seed))
                if labels.get("dev.ondeck.seed.images") == BIG:
                    volume = f"ondeck-seed-{labels['dev.ondeck.seed']}"
                    run("docker", "rm", seed)
                    run("docker", "volume", "rm", volume)
            run("docker", "image", "rm", BIG)


main()
