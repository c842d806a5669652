#!/bin/bash
# nodes: 3
# timeout: 600
# One step of nearly every kind is made to fail once: each run says which failed, on which node, does whatever does not need
# it, and the next run goes on from there, until the cluster is as any other.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

declare -A armed=() # NODE/FAULT → the action that it makes fail
arm() {
    in_ "$1" sh -c "mkdir -p /run/lab-fail && touch /run/lab-fail/$2"
    armed[$1/$2]=$3
}
left() {
    local f n=0
    for f in "${!armed[@]}"; do in_ "${f%%/*}" [ ! -e "/run/lab-fail/${f#*/}" ] || n=$((n + 1)); done
    echo $n
}
clusterfile 2 1
arm 0 init-registry "registry.init/$(addr 0)"
arm 1 check "node.init/$(addr 1)"
arm 2 init "node.init/$(addr 2)"
arm 0 crictl-pull "node.init/$(addr 0)"
arm 0 kubeadm-config "node.prepull/$(addr 0)"
arm 0 kubeadm-init "kubeadm.init/$(addr 0)"
arm 0 kubeadm-token-create token.create
arm 1 kubeadm-join "kubeadm.join-master/$(addr 1)"
arm 2 kubeadm-join "kubeadm.join-worker/$(addr 2)"

: >"$L/all"
runs=0
while :; do
    step "run $((runs += 1)), $(left) faults armed"
    code=0
    reconcile -f "$CF" >"$OUT" 2>"$ERR" || code=$?
    cat "$OUT" "$ERR" >>"$L/all"
    [ $code != 0 ] || break
    [ $code = 1 ] || { cat "$OUT" "$ERR" >&2; fail "exit $code after a failed action, expected 1"; }
    [ $runs -lt 12 ] || { cat "$OUT" "$ERR" >&2; fail 'it does not come to an end'; }
done
check 'every fault has struck' -- [ "$(left)" = 0 ]
for f in "${!armed[@]}"; do
    check "the failure of ${armed[$f]} was named" -- grep -qE "(failed|FAILED).*${armed[$f]}" "$L/all"
done
wait_for 30 all_ready 0 3
settled 0 1 2
