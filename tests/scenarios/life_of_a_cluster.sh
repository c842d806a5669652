#!/bin/bash
# nodes: 6
# timeout: 900
# Three masters and two workers: created, settled; then each of the things that happen to a cluster, one after the other,
# and each time only what is missing is done, and a second run does nothing.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

only() { # REGEX: every planned action's id matches
    local odd
    planned >"$L/planned" || true
    odd=$(grep -vE "$1" "$L/planned") || true
    [ -s "$L/planned" ] || fail "nothing is planned, expected only $1"
    [ -z "$odd" ] || fail "planned beside $1: $odd"
}
exactly() { # IDS…
    [ "$(planned | sort | tr '\n' ' ')" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] ||
        fail "planned: $(planned | tr '\n' ' '); expected: $*"
}
A0=$(addr 0) A3=$(addr 3) A4=$(addr 4)

step 'create three masters and two workers'
clusterfile 3 2
apply
wait_for 30 all_ready 0 5
check 'workers reach the API through the VIP' -- in_ 4 kubectl --kubeconfig=/root/.kube/config --request-timeout=5s get --raw /readyz
check 'no token is left' -- [ -z "$(kube 0 -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}')" ]
step 'a second run does nothing'
settled 0 1 2 3 4

step 'a static pod edited by hand: one action'
in_ 3 sed -i "s/$A0:6443/10.1.2.3:6443/" /etc/kubernetes/manifests/kube-sealos-lvscare.yaml
exactly "ipvs.pod/$A3"
reset_counts
apply
check 'nothing on the other worker but the look' -- [ "$(connections 4) $(commands 4)" = '1 1' ]
step 'a virtual server edited by hand: one action'
in_ 4 iptables -t nat -F RECONCILE-VIP
exactly "ipvs.rules/$A4"
apply
step 'a hosts line edited by hand: one action'
in_ 4 sed -i '/sealos.hub/d' /etc/hosts
exactly "hosts.set/$A4"
apply
in_ 1 sed -i 's/.* apiserver.cluster.local/10.1.2.3 apiserver.cluster.local/' /etc/hosts
exactly "hosts.own/$(addr 1)"
apply
step 'a file of the rootfs edited by hand: that file is sent again'
in_ 3 sh -c 'echo "# edited" >>/var/lib/sealos/data/lab/rootfs/scripts/init.sh'
exactly "rootfs.push/$A3"
apply
step 'a stamp gone: the node is set up again'
in_ 3 rm /var/lib/reconcile/lab/stamps/node.init
exactly "node.init/$A3"
apply
step 'a service down: it is started'
in_ 3 systemctl stop kubelet
exactly "node.start/$A3"
apply
step 'a key lost on a master: it is put back'
in_ 1 rm /etc/kubernetes/pki/sa.pub
exactly "pki.push/$(addr 1)"
apply
step 'a kubeconfig lost'
in_ 4 rm /root/.kube/config
exactly "kubeconfig.push/$A4"
apply
step 'the registry down'
in_ 0 systemctl stop registry
exactly "registry.init/$A0"
apply
step 'a guest unrecorded: it runs again'
kube 0 -n kube-system patch configmap reconcile-guests --type merge -p "{\"data\":{\"$(kube 0 -n kube-system get configmap reconcile-guests -o 'go-template={{range $k,$v := .data}}{{$k}}{{"\t"}}{{$v}}{{"\n"}}{{end}}' | head -n 1 | command cut -f1)\":\"no\"}}"
only '^guest.run/'
apply
step 'a token left over'
in_ 0 env KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token create --ttl 30m --description 'reconcile lab'
exactly token.delete
apply
step 'the Node object of a worker deleted'
kube 0 delete node node3 --ignore-not-found --wait=false
only "(/$A3\$)|^token"
apply
settled 0 1 2 3 4

step 'a worker wiped: only its own steps'
wipe 3
reset_counts
only "(/$A3\$)|^token|^image"
apply
wait_for 30 all_ready 0 5
check 'the other worker was only looked at' -- [ "$(connections 4) $(commands 4)" = '2 2' ]
settled 0 3 4

step 'a worker is unreachable: the rest is done, exit 4'
link_down 3
in_ 4 sed -i '/sealos.hub/d' /etc/hosts
apply 4
check 'said' -- grep -q "$A3" "$ERR" "$OUT"
check 'and the rest is done' -- in_ 4 grep -q sealos.hub /etc/hosts
link_up 3

step 'a worker added: only its joins, nothing on other workers'
add_host node 5
only "(/$(addr 5)\$)|^token"
reset_counts
apply
check 'nothing was done on another worker' -- [ "$(connections 3) $(commands 3)" = '1 1' ]
wait_for 30 all_ready 0 6
settled 0 3 5
