#!/bin/bash
# nodes: 4
# timeout: 600
# What is wrong with a machine is said with its name, cause and remedy, and nothing of it is half done.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

untouched() { in_ "$1" sh -c '[ ! -e /var/lib/reconcile ] && [ ! -e /var/lib/sealos ] && [ ! -e /etc/kubernetes/pki ] && ! grep -q reconcile /etc/hosts'; }
said() { # WORDS…: all of them, in what was printed
    local w
    for w in "$@"; do
        grep -qi -- "$w" "$OUT" "$ERR" || { cat "$OUT" "$ERR" >&2; fail "nothing printed says \"$w\""; }
    done
}
clusterfile 2 2

step 'a master that does not answer: no init, nothing done'
link_down 1
apply 4
said "$(addr 1)" 'cannot be told'
for n in 0 2 3; do check "node$n is untouched" -- untouched $n; done
link_up 1

step "a foreign cluster's CA on a master: no init, nothing done"
in_ 1 sh -c 'mkdir -p /etc/kubernetes/pki && openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=kubernetes -out /etc/kubernetes/pki/ca.crt 2>/dev/null'
apply 4
said "$(addr 1)" 'CA'
for n in 0 2 3; do check "node$n is untouched" -- untouched $n; done
in_ 1 rm -rf /etc/kubernetes

step 'one worker off by an hour, the other with a name that is taken: both are left out, the masters are built'
skew 2 3600
set_hostname 3 node0
apply 4
said "$(addr 2)" 'clock' "$(addr 3)" 'hostname'
wait_for 30 all_ready 0 2
check 'node2 is untouched' -- untouched 2
check 'node3 is untouched' -- untouched 3
unskew 2
set_hostname 3 node3

step 'a full disk'
fill_disk 2
apply 4
said "$(addr 2)" 'free'
free_disk 2

step 'a changed host key stops that node'
new_host_key 3
apply 4
said "$(addr 3)" 'host key'
wait_for 30 all_ready 0 4
trust 3

step 'a wrong password'
add_user 3 ops
set_password 3 ops right
sed -i "s|^    - ips: \[\"$(addr 3)\"\]|&\n      ssh: {user: ops, pk: /nonexistent, passwd: \"env:OPS\"}|" "$CF"
OPS=wrong apply 4
said "$(addr 3)"
check 'the password is nowhere' -- sh -c "! grep -q wrong '$OUT' '$ERR'"
step 'the right one, and sudo with a password'
sudoers 3 'ops ALL=(ALL) ALL'
OPS=right apply
wait_for 30 all_ready 0 4
OPS=right settled 0 1 2 3
