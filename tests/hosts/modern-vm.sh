#!/usr/bin/env bash
# A host as most are today, in a virtual machine of this one: Debian 13's Docker Engine 26.1 on control groups
# of version 2 under AppArmor, reached by ssh only.
#   modern-vm.sh up|down [--all]
# It is reached by a name that only its own ssh knows, a wrapper that adds the key and the port and leaves ~/.ssh
# alone. With that before the real one, the panel and the docker command take the address as it is:
#   address=$(tests/hosts/modern-vm.sh up)        # what to export is said on stderr, too
#   export PATH="${ONDECK_HOSTS:-${TMPDIR:-/tmp}/ondeck-hosts}/modern-vm/bin:$PATH"
#   ondeck --host "$address"; docker --host "$address" ps; ssh root@ondeck-modern-vm aa-status
# `down` keeps the disk with all that was pulled, built and made on it; `down --all` removes that too.
# Everything is emulated, as nested virtualization is rarely there: ONDECK_VM_ACCEL=kvm where it is.
# shellcheck source=tests/hosts/host.sh
source "$(dirname "${BASH_SOURCE[0]}")/host.sh"

verb=${1:-} option=${2:-}
usage() { die "usage: modern-vm.sh up|down [--all]"; }
[[ "$verb $option" =~ ^(up\ |down\ (--all)?)$ ]] || usage
name=ondeck-modern-vm
dir=$HOSTS/modern-vm
alone modern-vm

need_programs() {
  local program package missing=()
  while read -r program package; do
    if ! has "$program"; then missing+=("$package"); fi
  done <<'PROGRAMS'
qemu-system-x86_64 qemu-system-x86
debootstrap debootstrap
ssh openssh-client
mkfs.ext4 e2fsprogs
PROGRAMS
  if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    install_packages "${missing[@]}" || die "not installed: ${missing[*]}; see $SETUP_LOG"
  fi
}

# Where this machine's apt fetches Debian from; nothing where it is not Debian, and debootstrap knows one itself.
# shellcheck disable=SC2016 # apt is to expand it.
mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
    grep -m 1 -E '^https?://' || true
}

# The proxy that this machine's apt uses, for the apt of the machine that is made.
use_proxy_of_apt() {
  local proxy=
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  if [ -n "$proxy" ]; then export http_proxy=${http_proxy:-$proxy}; fi
}

make_keys() {
  if [ -s "$dir/host_key" ] && [ -s "$dir/key" ]; then return; fi
  rm -f "$dir"/{host_key,key}{,.pub}
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$dir/key"
}

# What makes a Debian 13 that debootstrap unpacked at $1 a host that starts by itself and lets in who has the key.
settle() {
  local root=$1
  # Not Debian 13's own kernel: under emulation by the qemu of Debian 12 it hangs.
  sed 's/ trixie / bookworm /' "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/bookworm.list"
  # Only what this machine has, or most of its start is unpacking modules.
  mkdir -p "$root/etc/initramfs-tools/conf.d"
  echo MODULES=list >"$root/etc/initramfs-tools/conf.d/modules"
  printf '%s\n' virtio_pci virtio_blk ext4 >>"$root/etc/initramfs-tools/modules"
  quietly chroot "$root" apt-get update -qq
  quietly chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    linux-image-cloud-amd64/bookworm
  rm "$root/etc/apt/sources.list.d/bookworm.list"
  cp -L "$root/vmlinuz" "$dir/vmlinuz"
  cp -L "$root/initrd.img" "$dir/initrd.img"

  echo modern-vm >"$root/etc/hostname"
  echo '127.0.0.1 localhost modern-vm' >"$root/etc/hosts"
  echo '/dev/vda / ext4 noatime,discard 0 0' >"$root/etc/fstab"
  # The addresses of qemu's network of user mode; its name server asks this machine's.
  printf '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' \
    >"$root/etc/systemd/network/eth0.network"
  rm -f "$root/etc/resolv.conf"
  echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"

  rm -f "$root"/etc/ssh/ssh_host_*
  install -m 600 "$dir/host_key" "$root/etc/ssh/ssh_host_ed25519_key"
  install -m 700 -d "$root/root/.ssh"
  install -m 600 "$dir/key.pub" "$root/root/.ssh/authorized_keys"
  # Many connections at once are what a panel makes.
  printf '%s\n' 'HostKey /etc/ssh/ssh_host_ed25519_key' 'PermitRootLogin prohibit-password' \
    'PasswordAuthentication no' 'UsePAM no' 'UseDNS no' 'MaxStartups 100' 'PrintMotd no' \
    >"$root/etc/ssh/sshd_config.d/host.conf"

  systemd-machine-id-setup --root="$root" 2>/dev/null || tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  quietly chroot "$root" systemctl enable systemd-networkd ssh docker
  quietly chroot "$root" systemctl mask systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap getty@tty1 serial-getty@ttyS0 systemd-resolved
  rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
}

