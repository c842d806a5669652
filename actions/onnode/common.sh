# Prepended to every program of ours that runs on a node. CLUSTER is set before.
set -eu
umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
export LC_ALL PATH HOME
R=/var/lib/reconcile/$CLUSTER
D=/var/lib/sealos/data/$CLUSTER
ROOTFS=$D/rootfs

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
prepare() {
    [ -d "$R/stamps" ] || mkdir -p "$R/stamps"
    chmod 700 /var/lib/reconcile "$R"
}
# stamp NAME TEXT: what a step succeeded with; written whole or not at all
stamp() {
    prepare
    printf '%s\n' "$2" >"$R/stamps/.$1.$$"
    mv -f "$R/stamps/.$1.$$" "$R/stamps/$1"
}
api() { kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s "$@"; }
etcd() {
    set -- --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt \
        --cert=/etc/kubernetes/pki/etcd/peer.crt --key=/etc/kubernetes/pki/etcd/peer.key --command-timeout=5s "$@"
    if command -v etcdctl >/dev/null 2>&1; then
        ETCDCTL_API=3 etcdctl "$@"
    else
        crictl exec "$(crictl ps --name etcd -q | head -n 1)" etcdctl "$@"
    fi
}
