#!/bin/sh
# Starts systemd as the first process of namespaces of its own, over a copy-on-write view of this machine's
# files in which only what is below the folder $1 is real. Once it is up it runs the script $2, whose output
# goes to $1/output and whose exit code goes to $1/result, and ends. Wants root and
# `unshare --pid --fork --mount --uts --ipc --cgroup --kill-child`.
set -eu
folder="$1"
script="$2"
root="$folder/root"
mount --make-rprivate /
mkdir -p "$root" "$folder/layers"
mount -t tmpfs tmpfs "$folder/layers"
mkdir "$folder/layers/upper" "$folder/layers/work"
mount -t overlay overlay "$root" \
  -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/host"
mount -t devpts devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mount --bind "$folder" "$root/host"

# Nothing of this machine is to be started but what the script starts.
rm -rf "$root/etc/systemd/system"
mkdir -p "$root/etc/systemd/system"
cat >"$root/etc/systemd/system/script.service" <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'sh -eux /host/$script; echo \$\$? >/host/result; exit 1'
StandardOutput=file:/host/output
StandardError=file:/host/output
FailureAction=exit-force
END
cd "$root"
mkdir old-root
pivot_root . old-root
umount -l /old-root
# Otherwise what systemd mounts for one service would not be seen by it.
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=script.service --log-target=console --show-status=no
