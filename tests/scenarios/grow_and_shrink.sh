#!/bin/bash
# nodes: 6
# timeout: 900
# Masters come and go; every worker's virtual server follows; quorum and consent stand.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

servers() { in_ "$1" iptables -t nat -S RECONCILE-VIP | grep -o 'destination [^ ]*' | command cut -d' ' -f2 | sort | tr '\n' ' '; }
serves() { # WORKER MASTERS…
    local w=$1 want
    shift
    want=$(for m in "$@"; do echo "$(addr "$m"):6443"; done | sort | tr '\n' ' ')
    [ "$(servers "$w")" = "$want" ]
}

step 'one master, two workers'
clusterfile 1 0
add_host node 3
add_host node 4
apply
settled 0 3 4
check 'the VIP leads to the one' -- serves 3 0

step 'two masters added: joins, and the virtual server of every worker'
add_host master 1
add_host master 2
apply
check 'the VIP leads to three' -- serves 3 0 1 2
check 'on both workers' -- serves 4 0 1 2
wait_for 30 all_ready 2 5
settled 0 1 2 3 4

step 'removal needs consent'
drop_host 2
apply 4
check 'it is said how' -- grep -q -- '--yes' "$ERR" "$OUT"
wait_for 30 all_ready 0 5

step 'a worker comes and a master goes, in one run'
add_host node 5
apply --yes
check 'the VIP leads to two' -- serves 3 0 1
check 'on the new worker too' -- serves 5 0 1
wait_for 30 all_ready 0 5
check 'the machine is clean' -- in_ 2 sh -c '[ ! -e /etc/kubernetes/admin.conf ] && [ ! -d /var/lib/reconcile/lab ] && [ ! -d /var/lib/sealos/data/lab ]'
check 'its status entry is gone' -- sh -c "! sed -n '/^status:/,\$p' '$CF' | grep -q '$(addr 2)\$'"
settled 0 1 3 4 5

step 'a worker goes'
drop_host 5
apply --yes
wait_for 30 all_ready 0 4
settled 0 1 3 4

step 'a dead master is replaced under the same address'
add_host master 2
apply
check 'three masters' -- serves 3 0 1 2
wipe 1
apply
wait_for 30 all_ready 0 5
check 'the VIP has not changed' -- serves 4 0 1 2
settled 0 1 2 3 4
