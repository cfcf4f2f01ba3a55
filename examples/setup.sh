# shellcheck shell=bash
# What a machine needs before ondeck can show something on it: sourced by quickstart.sh and tests/run.sh.
# Each function finds first, says what it is about to do, and does only what is missing.

BASE_IMAGE=debian:bookworm-slim
SETUP_LOG=${SETUP_LOG:-${TMPDIR:-/tmp}/ondeck-setup-$(id -u).log}

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  MARK=$'\e[1;36m==>\e[0m' ERROR_MARK=$'\e[1;31merror:\e[0m'
else
  MARK='==>' ERROR_MARK='error:'
fi

# Progress goes to stderr, so that what a script is for can go to stdout.
say() { printf '%s %s\n' "$MARK" "$*" >&2; }
die() {
  printf '%s %s\n' "$ERROR_MARK" "$*" >&2
  exit 1
}

# Runs a command whose words go to the log.
logged() {
  printf '\n$ %s\n' "$*" >>"$SETUP_LOG"
  "$@" >>"$SETUP_LOG" 2>&1 </dev/null
}

# The same, and shows its last words when it fails.
quietly() {
  local status=0 before=0
  if [ -e "$SETUP_LOG" ]; then before=$(wc -c <"$SETUP_LOG"); fi
  logged "$@" || status=$?
  if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then
    tail -c "+$((before + 1))" "$SETUP_LOG" | tail -n 15 | sed 's/^/    /' >&2
  fi
  return "$status"
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo; then
    sudo "$@"
  else
    die "this needs root and there is no sudo: $*"
  fi
}

# Asks for sudo's password where it can be seen, before the output of a command goes to a file.
become_root() {
  if [ "$(id -u)" != 0 ] && has sudo; then sudo -v || die "sudo was refused"; fi
}

package_system() {
  local tool
  for tool in apt-get dnf pacman apk zypper; do
    if has "$tool"; then
      echo "$tool"
      return
    fi
  done
  return 1
}

PACKAGES_LISTED=
# Installs packages by the names they have here; fails when the system has no such package.
install_packages() {
  local system
  system=$(package_system) || die "no known package manager (apt, dnf, pacman, apk, zypper) to install: $*"
  become_root
  if [ -z "$PACKAGES_LISTED" ]; then
    PACKAGES_LISTED=yes
    case $system in
    apt-get) quietly as_root apt-get update -qq || say "package lists could not all be fetched; going on with what there is" ;;
    pacman) quietly as_root pacman -Sy || true ;;
    esac
  fi
  case $system in
  apt-get)
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      -o DPkg::Lock::Timeout=120 "$@"
    ;;
  dnf) quietly as_root dnf install -y "$@" ;;
  pacman) quietly as_root pacman -S --noconfirm --needed "$@" ;;
  apk) quietly as_root apk add "$@" ;;
  zypper) quietly as_root zypper --non-interactive install "$@" ;;
  esac
}

# Whether the system's lists have a package, so that asking for one of several names shows no error.
known_package() {
  case $(package_system) in
  apt-get) [ -n "$(apt-cache madison "$1" 2>/dev/null)" ] ;;
  *) true ;;
  esac
}

# How to call docker: plainly, or by sudo when the engine's socket is closed to this user.
DOCKER=(docker)
engine_answers() { has docker && timeout 15 "${DOCKER[@]}" info >/dev/null 2>&1; }

need_docker() {
  if ! has docker; then
    case $(package_system || true) in
    apt-get)
      say "installing Docker Engine (docker.io)"
      install_packages docker.io iptables
      ;;
    dnf)
      say "installing Docker Engine (moby-engine)"
      install_packages moby-engine || install_packages docker
      ;;
    *)
      say "installing Docker Engine (docker)"
      install_packages docker
      ;;
    esac || die "Docker Engine could not be installed; see https://docs.docker.com/engine/install/ and $SETUP_LOG"
  fi
  has docker || die "there is still no docker command after installing it"
  if engine_answers; then return; fi
  if [ -n "${DOCKER_HOST:-}" ]; then die "no engine answers at DOCKER_HOST=$DOCKER_HOST"; fi
  if [ "$(id -u)" != 0 ] && has sudo; then
    become_root
    DOCKER=(sudo docker)
    if engine_answers; then
      say "this user may not use the engine: going on with sudo (for good: sudo usermod -aG docker $(id -un), then log in again)"
      return
    fi
  fi
  if ! has dockerd && [ ! -x /usr/sbin/dockerd ]; then
    # A client alone: its engine is missing.
    if [ "$(package_system || true)" != apt-get ]; then die "docker is here, but no dockerd; install Docker Engine"; fi
    say "installing Docker Engine (docker.io); only its client is here"
    install_packages docker.io iptables || die "Docker Engine could not be installed; see $SETUP_LOG"
  fi
  start_engine
}

wait_for_engine() {
  local tries=$1
  while [ "$tries" -gt 0 ]; do
    if engine_answers; then return 0; fi
    sleep 0.5
    tries=$((tries - 1))
  done
  return 1
}

