#!/bin/bash
# nodes: 3
# timeout: 900
# The stand-in under the blows that tests deal: faults that strike once, machines that die in the middle of kubeadm, names and
# authorities that are wrong, reboots.
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$(realpath "$0")")/by_hand.sh"
MASTERS='0 1' WORKERS='2' REGISTRY=0
fault() { in_ "$1" sh -c 'mkdir -p /run/lab-fail && printf "%s\n" "$2" >"/run/lab-fail/$1"' - "$2" "${3-}"; }
kept_authorities() { # N: what is left is put aside, the CAs stay
    on "$1" 'cp -a /etc/kubernetes/pki /tmp/pki; kubeadm reset -f >/dev/null 2>&1; for f in ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key sa.key sa.pub; do
        mkdir -p /etc/kubernetes/pki/etcd; cp /tmp/pki/$f /etc/kubernetes/pki/$f; done; rm -rf /tmp/pki'
}

step 'scripts fail once, with their words'
make_images
each push 0 1 2
fault 0 init-registry
expect 1 registry 0
check 'words' -- grep -q 'init-registry: failed' "$ERR"
registry 0
for n in 0 1 2; do hosts $n "$(addr 0)"; done
for s in check init-cri init-shim init-kube; do
    fault 0 $s
    expect 1 setup 0
    check "$s" -- grep -q "$s: failed as a test asked" "$ERR"
done
each setup 0 1 2
expect 1 on 0 "cd $R/scripts && python3 -c 'import socket, time; s = socket.create_server((\"\", 10257)); time.sleep(60)' & sleep 0.5; cd $R/scripts; bash check.sh; rc=\$?; kill \$!; exit \$rc"
check 'a port in use' -- grep -q 'Port: 10257 occupied' "$ERR"
init_config 0 | config 0 kubeadm-init.yaml
fault 0 crictl-pull 2
expect 1 on 0 'crictl pull registry.k8s.io/pause:3.9'
expect 1 on 0 'crictl pull registry.k8s.io/pause:3.9'
expect 0 on 0 'crictl pull registry.k8s.io/pause:3.9'

step 'a registry password that is wrong'
on 1 "sed -i 's/^auth: .*/auth: admin:wrong/' /etc/image-cri-shim.yaml; sed -i 's/password = .*/password = \"wrong\"/' /etc/containerd/config.toml; systemctl restart containerd image-cri-shim"
wait_for 60 on 1 'crictl info >/dev/null'
expect 1 on 1 'crictl pull sealos.hub:5000/pause:3.9'
check 'no credentials, no image' -- grep -q 'authorization failed' "$ERR"
setup 1 >/dev/null 2>&1

step 'kubeadm init fails in the middle, and then its machine dies in the middle'
authorities 0 1
fault 0 kubeadm-init
expect 1 init 0
check 'words' -- grep -q 'timed out waiting for the condition' "$ERR"
check 'it leaves things' -- test -e "$(path 0 /etc/kubernetes/manifests/etcd.yaml)"
expect 1 init 0
kept_authorities 0
in_ 0 touch /run/lab-hold-kubeadm-init
spawn bash -c "$(declare -f on addr); on 0 'kubeadm init --config $D/etc/kubeadm-init.yaml $IGNORE'" >"$L/work/killed.log" 2>&1
wait_for 90 in_ 0 test -e /run/lab-held-kubeadm-init
reboot_ 0
wait "$SPAWNED" && fail 'an init on a dead machine succeeded'
check 'pods come back after a reboot' -- wait_for 60 on 0 'grep -q Running /run/standin/pods/etcd.json 2>/dev/null'
wait_for 90 on 0 "$K get --raw /readyz >/dev/null 2>&1"
expect 1 on 0 "$K -n kube-system get configmap kubeadm-config -o 'jsonpath={.metadata.name}'"
check 'nothing was uploaded' -- grep -q 'Error from server (NotFound): configmaps "kubeadm-config" not found' "$ERR"
kept_authorities 0
wait_for 60 on 0 'crictl info >/dev/null 2>&1 && test -S /var/run/image-cri-shim.sock'
init 0 >/dev/null

