#!/usr/bin/env bash
# From a fresh machine to the panel with an example stack in it. See --help.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=examples/setup.sh
source examples/setup.sh

usage() {
  cat <<'HELP'
usage: examples/quickstart.sh [--no-open | --down | --help]

Brings up the example stack `shop` on this machine's Docker Engine, builds ondeck and opens the panel.
Finds what is there already, installs and starts what is missing (Docker Engine, compose), and says
what it does before it does it. A second run changes nothing.

  --no-open   everything but the panel; prints the command that opens it
  --down      removes the example stack: its containers, networks, volume and image

  SHOP_PORT   the port of the shop's front on 127.0.0.1 (8080, or the next that is free)
HELP
}

PROJECT=shop
SHOP_IMAGE=ondeck-example/shop:1.0

compose() {
  "${COMPOSE[@]}" --project-name "$PROJECT" --project-directory examples/stacks/shop \
    --file examples/stacks/shop/compose.yaml "$@"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A shop that is there already keeps its port, or compose would make its front anew.
choose_port() {
  local front port
  if [ -n "${SHOP_PORT:-}" ]; then return; fi
  front=$("${DOCKER[@]}" ps -aq --filter "label=com.docker.compose.project=$PROJECT" \
    --filter label=com.docker.compose.service=web | head -n 1)
  if [ -n "$front" ]; then
    SHOP_PORT=$("${DOCKER[@]}" inspect \
      --format '{{range .HostConfig.PortBindings}}{{(index . 0).HostPort}}{{end}}' "$front")
  else
    for port in {8080..8119}; do
      if ! port_is_taken "$port"; then
        SHOP_PORT=$port
        break
      fi
    done
  fi
}

# What the stack is made of, so that unchanged sources cost no build.
sources_stamp() { (cd examples/stacks/shop && cat Dockerfile app/* | cksum | tr ' ' -); }

bring_up() {
  local stamp built
  choose_port
  export SHOP_PORT=${SHOP_PORT:-8080}
  if [ "${COMPOSE[0]}" = sudo ]; then COMPOSE=(sudo "SHOP_PORT=$SHOP_PORT" "${COMPOSE[@]:1}"); fi
  # Where there is no buildx, the classic builder does.
  if ! "${DOCKER[@]}" buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi
  stamp=$(sources_stamp)
  built=$("${DOCKER[@]}" image inspect --format '{{index .Config.Labels "dev.ondeck.example.sources"}}' \
    "$SHOP_IMAGE" 2>/dev/null) || built=
  if [ "$built" != "$stamp" ]; then
    say "building the example stack's image"
    quietly compose build --build-arg "SOURCES=$stamp" web || die "the build failed; see $SETUP_LOG"
  fi
  say "bringing up the example stack on http://127.0.0.1:$SHOP_PORT"
  quietly compose up -d || die "compose up failed; see $SETUP_LOG"
}

open_panel=yes
case ${1:-} in
'') ;;
--no-open) open_panel=no ;;
--down)
  if ! engine_answers; then die "no engine answers: nothing to remove"; fi
  need_compose
  say "removing the example stack"
  quietly compose down --volumes --remove-orphans || die "compose down failed; see $SETUP_LOG"
  "${DOCKER[@]}" image rm "$SHOP_IMAGE" >/dev/null 2>&1 || true
  exit
  ;;
-h | --help)
  usage
  exit
  ;;
*)
  usage >&2
  exit 2
  ;;
esac
if [ $# -gt 1 ]; then
  usage >&2
  exit 2
fi

need_rust
need_docker
need_compose
need_base_image
bring_up

say "building ondeck, if it changed (the first time takes some minutes)"
cargo build --release --quiet || die "the build failed"

panel=("${CARGO_TARGET_DIR:-target}/release/ondeck")
if [ "${DOCKER[0]}" = sudo ]; then panel=(sudo "--preserve-env=TERM,COLORTERM,LANG,LC_ALL" "${panel[@]}"); fi
if [ "$open_panel" = no ] || [ ! -t 0 ] || [ ! -t 1 ]; then
  say "ready; this opens the panel:"
  printf '%s\n' "${panel[*]}"
  exit
fi
say "opening the panel"
exec "${panel[@]}"
