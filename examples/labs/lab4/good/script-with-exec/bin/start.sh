#!/bin/sh
# A script may start the service, as long as it becomes the service: exec leaves no shell in between.
set -eu
mkdir -p "$PASTES_DIR"
exec python3 /srv/app/main.py
