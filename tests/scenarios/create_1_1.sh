#!/bin/bash
# nodes: 2
# timeout: 240
# One master and one worker: created, then nothing to do; the worker goes through the VIP.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

clusterfile 1 1
step 'create'
apply
wait_for 30 all_ready 0 2
check 'the VIP leads to the master' -- in_ 1 sh -c 'iptables -t nat -S RECONCILE-VIP | grep -q -- "--to-destination '"$(addr 0)"':6443"'
check 'the status records both' -- [ "$(grep -c 'joined: true' "$CF")" = 2 ]
check 'the comment has stayed' -- grep -q "# the lab's own" "$CF"
step 'again: nothing'
settled 0 1