step 'joins that fail'
TOKEN=$(token)
fault 2 kubeadm-join
rules 2 0
hosts 2 "$VIP"
expect 1 join_worker 2 "$TOKEN"
expect 1 join_worker 2 "$TOKEN"
check 'what the first try left is in the way' -- grep -q 'ERROR FileAvailable--etc-kubernetes-bootstrap-kubelet.conf\|ERROR FileAvailable--etc-kubernetes-kubelet.conf' "$ERR"
on 2 'kubeadm reset -f' >/dev/null 2>&1
set_hostname 2 node0 # which rewrites /etc/hosts
hosts 2 "$VIP"
network 0
wait_for 60 ready 1
expect 1 join_worker 2 "$TOKEN"
check 'a name that is taken' -- grep -q 'a Node with name "node0" and status "Ready" already exists' "$ERR"
on 2 'kubeadm reset -f' >/dev/null 2>&1
set_hostname 2 node2
hosts 2 "$VIP"
join_worker 2 "$TOKEN" >/dev/null
wait_for 60 ready 2

step 'a master with another authority cannot join'
on 1 'cd /etc/kubernetes/pki && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=kubernetes -days 10 -keyout ca.key -out ca.crt 2>/dev/null'
expect 1 join_master 1 "$TOKEN"
check 'said' -- grep -q 'is not that of the cluster to join' "$ERR"
on 1 'kubeadm reset -f' >/dev/null 2>&1
authorities 1
hosts 1 "$(addr 0)"
fault 1 kubeadm-join etcd-join
expect 1 join_master 1 "$TOKEN"
check 'a member was announced and never came: no quorum' -- test 1 = "$(on 0 "$K get --raw /readyz" >/dev/null 2>&1; echo $?)"

step 'a Node that was deleted comes back with a new start of its kubelet only'
init_again() { # the cluster of the last step has lost its quorum for good: from the start
    kept_authorities 0
    kept_authorities 1
    on 2 'kubeadm reset -f; rm -rf /etc/cni/net.d' >/dev/null 2>&1
    on 0 'rm -rf /etc/cni/net.d'
    init 0 >/dev/null
    TOKEN=$(token)
    join_worker 2 "$TOKEN" >/dev/null
    network 0
    wait_for 60 ready 2
}
init_again
on 0 "$K delete node node2 --ignore-not-found --wait=false"
sleep 4 # longer than a heartbeat: it must not come back
expect 1 on 2 'kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=5s get node node2 -o jsonpath={.metadata.name}'
check 'gone' -- grep -q 'NotFound' "$ERR"
on 2 systemctl restart kubelet
wait_for 60 ready 2

step 'an edited lvscare pod is seen'
keeper 2 0
wait_for 60 on 2 'grep -q Running /run/standin/pods/kube-sealos-lvscare.json 2>/dev/null'
on 2 "sed -i 's/--vs/--vx/' /etc/kubernetes/manifests/kube-sealos-lvscare.yaml"
wait_for 60 on 2 'grep -q "not one --vs" /run/standin/pods/kube-sealos-lvscare.json'

step 'a worker whose kubelet stops is NotReady; reset and clean leave nothing'
on 2 systemctl stop kubelet
wait_for 90 ready 1
on 2 "kubeadm reset -f >/dev/null 2>&1; cd $R/scripts && export ${ENVIRONMENT[*]} && bash -c 'bash clean.sh && bash clean-cri.sh \$criData'" >/dev/null 2>&1
check 'nothing runs' -- on 2 '! pgrep -f "[k]ubelet|[c]ontainerd|[i]mage-cri-shim|[e]tcd" >/dev/null && ! command -v kubeadm'
