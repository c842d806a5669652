# Starts what is installed and down. KUBELET: 1 where it belongs to a member.
for unit in containerd docker crio cri-docker image-cri-shim kubelet; do
    [ "$unit" != kubelet ] || [ "$KUBELET" = 1 ] || continue
    [ -e "/etc/systemd/system/$unit.service" ] || [ -e "/lib/systemd/system/$unit.service" ] || continue
    systemctl is-active "$unit" >/dev/null 2>&1 || { say "+ systemctl start $unit"; systemctl start "$unit"; }
done