start_engine() {
  local log=/var/log/dockerd.log
  become_root
  # The package's installation may have started it just now.
  if [ -S /var/run/docker.sock ] && wait_for_engine 6; then return; fi
  if [ -d /run/systemd/system ]; then
    say "starting Docker Engine (systemctl start docker)"
    quietly as_root systemctl start docker || die "systemctl start docker failed; see journalctl -u docker"
    wait_for_engine 60 || die "Docker Engine was started and does not answer; see journalctl -u docker"
    return
  fi
  if has rc-service && [ -e /etc/init.d/docker ]; then
    say "starting Docker Engine (rc-service docker start)"
    if logged as_root rc-service docker start && wait_for_engine 40; then return; fi
  elif has service && [ -e /etc/init.d/docker ]; then
    say "starting Docker Engine (service docker start)"
    if logged as_root service docker start && wait_for_engine 40; then return; fi
  fi
  say "starting Docker Engine (dockerd in the background, log in $log)"
  # A session of its own: Ctrl-C in this terminal must not end the engine.
  # shellcheck disable=SC2016 # The inner shell is to expand it.
  as_root sh -c 'PATH=$PATH:/usr/sbin:/sbin; setsid nohup dockerd >>"$1" 2>&1 </dev/null &' sh "$log"
  if ! wait_for_engine 80; then
    as_root tail -n 12 "$log" | sed 's/^/    /' >&2
    die "Docker Engine does not start; the last lines of $log are above"
  fi
}

# How to call compose: the docker command's plugin, or the program of before.
COMPOSE=()
# shellcheck disable=SC2034 # Used by the scripts that source this one.
find_compose() {
  if "${DOCKER[@]}" compose version >/dev/null 2>&1; then
    COMPOSE=("${DOCKER[@]}" compose)
  elif has docker-compose && docker-compose version >/dev/null 2>&1; then
    if [ "${DOCKER[0]}" = sudo ]; then COMPOSE=(sudo docker-compose); else COMPOSE=(docker-compose); fi
  else
    return 1
  fi
}

need_compose() {
  local package
  if find_compose; then return; fi
  for package in docker-compose-plugin docker-compose-v2 docker-compose; do
    if ! known_package "$package"; then continue; fi
    say "installing compose ($package)"
    if install_packages "$package" && find_compose; then return; fi
  done
  die "compose could not be installed; see https://docs.docker.com/compose/install/linux/ and $SETUP_LOG"
}

need_rust() {
  if ! has cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH=$HOME/.cargo/bin:$PATH; fi
  has cargo || die "there is no cargo: install Rust from https://rustup.rs and run this again"
  if ! has cc && ! has gcc && ! has clang; then
    say "installing a C compiler for the build"
    case $(package_system || true) in
    apt-get) install_packages gcc libc6-dev ;;
    apk) install_packages gcc musl-dev ;;
    *) install_packages gcc ;;
    esac || die "no C compiler; see $SETUP_LOG"
  fi
}

# The image everything here is built from: from a registry, else made of Debian's packages.
need_base_image() {
  if "${DOCKER[@]}" image inspect "$BASE_IMAGE" >/dev/null 2>&1; then return; fi
  say "pulling $BASE_IMAGE"
  if timeout 60 "${DOCKER[@]}" pull -q "$BASE_IMAGE" >>"$SETUP_LOG" 2>&1 </dev/null; then return; fi
  say "no registry gave it"
  make_base_image
}

# In a subshell of its own, so that its trap leaves no half-made system behind, however it ends.
# shellcheck disable=SC2317 # The trap calls clear_away.
make_base_image() (
  if ! has debootstrap && [ ! -x /usr/sbin/debootstrap ]; then
    say "installing debootstrap"
    install_packages debootstrap || die "debootstrap could not be installed; see $SETUP_LOG"
    # Systems that are not Debian need its keys to check what is fetched.
    if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] && [ "$(package_system)" = apt-get ]; then
      install_packages debian-archive-keyring || true
    fi
  fi
  become_root
  # /var/tmp: it is on a disk, and not mounted without devices as /tmp may be.
  root=$(as_root mktemp -d /var/tmp/ondeck-base.XXXXXX)
  clear_away() {
    as_root umount -l "$root/proc" "$root/sys" 2>/dev/null || true
    as_root rm -rf --one-file-system "$root"
  }
  trap clear_away EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  say "making $BASE_IMAGE from Debian's packages (debootstrap, about half a minute)"
  quietly as_root env PATH="$PATH:/usr/sbin:/sbin" debootstrap --variant=minbase bookworm "$root" ||
    die "debootstrap failed; see $SETUP_LOG"
  # shellcheck disable=SC2016 # The inner shell is to expand it.
  as_root sh -ec 'cd "$1"
    rm -rf usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/* usr/share/lintian \
      var/lib/apt/lists/* var/cache/apt/* var/cache/debconf/*-old var/log/*.log var/log/apt' sh "$root"
  # Under a name of its own first: an import cut short must not pass for the image.
  making=ondeck-base:making
  as_root tar -C "$root" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' -c . |
    "${DOCKER[@]}" import --change 'CMD ["bash"]' - "$making" >>"$SETUP_LOG" 2>&1 ||
    die "docker import failed; see $SETUP_LOG"
  "${DOCKER[@]}" tag "$making" "$BASE_IMAGE"
  "${DOCKER[@]}" image rm "$making" >/dev/null
)
