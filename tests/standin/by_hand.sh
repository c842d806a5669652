# shellcheck shell=bash
# by_hand.sh: how an admin makes a cluster of the stand-in by shell, step by step, over SSH. Sourced behind tests/lab/lib.sh
# by the tests of the stand-in itself. MASTERS and WORKERS are lists of node numbers.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
D=/var/lib/sealos/data/default
R=$D/rootfs
VIP=10.103.97.2
K='kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=5s'
E='ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/peer.crt --key=/etc/kubernetes/pki/etcd/peer.key --command-timeout=3s'
IGNORE=--ignore-preflight-errors=SystemVerification
ENVIRONMENT=(criData=/var/lib/containerd registryData=/var/lib/registry registryConfig=/etc/registry registryDomain=sealos.hub
    registryPort=5000 registryUsername=admin registryPassword=passw0rd disableApparmor=false
    SEALOS_SYS_CRI_ENDPOINT=/var/run/containerd/containerd.sock SEALOS_SYS_IMAGE_ENDPOINT=/var/run/image-cri-shim.sock
    defaultVIP=$VIP sandboxImage=pause:3.9 "SEALOS_SYS_KUBE_VERSION=${KUBE_VERSION:=v1.28.0}")

# on N: runs the program on stdin; on N CMD: a command line
on() {
    local n=$1
    shift
    if [ $# = 0 ]; then set -- sh -es; fi
    ssh -o BatchMode=yes -o ServerAliveInterval=2 "root@$(addr "$n")" "$@"
}
each() { # FUNCTION N…: on all of them at once
    local f=$1 p=() n
    shift
    for n; do
        "$f" "$n" &
        p+=($!)
    done
    for n in "${p[@]}"; do wait "$n"; done
}

make_images() {
    "$HERE/../lab/standin-image" "$L/images" "$KUBE_VERSION"
    umoci unpack --rootless --image "$L/images/standin:$KUBE_VERSION" "$L/work/image" >/dev/null 2>&1
    umoci unpack --rootless --image "$L/images/standin-net:v1.0.0" "$L/work/net" >/dev/null 2>&1
    "$HERE/render.py" "$L/work/image/rootfs" "${ENVIRONMENT[@]}"
    "$HERE/render.py" "$L/work/net/rootfs" NAME=standin-network podCIDR=100.64.0.0/10
    # shellcheck disable=SC2016
    echo "admin:$(perl -e 'print crypt("passw0rd", q($2b$10$abcdefghijklmnopqrstuu))')" >"$L/work/image/rootfs/etc/registry_htpasswd"
    chmod -R 0755 "$L/work/image/rootfs" "$L/work/net/rootfs"
}
push() { # N
    local without=(--exclude=./registry)
    [ "$1" != "$REGISTRY" ] || without=()
    tar -C "$L/work/image/rootfs" "${without[@]}" -c . | on "$1" "mkdir -p $R && tar -C $R --no-same-owner -x"
}
registry() { # N
    on "$1" <<S
mkdir -p $R/registry
ln -sfn $R/registry /var/lib/registry
cd $R/scripts
export ${ENVIRONMENT[*]}
bash init-registry.sh /var/lib/registry /etc/registry
S
}
hosts() { # N API-ADDRESS
    on "$1" <<S
sed -i '/ # reconcile\$/d' /etc/hosts
echo '$(addr "$REGISTRY") sealos.hub # reconcile' >>/etc/hosts
echo '$2 apiserver.cluster.local # reconcile' >>/etc/hosts
echo '$(addr "$1") lvscare.node.ip # reconcile' >>/etc/hosts
S
}
setup() { # N
    on "$1" <<S
cd $R/scripts
export ${ENVIRONMENT[*]}
bash -c 'bash check.sh \$registryData'
bash -c 'bash init-cri.sh \$registryDomain \$registryPort && bash init.sh'
S
}
authorities() { # N…: one set of CAs and service-account keys on each
    local d=$L/work/pki n f
    if [ ! -e "$d/sa.key" ]; then
        mkdir -p "$d/etcd"
        for f in ca:kubernetes front-proxy-ca:front-proxy-ca etcd/ca:etcd-ca; do
            openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=${f#*:}" -days 3650 -addext 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign' \
                -keyout "$d/${f%:*}.key" -out "$d/${f%:*}.crt" 2>/dev/null
        done
        openssl genrsa -out "$d/sa.key" 2048 2>/dev/null
        openssl rsa -in "$d/sa.key" -pubout -out "$d/sa.pub" 2>/dev/null
    fi
    for n; do
        tar -C "$d" -c . | on "$n" "mkdir -p /etc/kubernetes/pki && tar -C /etc/kubernetes/pki --no-same-owner -x && cp $R/statics/audit-policy.yml /etc/kubernetes/"
    done
}
init_config() { # N
    cat <<Y
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: $(addr "$1"), bindPort: 6443}
nodeRegistration: {criSocket: "unix:///var/run/containerd/containerd.sock", kubeletExtraArgs: {node-ip: $(addr "$1")}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: $KUBE_VERSION
controlPlaneEndpoint: apiserver.cluster.local:6443
networking: {podSubnet: 100.64.0.0/10, serviceSubnet: 10.96.0.0/22}
apiServer:
  certSANs: [127.0.0.1, apiserver.cluster.local, $VIP$(for m in $MASTERS; do printf ', %s' "$(addr "$m")"; done)]
  extraArgs: {audit-policy-file: /etc/kubernetes/audit-policy.yml, audit-log-path: /var/log/kubernetes/audit.log}
  extraVolumes:
    - {name: audit, hostPath: /etc/kubernetes, mountPath: /etc/kubernetes, pathType: DirectoryOrCreate}
    - {name: audit-log, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes, pathType: DirectoryOrCreate}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: /etc/kubernetes/manifests
imageServiceEndpoint: unix:///var/run/image-cri-shim.sock
Y
}
join_config() { # N TOKEN ENDPOINT
    cat <<Y
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
nodeRegistration: {criSocket: "unix:///var/run/containerd/containerd.sock", kubeletExtraArgs: {node-ip: $(addr "$1")}}
discovery:
  bootstrapToken: {token: $2, apiServerEndpoint: "$3", caCertHashes: ["$(ca_hash)"]}
Y
    case " $MASTERS " in *" $1 "*) echo "controlPlane: {localAPIEndpoint: {advertiseAddress: $(addr "$1"), bindPort: 6443}}" ;; esac
}
ca_hash() {
    openssl x509 -in "$L/work/pki/ca.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
prepull() { # N
    local which=.
    case " $MASTERS " in *" $1 "*) ;; *) which='/kube-proxy:\|/pause:' ;; esac
    on "$1" <<S
kubeadm config images list --config $D/etc/kubeadm-init.yaml | grep '$which' | while read -r i; do crictl pull "\$i" >/dev/null </dev/null; done
S
}
config() { # N FILE: from stdin
    on "$1" "mkdir -p $D/etc && umask 077 && cat >$D/etc/$2"
}
init() { # N
    on "$1" "kubeadm init --config $D/etc/kubeadm-init.yaml --skip-certificate-key-print --skip-token-print $IGNORE" &&
        on "$1" 'mkdir -p ~/.kube && cp /etc/kubernetes/admin.conf ~/.kube/config'
}
token() { on "${MASTERS%% *}" "kubeadm token create --ttl 30m --description 'by hand'"; }
join_master() { # N TOKEN
    join_config "$1" "$2" "$(addr "${MASTERS%% *}"):6443" | config "$1" kubeadm-join-master.yaml
    on "$1" "kubeadm join --config $D/etc/kubeadm-join-master.yaml $IGNORE && rm $D/etc/kubeadm-join-master.yaml" &&
        hosts "$1" "$(addr "$1")"
}
rules() { # N MASTER…: the virtual server, as docs/ON-NODE.md has it
    local n=$1 list=() m i
    shift
    mapfile -t list < <(for m; do echo "$(addr "$m"):6443"; done | sort)
    {
        printf '*nat\n:RECONCILE-VIP - [0:0]\n'
        for i in "${!list[@]}"; do
            m="-m statistic --mode nth --every $((${#list[@]} - i)) --packet 0 "
            [ "$i" != $((${#list[@]} - 1)) ] || m=
            echo "-A RECONCILE-VIP -p tcp ${m}-j DNAT --to-destination ${list[i]}"
        done
        echo COMMIT
    } | on "$n" iptables-restore --noflush
    on "$n" "iptables -t nat -C OUTPUT -d $VIP/32 -p tcp -m tcp --dport 6443 -j RECONCILE-VIP 2>/dev/null || iptables -t nat -A OUTPUT -d $VIP/32 -p tcp -m tcp --dport 6443 -j RECONCILE-VIP"
}
join_worker() { # N TOKEN
    join_config "$1" "$2" "$VIP:6443" | config "$1" kubeadm-join-node.yaml
    on "$1" "kubeadm join --config $D/etc/kubeadm-join-node.yaml $IGNORE && rm $D/etc/kubeadm-join-node.yaml"
}
keeper() { # N MASTER…: the lvscare static pod
    local n=$1 m rs=
    shift
    for m; do rs="$rs, --rs, \"$(addr "$m"):6443\""; done
    on "$n" 'cat >/etc/kubernetes/manifests/kube-sealos-lvscare.yaml' <<Y
apiVersion: v1
kind: Pod
metadata: {name: kube-sealos-lvscare, namespace: kube-system}
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
    - name: kube-sealos-lvscare
      image: ghcr.io/labring/lvscare:v5.0.1
      imagePullPolicy: IfNotPresent
      command: [/usr/bin/lvscare]
      args: [care, --vs, "$VIP:6443", --health-path, /healthz, --health-schem, https$rs]
      securityContext: {privileged: true}
      volumeMounts: [{name: lib-modules, mountPath: /lib/modules, readOnly: true}]
  volumes: [{name: lib-modules, hostPath: {path: /lib/modules}}]
Y
}
network() { # N: the guest, on a master
    local w=$D/applications/net/workdir
    tar -C "$L/work/net/rootfs" --exclude=./registry -c . | on "$1" "mkdir -p $w && tar -C $w --no-same-owner -x && cd $w && bash entrypoint.sh"
}
ready() { # COUNT
    [ "$(on "${UP:-${MASTERS%% *}}" "$K get nodes -o jsonpath='{range .items[*]}{.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}'" 2>/dev/null | grep -c True)" = "$1" ]
}
prepare() { # N…: up to where kubeadm begins
    each push "$@"
    case " $* " in *" $REGISTRY "*) registry "$REGISTRY" ;; esac
    local n
    for n; do hosts "$n" "$(case " $MASTERS " in *" $n "*) addr "${MASTERS%% *}" ;; *) echo "$VIP" ;; esac)"; done
    each setup "$@"
    for n; do init_config "${MASTERS%% *}" | config "$n" kubeadm-init.yaml; done
    each prepull "$@"
}
