#!/bin/bash
# nodes: 2
# timeout: 120
# Host keys: unknown ones stop a node until they are learned, changed ones always do; errors name their node once.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

clusterfile 1 1
known=$HOME/.ssh/known_hosts
: >"$known"
step 'unknown keys stop the nodes'
expect 4 reconcile plan -f "$CF"
check 'the error says what to do' -- grep -q 'reconcile trust' "$ERR"
check 'the error names its node once' -- [ "$(grep -c "^warning: $(addr 1): the host key" "$ERR")" = 1 ]
check 'nothing was learned' -- [ ! -s "$known" ]
step 'trust learns them'
expect 0 reconcile trust -f "$CF"
check 'both are learned' -- [ "$(grep -c '  learned$' "$OUT")" = 2 ]
read -r _ print _ < <(ssh-keygen -lf "$(path 1 /etc/ssh/ssh_host_ed25519_key.pub)")
check 'the fingerprint is the machine'"'"'s' -- grep -qF "$(addr 1)  ssh-ed25519 $print  learned" "$OUT"
expect 0 reconcile trust -f "$CF"
check 'and known then' -- [ "$(grep -c '  known$' "$OUT")" = 2 ]
expect 2 reconcile plan -f "$CF"
step 'a changed key is refused, the others are met all the same'
new_host_key 1
cp "$known" "$known.before"
expect 1 reconcile trust -f "$CF"
check 'the other one is known' -- grep -q "^$(addr 0) .*  known\$" "$OUT"
check 'the error names its node' -- grep -q "^error: $(addr 1): the host key is not the known one" "$ERR"
check 'no key was replaced' -- cmp "$known" "$known.before"
expect 4 reconcile plan -f "$CF" --accept-new-host-keys
check 'nor by --accept-new-host-keys' -- cmp "$known" "$known.before"
step 'a node that is away is left out'
refuse 1
expect 4 reconcile trust -f "$CF"
step 'a file of its own'
uncut 1
expect 0 reconcile trust -f "$CF" --known-hosts "$L/own"
check 'it holds both' -- [ "$(wc -l <"$L/own")" = 2 ]
