#!/usr/bin/env bash
# Everything a change must pass, on a machine that needs only Rust; arguments filter the tests (tests/run.sh logs).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=examples/setup.sh
source examples/setup.sh

case ${1:-} in
-h | --help)
  sed -n '2s/^# //p' "${BASH_SOURCE[0]}"
  exit
  ;;
esac

# Runs one part by its name; its failure ends everything, with a line that says which part it was.
part() {
  local name=$1
  shift
  say "$name"
  "$@" </dev/null || die "failed: $name"
}

need_cargo_command() {
  local name=$1
  if cargo "$name" --version >/dev/null 2>&1; then return; fi
  say "installing cargo-$name (cargo install, some minutes)"
  quietly cargo install --locked "cargo-$name" || die "cargo-$name could not be installed; see $SETUP_LOG"
}

need_component() {
  if cargo "$2" --version >/dev/null 2>&1; then return; fi
  say "installing $1"
  quietly rustup component add "$1" || die "$1 is missing and rustup could not add it"
}

need_shellcheck() {
  if has shellcheck; then return; fi
  say "installing shellcheck"
  install_packages shellcheck || install_packages ShellCheck || return 1
}

licences_and_sources() {
  cargo deny --log-level error check bans licenses sources || return 1
  if timeout 120 cargo deny fetch db >>"$SETUP_LOG" 2>&1; then
    cargo deny --log-level error check --disable-fetch advisories
  else
    say "advisories not checked: their database could not be fetched"
  fi
}

# Two versions of one of these do not fit together: their types differ, or the terminal is set up twice.
one_of_each() {
  local tree
  tree=$(cargo tree --locked --duplicates --edges normal --depth 0) || return 1
  if grep -E '^(crossterm|ratatui|ratatui-core|vt100|rustls|tokio|hyper) ' <<<"$tree" >&2; then return 1; fi
}

scripts() { git ls-files -z -- '*.sh' .ci/run | xargs -0 shellcheck -x; }

need_rust
need_component rustfmt fmt
need_component clippy clippy
part "format" cargo fmt --check

need_docker
need_compose
need_base_image
need_cargo_command nextest
need_cargo_command deny

if need_shellcheck; then part "scripts" scripts; else say "scripts not checked: shellcheck could not be installed"; fi
part "one version of each" one_of_each
part "licences, bans, sources, advisories" licences_and_sources
part "lints" cargo clippy --quiet --all-targets --locked -- -D warnings
part "build" cargo build --quiet --locked
part "tests" cargo nextest run --locked --no-fail-fast "$@"
