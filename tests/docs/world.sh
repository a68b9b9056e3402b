#!/usr/bin/env bash
# The computers of the documents, in namespaces of their own: the PLC is 192.168.10.20, the camera 192.168.30.10.
#
#   unshare --net --mount --pid --fork --mount-proc --kill-child world.sh FOLDER ROOT COMMAND…
#
# Disks are this computer's without Linegate, with a layer in memory over them: what a command writes goes with the
# namespaces.
set -euo pipefail
source "$(dirname "$0")/../service/hidden.sh"
folder=$1 root=$2
shift 2

ip link set lo up
for address in 192.168.10.20/32 192.168.10.1/24 192.168.30.10/32 192.168.30.1/24; do
    ip address add "$address" dev lo
done
mkdir "$folder/disk"
mount -t tmpfs tmpfs "$folder/disk"
hidden=$folder/disk/hidden
mkdir "$hidden"
hide "$hidden"
layer=0
for place in /etc /opt /var/lib "$root"; do
    layers=$folder/disk/$((++layer))
    mkdir -p "$layers/upper" "$layers/work" "$hidden$place"
    mount -t overlay -o "lowerdir=$hidden$place:$place,upperdir=$layers/upper,workdir=$layers/work" overlay "$place"
done
mkdir -p /etc/linegate /var/lib/linegate /opt/vendor
cp -r "$root/config/recipes" "$root/config/line.toml" /etc/linegate
mv /etc/linegate/line.toml /etc/linegate/line1.toml
ln -s "$root/models" /etc/models
ln -s "$root/models" /var/lib/linegate/models
ln -s "$CTI" /opt/vendor/producer.cti
echo "127.0.0.1 localhost cam1" >/etc/hosts
cd "$root"
exec "$@"
