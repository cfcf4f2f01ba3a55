#!/usr/bin/env bash
# A newer engine than this machine's, in a container of it: Debian 13's docker.io (API 1.45).
#   modern-engine.sh up|down
# `down` keeps what debootstrap made, in ONDECK_HOSTS; `down --all` removes that too.
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

verb=${1:-} option=${2:-}
dir=$HOSTS/modern
socket=$dir/run/docker.sock
image=ondeck-test/modern-engine:trixie
container=ondeck-test-modern-engine
alone modern
need_curl
need_docker

make_image() (
  if [ ! -s "$dir/trixie.tar" ]; then
    if ! has debootstrap; then
      say "installing debootstrap"
      install_packages debootstrap || die "debootstrap could not be installed; see $SETUP_LOG"
    fi
    root=$(mktemp -d /var/tmp/ondeck-modern.XXXXXX)
    trap 'clear_away "$root"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    say "making Debian 13 with its docker.io (debootstrap, about a minute)"
    quietly debootstrap --variant=minbase --include=docker.io,docker-cli,iptables trixie "$root" ||
      die "debootstrap failed; see $SETUP_LOG"
    rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
    tar -C "$root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' -cf "$dir/trixie.tar.new" .
    mv "$dir/trixie.tar.new" "$dir/trixie.tar"
  fi
  say "importing $image"
  "${DOCKER[@]}" import --change 'LABEL dev.ondeck.test=modern-engine' "$dir/trixie.tar" "$image"
)

case $verb in
up)
  mkdir -p "$dir/run"
  if ! "${DOCKER[@]}" image inspect "$image" >/dev/null 2>&1; then make_image; fi
  if [ "$("${DOCKER[@]}" inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" != true ] || ! answers "$socket"; then
    "${DOCKER[@]}" rm --force --volumes "$container" >/dev/null 2>&1 || true
    rm -f "$socket"
    say "starting the engine in the container $container"
    # The least it needs to run containers of its own. Control groups are made writable, and on version 2
    # the processes leave the root group, so that it may hand controllers down.
    # shellcheck disable=SC2016 # The container's shell is to expand it.
    "${DOCKER[@]}" run --detach --init --name "$container" --hostname modern-engine \
      --label dev.ondeck.test=modern-engine --network none \
      --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
      --cgroupns private --volume /var/lib/docker --mount "type=bind,source=$dir/run,target=/host" "$image" sh -c '
        if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
          mount -o remount,rw /sys/fs/cgroup
          mkdir -p /sys/fs/cgroup/init
          for pid in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs; done
          for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
            echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
          done
        else
          for group in $(mount | grep "type cgroup" | cut -d" " -f3); do mount -o remount,bind,rw "$group"; done
        fi
        exec dockerd --host unix:///host/docker.sock --bridge none --iptables=false --ip6tables=false'
    tries=300
    until answers "$socket"; do
      if [ "$tries" = 0 ] || [ "$("${DOCKER[@]}" inspect --format '{{.State.Running}}' "$container")" != true ]; then
        "${DOCKER[@]}" logs --tail 12 "$container"
        die "the engine in $container does not answer"
      fi
      sleep 0.1
      tries=$((tries - 1))
    done
  fi
  give_address "unix://$socket"
  ;;
down)
  "${DOCKER[@]}" rm --force --volumes "$container" >/dev/null 2>&1 || true
  rm -rf "$dir/run"
  if [ "$option" = --all ]; then
    "${DOCKER[@]}" image rm "$image" >/dev/null 2>&1 || true
    clear_away "$dir"
  fi
  ;;
*) die "usage: modern-engine.sh up|down [--all]" ;;
esac
