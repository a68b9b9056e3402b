#!/usr/bin/env bash
# A computer's folders for a test of systemd/install: this computer's without Linegate, a layer in memory over them.
#
#   unshare --mount disk.sh LAYERS NAME BELOW UV UV_CACHE COMMAND…
#
# LAYERS holds a folder for each computer; BELOW: the one whose state NAME begins with, or - for a fresh one.
set -euo pipefail
source "$(dirname "$0")/hidden.sh"
layers=$1 name=$2 below=$3 uv=$4 cache=$5
shift 5

if [[ ! -e $layers/hidden ]]; then
    mkdir "$layers/hidden"
    hide "$layers/hidden"
fi
for place in etc opt usr/local var/lib var/cache; do
    lower=$layers/hidden/$place:/$place
    [[ $below == - ]] || lower=$layers/$below/$place:$lower
    mkdir -p "$layers"/{hidden,"$name","$name.work"}/$place
    mount -t overlay -o "lowerdir=$lower,upperdir=$layers/$name/$place,workdir=$layers/$name.work/$place" overlay "/$place"
done
mount -t tmpfs tmpfs /run
mkdir -p /etc/udev/rules.d /run/uv-cache /run/bin
cp "$uv" /run/bin
mount --bind "$cache" /run/uv-cache # where the service's user can read it
exec "$@"
