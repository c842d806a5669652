#!/bin/bash
# nodes: 3
# timeout: 600
# The controller is killed in the middle of kubeadm init, and of a join: what runs on the node goes on, the next run attaches
# to it and starts nothing twice.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

hold() { in_ "$1" touch "/run/lab-hold-$2"; }
release() { in_ "$1" rm -f "/run/lab-hold-$2"; }
runs() { in_ "$1" pgrep -f "kubeadm $2" >/dev/null; }
times() { in_ "$1" sh -c "cat /var/lib/reconcile/lab/jobs/*/log /var/lib/reconcile/lab/jobs/*/*/log 2>/dev/null | grep -c '^+ kubeadm $2'" || true; }
killed_in() { # NODE VERB
    hold "$1" "kubeadm-$2"
    reconcile -f "$CF" >"$L/killed.out" 2>&1 &
    local pid=$!
    lab_until 120000 in_ "$1" test -e "/run/lab-held-kubeadm-$2" || { cat "$L/killed.out" >&2; ps ax >&2; }
    wait_for 1 in_ "$1" test -e "/run/lab-held-kubeadm-$2"
    kill -9 $pid
    wait $pid 2>/dev/null || true
    check "kubeadm $2 has outlived it" -- runs "$1" "$2"
}
clusterfile 2 1
step 'killed in the middle of kubeadm init'
killed_in 0 init
spawn reconcile -f "$CF" >"$L/again.out" 2>&1
wait_for 60 grep -q kubeadm.init "$L/again.out"
check 'it has not been started again' -- [ "$(in_ 0 pgrep -fc '[p]ython.*kubeadm init')" -le 1 ]
kill -9 "$SPAWNED"
wait "$SPAWNED" 2>/dev/null || true
release 0 kubeadm-init
step 'killed in the middle of the join of a master'
killed_in 1 join
release 1 kubeadm-join
step 'killed in the middle of the join of a worker'
killed_in 2 join
release 2 kubeadm-join
step 'and the end'
apply
[ "$(times 0 init)" = 1 ] || { in_ 0 sh -c 'ls -R /var/lib/reconcile/lab/jobs; grep -r kubeadm\ init /var/lib/reconcile/lab/jobs' >&2; fail "kubeadm init ran $(times 0 init) times"; }
wait_for 30 all_ready 0 3
settled 0 1 2
