#!/bin/sh
# Says what it starts, and waits for it: a signal to this shell goes no further.
echo "starting pastes"
python3 /srv/app/main.py
