# An installation on this computer is no part of a test's: to be sourced.

# A layer for an overlay, to lie above this computer's folders, in which nothing of Linegate is installed.
hide() {
    local layer=$1 path file
    for path in /etc/linegate /opt/linegate /usr/local/bin/linegate /var/{lib,cache}/linegate \
        /etc/udev/rules.d/60-linegate.rules /etc/systemd/system/{,*.wants/}linegate@*; do
        if [[ -e $path || -L $path ]]; then
            mkdir -p "$layer${path%/*}"
            mknod "$layer$path" c 0 0 # to an overlay: there is nothing
        fi
    done
    for file in /etc/{passwd,group,shadow,gshadow}; do
        if grep -qs ^linegate: "$file"; then
            mkdir -p "$layer/etc"
            cp -p "$file" "$layer$file"
            sed -i /^linegate:/d "$layer$file"
        fi
    done
}
