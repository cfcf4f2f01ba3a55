"""Makes titles fit for addresses, over HTTP: /slug?text=Hello, World answers hello-world."""

import os
import signal
import sys

import waitress
from bottle import Bottle, request

from slug import slug

app = Bottle()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/slug")
def answer():
    text = request.query.getunicode("text", "")
    return {"text": text, "slug": slug(text)}


if __name__ == "__main__":
    # The first process of a container gets no SIGTERM unless it asks for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = os.environ.get("PORT", "8000")
    print(f"listening on 0.0.0.0:{port}", flush=True)
    waitress.serve(app, listen=f"0.0.0.0:{port}")
