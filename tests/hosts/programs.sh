#!/usr/bin/env bash
# An image with the programs that people use in terminals, and one without any shell: programs.sh up|down
# Prints the names of both. They are kept between runs.
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

PROGRAMS=ondeck-test:programs
BARE=ondeck-test:no-shell
alone programs
need_docker

made() { "${DOCKER[@]}" image inspect "$1" >/dev/null 2>&1; }

case ${1:-} in
up)
  if ! made "$PROGRAMS"; then
    need_base_image
    say "building $PROGRAMS (vim, less, htop, top, tmux)"
    "${DOCKER[@]}" build -q -t "$PROGRAMS" - <<EOF
FROM $BASE_IMAGE
LABEL dev.ondeck.test=programs
RUN apt-get update -q && apt-get install -y -q --no-install-recommends vim less htop tmux procps ncurses-bin \
  && rm -rf /var/lib/apt/lists/*
EOF
  fi
  if ! made "$BARE"; then
    say "building $BARE (one program that links nothing)"
    dir=$(mktemp -d)
    cat >"$dir/wait.rs" <<'EOF'
fn main() { loop { std::thread::park(); } }
EOF
    rustc -C target-feature=+crt-static -C relocation-model=static -O -o "$dir/wait" "$dir/wait.rs"
    printf 'FROM scratch\nLABEL dev.ondeck.test=programs\nCOPY wait /wait\nENTRYPOINT ["/wait"]\n' >"$dir/Dockerfile"
    "${DOCKER[@]}" build -q -t "$BARE" "$dir"
    rm -rf "$dir"
  fi
  give_address "$PROGRAMS $BARE"
  ;;
down) "${DOCKER[@]}" image rm -f "$PROGRAMS" "$BARE" ;;
*) die "usage: programs.sh up|down" ;;
esac
