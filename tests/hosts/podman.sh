#!/usr/bin/env bash
# Podman's service with a storage of its own and one container in it: podman.sh up|down
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

verb=${1:-}
dir=$HOSTS/podman
socket=$dir/podman.sock
alone podman

own_podman() {
  CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf \
    podman --root "$dir/root" --runroot "$dir/run" --tmpdir "$dir/tmp" --storage-driver vfs \
    --cgroup-manager cgroupfs --events-backend file "$@" 3>&- 9>&-
}

case $verb in
up)
  need_curl
  if ! has podman; then
    say "installing podman"
    install_packages podman || die "podman could not be installed; see $SETUP_LOG"
  fi
  mkdir -p "$dir"
  # Limits that need not be raised: podman's own defaults fail where the capability to raise them is missing.
  printf '[containers]\ndefault_sysctls = []\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' \
    >"$dir/containers.conf"
  printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/root"\n' "$dir" "$dir" >"$dir/storage.conf"
  if ! own_podman image exists "$BASE_IMAGE"; then
    need_docker
    need_base_image
    say "giving $BASE_IMAGE to podman"
    "${DOCKER[@]}" save "$BASE_IMAGE" | own_podman load --quiet
  fi
  if ! runs "$dir/podman.pid" || ! answers "$socket"; then
    stop_daemon "$dir/podman.pid"
    rm -f "$socket"
    CONTAINERS_CONF=$dir/containers.conf CONTAINERS_STORAGE_CONF=$dir/storage.conf \
      start_daemon "$dir/podman.pid" "$dir/podman.log" podman --root "$dir/root" --runroot "$dir/run" \
      --tmpdir "$dir/tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file \
      system service --time=0 "unix://$socket"
    wait_for_answer "$socket" "$dir/podman.pid" "$dir/podman.log"
  fi
  if [ "$(own_podman inspect --format '{{.State.Running}}' ticker 2>/dev/null)" != true ]; then
    own_podman rm --force ticker >/dev/null 2>&1 || true
    # shellcheck disable=SC2016 # The container's shell is to expand it.
    own_podman run --detach --name ticker --network none --log-driver k8s-file \
      --label dev.ondeck.test=podman "$BASE_IMAGE" \
      sh -c 'trap "exit 0" TERM; n=0; while :; do n=$((n + 1)); echo "tick $n"; sleep 1 & wait $!; done'
  fi
  give_address "unix://$socket"
  ;;
down)
  if [ -d "$dir" ]; then
    if has podman; then own_podman rm --all --force --time 0 >/dev/null || true; fi
    stop_daemon "$dir/podman.pid"
    clear_away "$dir"
  fi
  ;;
*) die "usage: podman.sh up|down" ;;
esac
