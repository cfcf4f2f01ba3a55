"""The menu of a small café, over HTTP. Nothing here needs a change; what differs between machines is in HOST and PORT."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Only this machine can reach 127.0.0.1: right for a laptop in a café.
HOST = os.environ.get("HOST", "0.0.0.0")
PORT = int(os.environ.get("PORT", "8000"))
MENU = json.loads((Path(__file__).parent / "menu.json").read_text(encoding="utf-8"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/menu":
            self.answer(200, {"dishes": sorted(MENU)})
        elif self.path.startswith("/menu/") and self.path.removeprefix("/menu/") in MENU:
            name = self.path.removeprefix("/menu/")
            self.answer(200, {"name": name, "price": MENU[name]})
        else:
            self.answer(404, {"error": f"nothing at {self.path}"})

    def answer(self, status, content):
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# The first process of a container gets no SIGTERM unless it asks for it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = ThreadingHTTPServer((HOST, PORT), Handler)
print(f"listening on {HOST}:{PORT}", flush=True)
server.serve_forever()
