#!/bin/bash
# nodes: 3
# timeout: 900
# Each step is made to fail once, one after the other: the run says which, on which node, skips what needs it; the next run
# goes on from there, and in the end the cluster is as any other.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

fail_once() { in_ "$1" sh -c "mkdir -p /run/lab-fail && touch /run/lab-fail/$2"; }
run_failing() { # NODE WHAT ID
    step "fails once: $2 on node$1"
    fail_once "$1" "$2"
    apply 1
    check "the action $3 is named" -- grep -q "$3" "$ERR" "$OUT"
    check 'the fault is used up' -- in_ "$1" [ ! -e "/run/lab-fail/$2" ]
}
clusterfile 2 1
run_failing 0 init-registry "registry.init/$(addr 0)"
run_failing 1 check "node.init/$(addr 1)"
run_failing 2 init "node.init/$(addr 2)"
run_failing 0 crictl-pull "node.prepull/$(addr 0)"
run_failing 0 kubeadm-init "kubeadm.init/$(addr 0)"
run_failing 0 kubeadm-token-create token.create
run_failing 1 kubeadm-join "kubeadm.join-master/$(addr 1)"
run_failing 2 kubeadm-join "kubeadm.join-worker/$(addr 2)"
step 'and now nothing fails'
apply
wait_for 30 all_ready 0 3
settled 0 1 2
