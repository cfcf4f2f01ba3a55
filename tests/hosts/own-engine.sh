#!/usr/bin/env bash
# A Docker Engine of a test's own, which it may stop and start: own-engine.sh up|stop|start|down NAME [--with-image]
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

verb=${1:-} name=${2:-} option=${3:-}
usage() { die "usage: own-engine.sh up|stop|start|down NAME [--with-image]"; }
[[ "$name $option" =~ ^[a-z0-9][a-z0-9-]*\ (--with-image)?$ ]] || usage
dir=$HOSTS/own-$name
socket=$dir/docker.sock
alone "own-$name"
need_curl

start() {
  if runs "$dir/launched.pid" && answers "$socket"; then return; fi
  mkdir -p "$dir"
  rm -f "$dir/docker.pid" "$socket"
  # A network namespace of its own: an engine told to do without a bridge removes the docker0 it finds,
  # which is another engine's. Containerd namespaces of its own, for where the system's containerd is shared.
  start_daemon "$dir/launched.pid" "$dir/dockerd.log" unshare --net -- dockerd \
    --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/docker.pid" --host "unix://$socket" --bridge none --iptables=false --ip-forward=false \
    --containerd-namespace "ondeck-$name" --containerd-plugins-namespace "ondeck-$name-plugins" \
    --shutdown-timeout 3
  wait_for_answer "$socket" "$dir/launched.pid" "$dir/dockerd.log"
}

case $verb in
up)
  has dockerd || need_docker
  mkdir -p "$dir"
  echo '{}' >"$dir/daemon.json"
  start
  if [ -n "$option" ] && ! docker --host "unix://$socket" image inspect "$BASE_IMAGE" >/dev/null 2>&1; then
    need_docker
    need_base_image
    say "giving $BASE_IMAGE to the engine $name"
    "${DOCKER[@]}" save "$BASE_IMAGE" | docker --host "unix://$socket" load
  fi
  give_address "unix://$socket"
  ;;
start)
  [ -d "$dir/data" ] || die "there is no engine $name: up first"
  start
  give_address "unix://$socket"
  ;;
stop) stop_daemon "$dir/launched.pid" ;;
down)
  if runs "$dir/launched.pid"; then
    docker --host "unix://$socket" ps -q | xargs -r docker --host "unix://$socket" kill || true
  fi
  stop_daemon "$dir/launched.pid"
  clear_away "$dir"
  # Names of engines are used once, so nobody waits for this lock.
  rm -f "$HOSTS/own-$name.lock"
  ;;
*) usage ;;
esac
