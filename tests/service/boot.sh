#!/usr/bin/env bash
# A computer for tests: systemd as PID 1 of namespaces of its own, until stdin ends, however the test has gone.
#
#   unshare --mount --propagation private boot.sh FOLDER
#
# Its disk is this computer's without Linegate, with a layer in memory over it: what it writes there goes with it.
# FOLDER (tests/service/machine.py fills it) has an empty `disk`, and in `shared`, a line each, what of this computer
# it sees as it is, FROM TO; and `units`, all that systemd is to find.
set -euo pipefail
source "$(dirname "$0")/hidden.sh"
added=0

outside() {
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    cgroup=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/linegate-test-$$
    mkdir "$cgroup"
    setpriv --pdeathsig KILL "$0" --enter "$1" "$cgroup" </dev/null &
    wait_for_end $!
}

wait_for_end() {
    cat >/dev/null || true
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    for _ in {1..1200}; do # the kernel takes a moment to end the rest
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && return
        sleep 0.05
    done
}

enter() {
    echo $$ >"$2/cgroup.procs"
    exec unshare --fork --kill-child --pid --mount --uts --ipc --cgroup "$0" --inside "$1"
}

inside() {
    build_disk "$1/disk"
    add_user "$1/disk/root/etc"
    chown 0:64999 "$1/etc"
    chmod 750 "$1/etc"
    while read -r from to; do
        mkdir -p "$1/disk/root$to"
        mount --rbind "$from" "$1/disk/root$to"
    done <"$1/shared"
    cd "$1/disk/root"
    pivot_root . mnt
    umount -l /mnt
    mount --make-rshared / # as systemd itself does outside of a container; credentials come by it
    exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=/etc/systemd/system: /lib/systemd/systemd --system \
        </dev/null >/run/console 2>&1
}

build_disk() {
    mount -t tmpfs tmpfs "$1"
    mkdir "$1"/{upper,work,root}
    hide "$1/upper"
    cd "$1"
    mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
    cd root
    mount -t proc proc proc
    mount --bind -o ro proc/sys proc/sys
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    for empty in run tmp dev lib/systemd/system lib/systemd/system-generators root; do
        mount -t tmpfs -o mode=755 tmpfs $empty
    done
    chmod 1777 tmp
    for device in null zero full random urandom tty; do
        touch dev/$device
        mount --bind /dev/$device dev/$device
    done
    mkdir -m 1777 dev/shm
    ln -s pts/ptmx dev/ptmx
}

add_user() {
    echo 'linegate:x:64999:64999::/nonexistent:/usr/sbin/nologin' >>"$1/passwd"
    echo 'linegate:x:64999:' >>"$1/group"
    for group in video render dialout; do
        grep -q "^$group:" "$1/group" || echo "$group:x:$((65000 + ++added)):" >>"$1/group"
    done
}

case $1 in
--enter) enter "$2" "$3" ;;
--inside) inside "$2" ;;
*) outside "$1" ;;
esac
