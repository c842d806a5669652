# What kubeadm's configuration depends on, on this node: "socket PATH", "cgroup DRIVER", "file" and the image's own
# etc/kubeadm.yml after it.
socket=
for s in /var/run/cri-dockerd.sock /run/containerd/containerd.sock /var/run/crio/crio.sock; do
    [ -S "$s" ] || continue
    printf 'socket %s\n' "$s"
    socket=$s
    break
done
driver=
case $socket in
*containerd*)
    driver=cgroupfs
    ! grep -q '^ *SystemdCgroup *= *true' /etc/containerd/config.toml 2>/dev/null || driver=systemd
    ;;
*crio*) driver=systemd ;;
*docker*) driver=$(docker info --format '{{.CgroupDriver}}' 2>/dev/null) || driver= ;;
esac
[ -z "$driver" ] || printf 'cgroup %s\n' "$driver"
echo file
[ ! -f "$ROOTFS/etc/kubeadm.yml" ] || cat "$ROOTFS/etc/kubeadm.yml"
