# ROLE (master, worker), CONFIG, IGNORE, KEY, NAME, ADDRESS. Runs after attempt.sh, as a job.
# A worker that has its files but no Node is given the chance to come back by itself.
comes_back() {
    say "+ systemctl restart kubelet"
    systemctl restart kubelet || return 1
    i=0
    while [ $i -lt 40 ]; do
        ! node_is_ours || return 0
        i=$((i + 1))
        sleep 0.5
    done
    return 1
}
if is_member || { [ "$ROLE" = worker ] && [ ! -e "$R/attempt" ] && [ -e /etc/kubernetes/kubelet.conf ] && comes_back; }; then
    say "this machine is a member already"
    rm -f "$CONFIG"
    exit 0
fi
begin_attempt "join-$ROLE $KEY"
say "+ kubeadm join"
kubeadm join --config "$CONFIG" --ignore-preflight-errors="$IGNORE" </dev/null
rm -f "$CONFIG" # it holds the token
end_attempt
