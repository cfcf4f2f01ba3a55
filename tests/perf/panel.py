#!/usr/bin/env python3
"""Measures the panel against raw limits in the same run: start, memory, CPU, keys, rest, a log flood.

    tests/perf/panel.py [--binary target/release/ondeck] [--containers 300]

Needs a running engine, the base image that tests/run.sh makes, and pyte (pip install pyte).
Its containers carry the label dev.ondeck.perf and are removed in the end.
"""
import argparse, fcntl, http.client, os, pty, select, signal, socket, statistics, struct, subprocess, sys, termios, threading, time

import pyte

IMAGE, LABEL = "debian:bookworm-slim", "dev.ondeck.perf=1"


def docker(*args):
    return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout.strip()


def raw_listing():
    """Milliseconds of GET /containers/json?all=1 over the socket."""
    began = time.perf_counter()
    s = socket.socket(socket.AF_UNIX)
    s.connect("/var/run/docker.sock")
    s.sendall(b"GET /containers/json?all=1 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
    while s.recv(1 << 16):
        pass
    return (time.perf_counter() - began) * 1000


class Panel:
    def __init__(self, binary, *args, rows=50, columns=200):
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8")
            time.sleep(0.05)
            os.execv(binary, [binary, *args])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began = time.perf_counter() + 0.05
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = 0

    def read(self, wait):
        """Reads what comes within `wait` seconds; True when something did."""
        if not select.select([self.fd], [], [], wait)[0]:
            return False
        piece = os.read(self.fd, 1 << 16)
        self.bytes += len(piece)
        self.stream.feed(piece)
        return True

    def until(self, wanted, limit=60):
        end = time.perf_counter() + limit
        while time.perf_counter() < end:
            self.read(0.05)
            if wanted("\n".join(self.screen.display)):
                return time.perf_counter()
        sys.exit("never seen:\n" + "\n".join(self.screen.display))

    def quiet(self, still=0.3, limit=5):
        end = time.perf_counter() + limit
        while self.read(still) and time.perf_counter() < end:
            pass

    def rss(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def cpu(self):
        f = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

    def key(self, keys):
        """Milliseconds from a key to the first byte that answers it."""
        began = time.perf_counter()
        os.write(self.fd, keys)
        select.select([self.fd], [], [], 2)
        took = (time.perf_counter() - began) * 1000
        while self.read(0.004):
            pass
        return took

    def spin(self, seconds):
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.read(0.05)

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)


def engine_cpu():
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if open(f"/proc/{pid}/comm").read().strip() in ("dockerd", "containerd", "containerd-shim", "containerd-shim-r"):
                f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
                total += (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
    return total


def many(binary, n):
    have = len(docker("ps", "-q", "--filter", "label=" + LABEL).split())
    print(f"{n} containers: starting {n - have}", file=sys.stderr)
    for i in range(have, n):
        docker("run", "-d", "--network", "none", "--label", LABEL, "--name", f"perf-{i:04}", IMAGE, "sleep", "infinity")
    raw = statistics.median(raw_listing() for _ in range(9))
    starts, config = [], "/tmp/ondeck-perf.yaml"
    open(config, "w").write("start_view: containers\n")
    for _ in range(9):
        p = Panel(binary, "--config", config)
        # The raw bytes are enough to see the first frame; a terminal's parser would be measured with it.
        piece = b""
        while piece.count(b"perf-") < 40:
            piece += os.read(p.fd, 1 << 16)
        starts.append((time.perf_counter() - p.began) * 1000)
        p.close()
    os.remove(config)
    print(f"start to a filled list   {statistics.median(starts):7.1f} ms   raw listing {raw:.1f} ms")
    p = Panel(binary)
    p.until(lambda s: "perf" in s or "up" in s)
    os.write(p.fd, b"3")
    p.until(lambda s: s.count("perf-") >= 40)
    p.spin(5)
    before, engine, wall = p.cpu(), engine_cpu(), time.perf_counter()
    p.spin(15)
    wall = time.perf_counter() - wall
    print(f"statistics on for all    {(p.cpu() - before) / wall:7.3f} cores, engine {(engine_cpu() - engine) / wall:.3f} cores")
    shown = "\n".join(p.screen.display)
    print(f"figures on screen        {shown.count('0.0%')} rows with CPU")
    keys = sorted(p.key(b"j") for _ in range(300))
    print(f"key to paint             p50 {keys[150]:.2f} ms, p99 {keys[297]:.2f} ms")
    print(f"memory                   {p.rss():7.1f} MiB")
    p.close()


def rest(binary, seconds):
    config = "/tmp/ondeck-perf.yaml"
    open(config, "w").write("stats: false\n")
    p = Panel(binary, "--config", config)
    p.until(lambda s: "API" in s)
    p.quiet(2, 20)
    before, bytes_before = p.cpu(), p.bytes
    p.spin(seconds)
    print(f"at rest for {seconds} s         {p.bytes - bytes_before} bytes written, {p.cpu() - before:.2f} s of CPU")
    p.close()
    os.remove(config)


def flood(binary):
    name = "perf-flood"
    subprocess.run(["docker", "rm", "-f", name], capture_output=True)
    script = "while [ ! -e /go ]; do sleep 0.05; done; seq -f '%.0f " + "x" * 92 + "' 1 200000; echo THE-BURST-ENDS; n=0; while :; do n=$((n+1)); echo steady $n; [ $((n % 20)) = 0 ] && sleep 0.01; done"
    docker("run", "-d", "--network", "none", "--label", LABEL, "--name", name, IMAGE, "sh", "-c", script)
    p = Panel(binary)
    p.until(lambda s: "up" in s)
    os.write(p.fd, b"3/" + name.encode() + b"\r")
    time.sleep(0.3)
    os.write(p.fd, b"\r")
    p.until(lambda s: "Nothing was written yet" in s)
    before = p.rss()
    raw = {}

    def engine_side():
        follow = subprocess.Popen(["docker", "logs", "-f", name], stdout=subprocess.PIPE)
        for line in follow.stdout:
            if line.startswith(b"THE-BURST-ENDS"):
                raw["end"] = time.perf_counter()
                break
        follow.kill()

    reader = threading.Thread(target=engine_side)
    reader.start()
    time.sleep(0.5)
    docker("exec", name, "touch", "/go")
    began = time.perf_counter()
    keys, seen = [], None
    while seen is None and time.perf_counter() - began < 60:
        keys.append(p.key(b"w"))
        text = "\n".join(p.screen.display)
        if "THE-BURST-ENDS" in text or "steady" in text:
            seen = time.perf_counter()
    reader.join(60)
    print(f"flood of 200,000 lines   newest on screen after {seen - began:.2f} s; `docker logs -f` had it after {raw['end'] - began:.2f} s")
    print(f"keys meanwhile           p50 {statistics.median(keys):.2f} ms, max {max(keys):.2f} ms ({len(keys)} keys)")
    cpu, wall = p.cpu(), time.perf_counter()
    p.spin(10)
    print(f"2,000 lines a second     {(p.cpu() - cpu) / (time.perf_counter() - wall):.3f} cores, memory {before:.1f} -> {p.rss():.1f} MiB")
    p.close()
    docker("rm", "-f", name)


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--binary", default="target/release/ondeck")
    a.add_argument("--containers", type=int, default=300)
    a.add_argument("--only", choices=["many", "rest", "flood"])
    a = a.parse_args()
    try:
        if a.only in (None, "flood"):
            flood(a.binary)
        if a.only in (None, "many"):
            many(a.binary, a.containers)
        if a.only in (None, "rest"):
            rest(a.binary, 60)
    finally:
        ids = docker("ps", "-aq", "--filter", "label=" + LABEL).split()
        for i in range(0, len(ids), 50):
            docker("rm", "-f", *ids[i : i + 50])


if __name__ == "__main__":
    main()
