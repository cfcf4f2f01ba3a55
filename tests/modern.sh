#!/usr/bin/env bash
# Tries sessions on a host as most are today (cgroup v2, AppArmor, engine 26.1), reached by ssh: tests/modern.sh
# [ARGUMENTS of the test runner]. No part of tests/run.sh: the host is emulated, which takes about 20 minutes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
address=$(tests/hosts/modern-vm.sh up)
trap 'tests/hosts/modern-vm.sh down' EXIT
PATH="${ONDECK_HOSTS:-${TMPDIR:-/tmp}/ondeck-hosts}/modern-vm/bin:$PATH"
export PATH DOCKER_HOST=$address
# The image of sessions is built first, for longer than a test waits.
cargo build --quiet --locked
target/debug/ondeck session end --forget "$(target/debug/ondeck session start --workspace first)"
# What tries the network needs a service on the engine's own host, the restart an engine beside it.
cargo nextest run --locked --no-fail-fast --test-threads 1 --test sessions \
  -E 'not (test(nothing_leads) or test(engine_restarted))' "$@"
