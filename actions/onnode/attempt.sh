# An attempt is written down before kubeadm starts and taken away when it has ended well. What an unfinished one left is
# moved aside, never deleted; CAs, service-account keys and the audit policy stay in place. ROLE is set before.
PKI_KEPT="ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key sa.key sa.pub"
move_aside() {
    aside=$R/aside/$(date +%s).$$
    say "+ moving what was left here to $aside"
    mkdir -p "$aside"
    chmod 700 "$R/aside" "$aside"
    systemctl stop kubelet >/dev/null 2>&1 || :
    [ ! -d /etc/kubernetes ] || cp -a /etc/kubernetes "$aside/"
    [ ! -d /var/lib/etcd ] || cp -a /var/lib/etcd "$aside/"
    say "+ kubeadm reset -f"
    kubeadm reset -f >"$aside/reset.log" 2>&1 </dev/null || say "kubeadm reset: $(tail -n 1 "$aside/reset.log")"
    rm -rf /var/lib/etcd/member /etc/kubernetes/manifests
    for f in admin.conf super-admin.conf kubelet.conf bootstrap-kubelet.conf controller-manager.conf scheduler.conf; do
        rm -f "/etc/kubernetes/$f"
    done
    if [ -d "$aside/kubernetes/pki" ] && [ "$ROLE" != worker ]; then
        mkdir -p /etc/kubernetes/pki/etcd
        for f in $PKI_KEPT; do
            [ ! -f "$aside/kubernetes/pki/$f" ] || cp -p "$aside/kubernetes/pki/$f" "/etc/kubernetes/pki/$f"
        done
    fi
    [ ! -f "$aside/kubernetes/audit-policy.yml" ] || cp -p "$aside/kubernetes/audit-policy.yml" /etc/kubernetes/
}
has_traces() {
    for f in "$R/attempt" /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf /etc/kubernetes/admin.conf \
        /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/manifests/etcd.yaml /var/lib/etcd/member; do
        [ ! -e "$f" ] || return 0
    done
    return 1
}
# Is this machine a member by both witnesses? Then a kubeadm of an earlier run ended well after this run had looked, and
# nothing is left to do. NAME and ADDRESS are set before.
node_is_ours() {
    kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=3s get node "$NAME" \
        -o 'jsonpath={.status.nodeInfo.machineID}' 2>/dev/null </dev/null | grep -qx "$(cat /etc/machine-id)"
}
is_member() {
    if [ -e "$R/attempt" ] || [ ! -e /etc/kubernetes/kubelet.conf ] || ! node_is_ours; then
        return 1
    fi
    if [ "$ROLE" = master ] && [ -e /etc/kubernetes/pki/etcd/peer.crt ]; then # stacked etcd: its member, too
        etcd member list 2>/dev/null </dev/null | grep -qF "https://$ADDRESS:2380"
    fi
}
begin_attempt() {
    prepare
    ! has_traces || move_aside
    rm -f /etc/kubernetes/manifests/kube-sealos-lvscare.yaml # kubeadm wants the directory empty; it is written again after
    printf '%s\n' "$1" >"$R/attempt"
    sync "$R/attempt" 2>/dev/null || :
}
end_attempt() {
    rm -f "$R/attempt"
}
