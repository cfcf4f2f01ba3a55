#!/usr/bin/env python3
"""Measures `ondeck health` as a whole process against the raw cost of the API calls that it makes.

    tests/perf/health.py [--binary target/release/ondeck] [--containers 300] [--rounds 15]

A relay between the program and the engine writes down once which calls are made. The same calls are then made by a
minimal client over one connection that is kept, in turns with the program, which connects to the engine directly.
Needs a running engine and the base image that tests/run.sh makes. Its containers carry the label dev.ondeck.perf and
are removed in the end. Whatever else the engine has is looked at, too, by both sides.
"""
import argparse, collections, concurrent.futures, os, re, resource, socket, statistics, subprocess, sys, tempfile, threading, time

IMAGE, LABEL, ENGINE = "debian:bookworm-slim", "dev.ondeck.perf=health", "/var/run/docker.sock"


def docker(*args):
    return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout.strip()


def start(n):
    def one(i):
        docker("run", "-d", "--network", "none", "--label", LABEL, "--name", f"perf-health-{i:04}", IMAGE, "sleep", "infinity")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(n)))


class Relay:
    """Passes bytes between clients and the engine, and keeps the first line of each request."""

    def __init__(self, path):
        self.requests, self.connections = [], 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            self.connections += 1
            threading.Thread(target=self.pump, args=(client, engine, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(engine, client, False), daemon=True).start()

    def pump(self, source, target, asks):
        try:
            while piece := source.recv(1 << 16):
                if asks:
                    self.requests += re.findall(rb"^(?:GET|POST|HEAD) \S+(?= HTTP/1)", piece, re.M)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Raw:
    """A client that does nothing but ask and read each answer to its end, over one connection."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(ENGINE)

    def ask(self, line):
        self.socket.sendall(line + b" HTTP/1.1\r\nHost: docker\r\n\r\n")
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more()
        head, data = data[:end].lower(), data[end + 4 :]
        if b"transfer-encoding: chunked" in head:
            while not data.endswith(b"0\r\n\r\n"):
                data += self.more()
        elif found := re.search(rb"content-length: (\d+)", head):
            pieces, have = [data], len(data)
            while have < int(found[1]):
                pieces.append(self.more())
                have += len(pieces[-1])
        elif not re.match(rb"http/1.1 (1|204|304)", head):
            sys.exit(f"an answer without an end: {line} {head}")

    def more(self):
        piece = self.socket.recv(1 << 18)
        if not piece:
            sys.exit("the engine hung up")
        return piece


def milliseconds(act):
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def spread(values):
    return f"{statistics.median(values):7.1f} ms  (min {min(values):.1f}, max {max(values):.1f})"


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--binary", default="target/release/ondeck")
    a.add_argument("--containers", type=int, default=300)
    a.add_argument("--rounds", type=int, default=15)
    a = a.parse_args()
    home = tempfile.mkdtemp(prefix="ondeck-perf-")
    env = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}

    def health(host="unix://" + ENGINE):
        run = subprocess.run([a.binary, "health", "--json", "--host", host], env=env, capture_output=True)
        if run.returncode == 3:
            sys.exit(run.stderr.decode() + run.stdout.decode()[:500])

    try:
        start(a.containers - len(docker("ps", "-aq", "--filter", "label=" + LABEL).split()))
        relay = Relay(home + "/relay.sock")
        health("unix://" + home + "/relay.sock")
        calls = [line for line in relay.requests if line.startswith(b"GET")]
        if len(calls) != len(relay.requests):
            sys.exit(f"it does more than ask: {[r for r in relay.requests if r not in calls]}")
        kinds = collections.Counter(re.sub(r"[0-9a-f]{64}", "ID", line.decode()) for line in calls)
        print(f"{a.containers} containers of ours, {len(docker('ps', '-aq').split())} in all; over {relay.connections} connections:")
        for kind, n in kinds.most_common():
            print(f"  {n:4} x {kind[:100]}")

        def raw():
            client = Raw()
            for line in calls:
                client.ask(line)

        def inspected():
            ids = docker("ps", "-aq").split()
            subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True)

        took, cost, peer, cpu = [], [], [], []
        for act in (health, raw):
            act()
        for n in range(a.rounds):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(milliseconds(health))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
            cost.append(milliseconds(raw))
            if n < 3:
                peer.append(milliseconds(inspected))
        ratios = sorted(t / c for t, c in zip(took, cost))
        print(f"ondeck health            {spread(took)}, of which CPU of its own {statistics.median(cpu):.1f} ms")
        print(f"the same calls, raw      {spread(cost)}")
        print(f"docker ps + inspect all  {spread(peer)}")
        print(f"ratio                    {statistics.median(took) / statistics.median(cost):.2f} of medians; by rounds {ratios[0]:.2f} to {ratios[-1]:.2f}")
    finally:
        ids = docker("ps", "-aq", "--filter", "label=" + LABEL).split()
        for i in range(0, len(ids), 8):
            docker("rm", "-f", *ids[i : i + 8])
        subprocess.run(["rm", "-rf", home])


if __name__ == "__main__":
    main()
