#!/bin/bash
# nodes: 1
# timeout: 300
# Two runs at once: the second one leaves with 5 and says who holds the cluster, or waits. What a killed run left on this
# machine is taken over at once.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

lease=/var/lib/reconcile/lab/lease
clusterfile 1 0
step 'while one run holds the cluster'
hold 0 kubeadm-init
spawn reconcile -f "$CF" >"$L/first.out" 2>&1
first=$SPAWNED
wait_for 120 in_ 0 test -e /run/lab-held-kubeadm-init
check 'its lease is on the master' -- in_ 0 grep -q "^process $first/" "$lease"
cp "$CF" "$L/cluster/before"
apply 5
check 'the second names the holder' -- grep -q "(pid $first) holds the cluster since" "$ERR"
check 'and what to do' -- grep -q -e --lock-timeout "$ERR"
check 'and leaves the file alone' -- cmp "$CF" "$L/cluster/before"
check 'the lease is still the first one'"'"'s' -- in_ 0 grep -q "^process $first/" "$lease"
expect 2 reconcile plan -f "$CF"
step 'one that waits does what is left when it may'
spawn reconcile -f "$CF" --lock-timeout 2m >"$L/waits.out" 2>&1
waits=$SPAWNED
wait_for 60 grep -q 'waiting for at most 120 s' "$L/waits.out"
release 0 kubeadm-init
check 'the first one ends well' -- wait "$first"
wait "$waits" || { cat "$L/waits.out"; fail 'the one that waited failed'; }
check 'no lease is left' -- in_ 0 test ! -e "$lease"
settled 0
step 'killed with its lease: the next run goes on at once'
wipe 0
hold 0 kubeadm-init
clusterfile 1 0
reconcile -f "$CF" >"$L/killed.out" 2>&1 &
pid=$!
wait_for 120 in_ 0 test -e /run/lab-held-kubeadm-init
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
check 'its lease is there' -- in_ 0 grep -q "^process $pid/" "$lease"
release 0 kubeadm-init
apply
check 'it says so' -- grep -q 'took over the lease' "$ERR"
check 'and leaves none' -- in_ 0 test ! -e "$lease"
settled 0
