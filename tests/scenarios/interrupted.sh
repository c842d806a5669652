#!/bin/bash
# nodes: 1
# timeout: 300
# Ctrl-C while kubeadm init runs: twice, it ends at once and what runs on the node goes on; once, it starts nothing new and
# waits for what runs. Both end with 130, and a later run finishes the work without starting anything twice.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

start() { # in the background, until kubeadm init runs
    spawn reconcile -f "$CF" >"$L/run.out" 2>"$L/run.err"
    wait_for 120 in_ 0 test -e /run/lab-held-kubeadm-init
    wait_for 60 grep -q 'start kubeadm.init' "$L/run.err"
}
ends_with() {
    local code=0
    wait "$SPAWNED" || code=$?
    [ $code = "$1" ] || fail "exit $code, expected $1: $(cat "$L/run.err")"
}
inits() { in_ 0 sh -c "cat /var/lib/reconcile/lab/jobs/*/log /var/lib/reconcile/lab/jobs/*/*/log 2>/dev/null | grep -c '^+ kubeadm init'" || true; }
begun() { grep -c '"what":"begin"' "$HOME/.local/state/reconcile/lab/journal.jsonl"; }

clusterfile 1 0
hold 0 kubeadm-init
step 'twice: it ends, kubeadm goes on'
start
kill -INT "$SPAWNED"
wait_for 20 grep -q '^warning: interrupted' "$L/run.err"
check 'one alone does not end what runs' -- kill -0 "$SPAWNED"
kill -INT "$SPAWNED"
ends_with 130
check 'kubeadm init goes on' -- in_ 0 pgrep -f 'kubeadm init'
grep -q 'phase: ClusterInProcess' "$CF" || fail "the file does not say that it was cut short: $(cat "$CF" "$L/run.err")"
check 'nothing of what was printed went to stdout' -- [ ! -s "$L/run.out" ]
step 'once, on a new machine: it waits for what runs, and starts nothing new'
wipe 0
clusterfile 1 0
hold 0 kubeadm-init
start
begun=$(begun)
kill -INT "$SPAWNED"
wait_for 20 grep -q '^warning: interrupted' "$L/run.err"
check 'it waits for kubeadm init' -- kill -0 "$SPAWNED"
release 0 kubeadm-init
ends_with 130
check 'kubeadm init has ended well' -- grep -q 'done kubeadm.init' "$L/run.err"
check 'nothing new was started' -- [ "$(begun)" = "$begun" ]
check 'a join has its fact: it is recorded' -- grep -q 'joined: true' "$CF"
step 'the next run does the rest'
apply
check 'kubeadm init ran once' -- [ "$(inits)" = 1 ]
check 'the file says so' -- grep -q 'phase: ClusterSuccess' "$CF"
settled 0
step 'while looking'
silent 0
spawn reconcile plan -f "$CF" >"$L/run.out" 2>"$L/run.err"
wait_for 20 sh -c "grep -q . /proc/$SPAWNED/task/*/children || ss -tnp | grep -q pid=$SPAWNED"
kill -INT "$SPAWNED"
ends_with 130
