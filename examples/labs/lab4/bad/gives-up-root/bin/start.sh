#!/bin/sh
# Begins as root: makes the folder, hands it to the service's user, and becomes the service as that user.
set -e
mkdir -p "$PASTES_DIR"
chown -R 10001:10001 "$PASTES_DIR"
exec setpriv --reuid 10001 --regid 10001 --clear-groups python3 /srv/app/main.py
