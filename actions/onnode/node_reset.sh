# REGISTRY (1 where this node serves it), DATA, CLEAN_REGISTRY, CLEAN_CRI, CLEAN: labels. Hosts entries and VIP go before.
quiet() {
    say "+ $*"
    "$@" >/dev/null 2>&1 </dev/null || say "$1 ended with status $?; going on"
}
! command -v kubeadm >/dev/null 2>&1 || quiet kubeadm reset -f
if [ -d "$ROOTFS/scripts" ]; then
    cd "$ROOTFS/scripts"
    [ "$REGISTRY" != 1 ] || [ -z "$CLEAN_REGISTRY" ] || quiet bash -c "bash $CLEAN_REGISTRY"
    [ -z "$CLEAN_CRI" ] || quiet bash -c "bash $CLEAN_CRI"
    [ -z "$CLEAN" ] || quiet bash -c "bash $CLEAN"
    cd /
fi
rm -rf /etc/kubernetes /var/lib/etcd /etc/cni/net.d /root/.kube/config
[ ! -L "$DATA" ] || rm -f "$DATA"
ip link del kube-ipvs0 2>/dev/null || :
rm -rf "$D"
