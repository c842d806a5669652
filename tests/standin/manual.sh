#!/bin/bash
# nodes: 5
# timeout: 900
# A cluster of three masters and two workers by hand, in the order and by the commands of docs/ON-NODE.md: proves that the
# stand-in is a whole cluster, and that the commands that the program relies on are the ones it has.
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$(realpath "$0")")/by_hand.sh"
MASTERS='0 1 2' WORKERS='3 4' REGISTRY=0
T0=$EPOCHSECONDS

step 'images, rootfs, registry, hosts, scripts'
make_images
prepare 0 1 2 3 4
check 'the registry wants a password' -- test "$(on 3 'curl -s -o /dev/null -w %{http_code} http://sealos.hub:5000/v2/')" = 401
check 'pulled through the shim under the registry'\''s name' -- on 3 "crictl images -o json | grep -q sealos.hub:5000/kube-proxy:$KUBE_VERSION"
expect 1 on 3 'crictl pull registry.k8s.io/nothing:v1'
check 'a missing image is said to be missing' -- grep -q 'no such host' "$ERR"

step 'kubeadm init'
authorities 0 1 2
init 0
expect 0 on 0 "$K get --raw /readyz"
check 'ready' -- test "$(<"$OUT")" = ok
expect 1 on 0 "kubeadm init --config $D/etc/kubeadm-init.yaml $IGNORE"
check 'a second init is refused' -- grep -q 'ERROR FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml' "$ERR"

step 'masters join, one after the other'
TOKEN=$(token)
for n in 1 2; do join_master $n "$TOKEN"; done
expect 0 on 1 "$E member list"
check 'three members' -- test "$(grep -c ', started, node[012], https://10.9.0.[123]:2380, https://10.9.0.[123]:2379, false$' "$OUT")" = 3
expect 0 on 2 "$E endpoint health --cluster"
expect 0 on 2 "$E endpoint status --cluster"
check 'one leader' -- test "$(awk -F', ' '$5 == "true"' "$OUT" | wc -l)" = 1

on 2 mv /usr/bin/etcdctl /tmp/
expect 0 on 2 "${E/etcdctl/crictl exec \$(crictl ps -q --name ^etcd\$ --state Running | head -n 1) etcdctl} member list"
check 'etcdctl in the container' -- test "$(wc -l <"$OUT")" = 3
on 2 mv /tmp/etcdctl /usr/bin/
expect 1 on 2 'crictl exec 0123456789abc etcdctl member list'

step 'workers join through the VIP'
expect 1 join_worker 3 "$TOKEN"
check 'no virtual server, no join' -- grep -q "couldn't validate the identity of the API Server" "$ERR"
for n in 3 4; do rules $n 0 1 2; done
each_worker() { join_worker "$1" "$TOKEN"; }
each each_worker 3 4
for n in 3 4; do keeper $n 0 1 2; done
expect 0 on 0 'kubeadm token list'
check 'ours, and the one that init leaves' -- test "$(grep -c 'by hand\|The default bootstrap token' "$OUT")" = 2
for t in $(awk 'NR > 1 {print substr($1, 1, 6)}' "$OUT"); do on 0 "kubeadm token delete $t"; done
wait_for 60 on 3 "grep -q Running /run/standin/pods/kube-sealos-lvscare.json 2>/dev/null"

step 'nodes are not Ready before the network, and then they are'
check 'nobody is ready' -- ready 0
network 0
wait_for 90 ready 5
on 0 "$K get nodes"