make_disk() (
  root=$(mktemp -d /var/tmp/ondeck-modern-vm.XXXXXX)
  trap 'clear_away "$root"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  chmod 755 "$root"
  from=$(mirror)
  use_proxy_of_apt
  say "making Debian 13 with its docker.io (debootstrap, about two minutes)"
  quietly debootstrap --variant=minbase \
    --include=systemd-sysv,udev,kmod,netbase,iproute2,iptables,ca-certificates,openssh-server,apparmor,docker.io,docker-cli,initramfs-tools \
    trixie "$root" ${from:+"$from"} || die "debootstrap failed; see $SETUP_LOG"
  say "giving it a kernel"
  settle "$root" || die "the system could not be made ready; see $SETUP_LOG"
  say "writing its disk"
  rm -f "$dir/disk.new"
  quietly mkfs.ext4 -q -F -L modern-vm -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$dir/disk.new" 10G ||
    die "mkfs.ext4 failed; see $SETUP_LOG"
  mv "$dir/disk.new" "$dir/disk.img"
)

# An ssh that knows the machine, its port and its keys; for all else it is the ssh of before.
make_ssh() {
  local port=$1
  mkdir -p "$dir/bin"
  echo "$name $(cut -d' ' -f1,2 "$dir/host_key.pub")" >"$dir/known_hosts"
  cat >"$dir/ssh_config" <<CONFIG
Host $name
  HostName 127.0.0.1
  Port $port
  User root
  HostKeyAlias $name
  UserKnownHostsFile "$dir/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  IdentityFile "$dir/key"
  IdentitiesOnly yes
  IdentityAgent none
  ControlMaster no
  ControlPath none
Match all
  Include ~/.ssh/config
  Include /etc/ssh/ssh_config
CONFIG
  cat >"$dir/bin/ssh.new" <<WRAPPER
#!/bin/sh
exec "$real_ssh" -F "$dir/ssh_config" "\$@"
WRAPPER
  chmod 755 "$dir/bin/ssh.new"
  mv "$dir/bin/ssh.new" "$dir/bin/ssh"
}

in_vm() { timeout --kill-after=5 "$1" "$dir/bin/ssh" -o BatchMode=yes -o ConnectTimeout=10 "$name" "$2"; }
engine_in_vm() { in_vm 60 'docker info --format "{{.ServerVersion}}"' >/dev/null 2>"$dir/ssh.log" </dev/null; }

start_machine() {
  local port
  port=$(free_port {22200..22299}) || die "no free port for the machine's ssh"
  make_ssh "$port"
  : >"$dir/console.log"
  say "starting the virtual machine (half a minute when emulated)"
  start_daemon "$dir/qemu.pid" "$dir/qemu.log" qemu-system-x86_64 \
    -accel "${ONDECK_VM_ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m 3072 -no-reboot \
    -nodefaults -display none -monitor none -serial "file:$dir/console.log" \
    -kernel "$dir/vmlinuz" -initrd "$dir/initrd.img" \
    -append "root=/dev/vda rw console=ttyS0 loglevel=4 panic=1 net.ifnames=0 mitigations=off" \
    -drive "file=$dir/disk.img,format=raw,if=virtio,cache=unsafe,discard=unmap,detect-zeroes=unmap" \
    -netdev "user,id=n0,ipv6=off,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=n0 \
    -device virtio-rng-pci
}

wait_for_machine() {
  local until=$((SECONDS + 300))
  until engine_in_vm; do
    if ! runs "$dir/qemu.pid" || [ "$SECONDS" -ge "$until" ]; then
      tail -n 5 "$dir/qemu.log" "$dir/ssh.log"
      tail -n 25 "$dir/console.log"
      die "no engine answers in the virtual machine; the last lines of $dir/{qemu,ssh,console}.log are above"
    fi
    sleep 0.5
  done
}

# By its own shutdown, so that its disk is whole; by force when it does not come to that.
stop_machine() {
  local until
  if runs "$dir/qemu.pid" && in_vm 20 'systemctl --no-block poweroff' >/dev/null 2>&1 </dev/null; then
    until=$((SECONDS + 60))
    while runs "$dir/qemu.pid" && [ "$SECONDS" -lt "$until" ]; do sleep 0.2; done
  fi
  stop_daemon "$dir/qemu.pid"
}

give_base_image() {
  if in_vm 60 "docker image inspect $BASE_IMAGE" >/dev/null 2>&1 </dev/null; then return; fi
  need_docker
  need_base_image
  say "giving it $BASE_IMAGE"
  "${DOCKER[@]}" save "$BASE_IMAGE" | in_vm 300 'docker load' || die "$BASE_IMAGE could not be loaded there"
}

case $verb in
up)
  [ "$(uname -m)" = x86_64 ] || die "it is made for x86-64 only"
  need_programs
  # The real one, where this is called with the wrapper in PATH.
  real_ssh=$(type -ap ssh | grep -vFx "$dir/bin/ssh" | head -n 1)
  mkdir -p "$dir"
  make_keys
  if [ ! -s "$dir/disk.img" ]; then make_disk; fi
  if ! runs "$dir/qemu.pid" || ! engine_in_vm; then
    stop_daemon "$dir/qemu.pid"
    trap 'stop_daemon "$dir/qemu.pid"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    start_machine
    wait_for_machine
  fi
  give_base_image
  trap - EXIT
  say "for this shell: export PATH=\"$dir/bin:\$PATH\" DOCKER_HOST=ssh://root@$name"
  give_address "ssh://root@$name"
  ;;
down)
  stop_machine
  if [ "$option" = --all ]; then clear_away "$dir"; fi
  ;;
esac
