# ROLE (master, worker), BELONGING, CONFIG, IGNORE, KEY, NAME. Runs after attempt.sh, as a job.
# A node that has its files but no Node is given the chance to come back by itself.
comes_back() {
    say "+ systemctl restart kubelet"
    systemctl restart kubelet || return 1
    i=0
    while [ $i -lt 40 ]; do
        if kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=3s get node "$NAME" \
            -o 'jsonpath={.status.nodeInfo.machineID}' 2>/dev/null | grep -q "$(cat /etc/machine-id)"; then
            return 0
        fi
        i=$((i + 1))
        sleep 0.5
    done
    return 1
}
if [ "$BELONGING" = 'files only' ] && [ "$ROLE" = worker ] && comes_back; then
    rm -f "$CONFIG"
    exit 0
fi
begin_attempt "join-$ROLE $KEY"
say "+ kubeadm join"
kubeadm join --config "$CONFIG" --ignore-preflight-errors="$IGNORE" </dev/null
rm -f "$CONFIG" # it holds the token
end_attempt