step 'what a probe asks'
COLUMNS_='{.metadata.name}{"\t"}{.status.nodeInfo.machineID}{"\t"}{.status.addresses[?(@.type=="InternalIP")].address}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.metadata.labels}{"\t"}{.spec.unschedulable}{"\t"}{.status.nodeInfo.kubeletVersion}{"\n"}'
expect 0 on 1 "$K get nodes -o 'jsonpath={range .items[*]}$COLUMNS_{end}'"
check 'machine ids' -- grep -q "^node4	$(<"$(path 4 /etc/machine-id)")	10.9.0.5	True	{\"beta.kubernetes.io/os\":\"linux\",.*}		$KUBE_VERSION\$" "$OUT"
expect 0 on 4 "kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=5s get node node4 -o 'jsonpath={.status.nodeInfo.machineID}'"
check 'own Node' -- test "$(<"$OUT")" = "$(<"$(path 4 /etc/machine-id)")"
expect 1 on 4 'kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=5s get node node3 -o jsonpath={.metadata.name}'
check 'not another one' -- grep -q 'Error from server (Forbidden)' "$ERR"
expect 0 on 1 "$K -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o 'jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.data.description}{\"\\n\"}{end}'"
check 'the tokens are gone' -- test ! -s "$OUT"
expect 0 on 1 "$K -n kube-system get configmap reconcile-guests --ignore-not-found -o 'go-template={{range \$k,\$v := .data}}{{\$k}}{{\"\\t\"}}{{\$v}}{{\"\\n\"}}{{end}}'"
check 'no record yet' -- test ! -s "$OUT"
on 1 "$K -n kube-system create configmap reconcile-guests"
expect 1 on 1 "$K -n kube-system create configmap reconcile-guests"
on 1 "$K -n kube-system patch configmap reconcile-guests --type merge -p '{\"data\":{\"net\":\"ok\"}}'"
expect 0 on 2 "$K -n kube-system get configmap reconcile-guests -o 'go-template={{range \$k,\$v := .data}}{{\$k}}{{\"\\t\"}}{{\$v}}{{\"\\n\"}}{{end}}'"
check 'the record' -- grep -qx 'net	ok' "$OUT"

step 'wrong ways are closed'
sed "s/^.* apiserver.cluster.local/10.9.0.4 apiserver.cluster.local/" -i "$(path 1 /etc/hosts)"
expect 1 on 1 "$K get nodes -o name"
check 'a wrong hosts entry leads nowhere' -- grep -q 'was refused' "$ERR"
hosts 1 "$(addr 1)"
expect 1 on 1 "sed 's|apiserver.cluster.local|node1.example|' /etc/kubernetes/admin.conf >/tmp/c; echo 127.0.0.1 node1.example >>/etc/hosts; kubectl --kubeconfig=/tmp/c --request-timeout=5s get nodes -o name"
check 'a name outside the certificate is refused' -- grep -q 'x509: certificate is not valid for node1.example' "$ERR"
expect 1 on 1 "$K get nodes -o wide"
expect 1 on 1 "$K get nodes --show-labels"
check 'unknown flags are refused' -- grep -q 'unknown flag: --show-labels' "$ERR"

step 'one master dies: the API goes on; two: it stops'
down 2
expect 0 on 0 "$K get --raw /readyz"
expect 1 on 0 "$E endpoint health --cluster"
wait_for 90 ready 4
down 1
expect 1 on 0 "$K get --raw /readyz"
check 'no quorum' -- grep -q 'etcd failed' "$ERR"
expect 1 on 0 "$K get nodes -o name"
expect 1 on 0 "$E member list"
up 1
wait_for 90 on 0 "$K get --raw /readyz >/dev/null 2>&1"
up 2
wait_for 90 ready 5

step 'a master and a worker leave'
MEMBER=$(on 0 "$E member list" | sed -n 's/, started, node2,.*//p')
on 4 iptables -t nat -L RECONCILE-VIP -n >/dev/null
for n in 3 4; do rules $n 0 1; keeper $n 0 1; done
on 0 "$K drain node2 --ignore-daemonsets --delete-emptydir-data --force --timeout=10s"
on 0 "$E member remove $MEMBER"
on 0 "$K delete node node2 --ignore-not-found --wait=false"
on 2 'kubeadm reset -f' >/dev/null 2>&1
expect 0 on 0 "$E member list"
check 'two members' -- test "$(wc -l <"$OUT")" = 2
on 0 "$K drain node4 --ignore-daemonsets --delete-emptydir-data --force --timeout=10s && $K delete node node4 --ignore-not-found --wait=false"
on 4 'kubeadm reset -f' >/dev/null 2>&1
check 'reset leaves no kubelet' -- on 4 '! systemctl is-active -q kubelet && test ! -e /etc/kubernetes/kubelet.conf'
wait_for 90 ready 3
expect 0 on 0 "$K get nodes -o name"
check 'three nodes' -- test "$(wc -l <"$OUT")" = 3
echo "all in $((EPOCHSECONDS - T0)) s"
