#!/usr/bin/env bash
# A proxy before this machine's engine that lets be read and not be changed, as people put before a panel:
#   proxy-403.sh up|down [--name NAME] [--deny images,events] [--tcp]
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

usage() { die "usage: proxy-403.sh up|down [--name NAME] [--deny images,events] [--tcp]"; }
verb=${1:-} name=default deny='' tcp=
shift || usage
while [ $# -gt 0 ]; do
  case $1 in
  --name) name=${2:?} && shift 2 ;;
  --deny) deny=${2:?} && shift 2 ;;
  --tcp) tcp=yes && shift ;;
  *) usage ;;
  esac
done
[[ $name =~ ^[a-z0-9][a-z0-9-]*$ ]] || usage
dir=$HOSTS/proxy-$name
socket=$dir/proxy.sock
alone "proxy-$name"

# The sections of the API that may be read, but those denied.
rules() {
  local section
  for section in _ping version info events containers images networks volumes system/df; do
    if [[ ,$deny, == *,$section,* ]]; then continue; fi
    echo "    http-request allow if METH_GET { path,url_dec -m reg -i ^(/v[0-9.]+)?/$section(/|\$) }"
  done
  echo "    http-request deny deny_status 403"
}

case $verb in
up)
  need_curl
  if ! has haproxy; then
    say "installing haproxy"
    install_packages haproxy || die "haproxy could not be installed; see $SETUP_LOG"
  fi
  engine_answers || need_docker
  mkdir -p "$dir"
  if [ -n "$tcp" ] && [ ! -s "$dir/port" ]; then free_port {23750..23850} >"$dir/port"; fi
  {
    cat <<CONFIG
global
    maxconn 200
defaults
    mode http
    option http-server-close
    timeout connect 5s
    timeout client 10m
    timeout server 10m
    timeout tunnel 1h
frontend engine
    bind unix@$socket mode 600
CONFIG
    if [ -n "$tcp" ]; then echo "    bind 127.0.0.1:$(cat "$dir/port")"; fi
    rules
    echo "    default_backend engine"
    echo "backend engine"
    echo "    server engine unix@/var/run/docker.sock"
  } >"$dir/haproxy.cfg.new"
  if ! runs "$dir/haproxy.pid" || ! cmp -s "$dir/haproxy.cfg.new" "$dir/haproxy.cfg"; then
    stop_daemon "$dir/haproxy.pid"
    mv "$dir/haproxy.cfg.new" "$dir/haproxy.cfg"
    start_daemon "$dir/haproxy.pid" "$dir/haproxy.log" haproxy -db -f "$dir/haproxy.cfg"
    tries=100
    until curl -sS -o /dev/null --max-time 5 --unix-socket "$socket" http://engine/_ping 2>/dev/null; do
      if ! runs "$dir/haproxy.pid" || [ "$tries" = 0 ]; then
        tail -n 12 "$dir/haproxy.log" >&2
        die "haproxy does not answer"
      fi
      sleep 0.1
      tries=$((tries - 1))
    done
  fi
  if [ -n "$tcp" ]; then give_address "tcp://127.0.0.1:$(cat "$dir/port")"; else give_address "unix://$socket"; fi
  ;;
down)
  stop_daemon "$dir/haproxy.pid"
  clear_away "$dir"
  ;;
*) usage ;;
esac
