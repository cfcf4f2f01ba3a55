# shellcheck shell=bash
# What the engines for tests share: sourced by the scripts beside it.
# Each prints nothing on stdout but the address of its engine; all that belongs to it is under
# ONDECK_HOSTS (or a directory of TMPDIR) and goes away with `down`.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/setup.sh
source "$HERE/../../examples/setup.sh"
HOSTS=${ONDECK_HOSTS:-${TMPDIR:-/tmp}/ondeck-hosts}
PATH=$PATH:/usr/sbin:/sbin

# The caller's stdout is kept for the address; what commands print goes to stderr.
exec 3>&1 1>&2
give_address() { printf '%s\n' "$1" >&3; }

[ "$(id -u)" = 0 ] || die "an engine for tests needs root"

# Each script is used by one caller at a time: two tests that want the same engine wait for each other.
alone() {
  mkdir -p "$HOSTS"
  exec 9>"$HOSTS/$1.lock"
  flock 9
}

runs() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
}

# Starts a program that outlives this script and holds none of its descriptors.
start_daemon() {
  local pidfile=$1 log=$2
  shift 2
  setsid nohup "$@" >>"$log" 2>&1 </dev/null 3>&- 9>&- &
  echo $! >"$pidfile"
}

stop_daemon() {
  local pidfile=$1 pid tries=150
  if runs "$pidfile"; then
    pid=$(cat "$pidfile")
    kill "$pid"
    while runs "$pidfile" && [ "$tries" -gt 0 ]; do
      sleep 0.1
      tries=$((tries - 1))
    done
    if runs "$pidfile"; then kill -KILL "$pid"; fi
  fi
  rm -f "$pidfile"
}

answers() { curl -fsS -o /dev/null --max-time 5 --unix-socket "$1" http://engine/_ping 2>/dev/null; }

# Waits until the engine at a socket answers while its daemon lives; else shows the daemon's last words.
wait_for_answer() {
  local socket=$1 pidfile=$2 log=$3 tries=300
  while ! answers "$socket"; do
    if ! runs "$pidfile" || [ "$tries" = 0 ]; then
      tail -n 12 "$log" >&2
      die "no answer at $socket; the last lines of $log are above"
    fi
    sleep 0.1
    tries=$((tries - 1))
  done
}

# Removes a directory with what is still mounted below it, but nothing of what was mounted.
clear_away() {
  local mount
  [ -d "$1" ] || return 0
  while read -r mount; do umount -l "$mount" || true; done < <(
    awk -v below="$(realpath "$1")/" 'index($5 "/", below) == 1 { print $5 }' /proc/self/mountinfo | sort -r
  )
  rm -rf --one-file-system "$1"
}

need_curl() {
  if ! has curl; then
    say "installing curl"
    install_packages curl || die "curl could not be installed; see $SETUP_LOG"
  fi
}

# The first of some ports where nothing listens.
free_port() {
  local port
  for port in "$@"; do
    if ! (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  return 1
}
