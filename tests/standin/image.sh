#!/bin/bash
# nodes: 0
# The images are what they should be: OCI layouts that others read, the same bytes each time, whiteouts obeyed, and a registry
# directory that Docker's registry serves.
. "$(dirname "$0")/../lab/lib.sh"
HERE=$(cd "$(dirname "$(realpath "$0")")" && pwd)

step 'the same input gives the same bytes'
LAB_CACHE=$L/work/c1 "$HERE/../lab/standin-image" "$L/work/one"
LAB_CACHE=$L/work/c2 "$HERE/../lab/standin-image" "$L/work/two"
check 'equal' -- diff -r "$L/work/one" "$L/work/two"
LAB_CACHE=$L/work/c1 "$HERE/../lab/standin-image" "$L/work/next" v1.29.0
check 'another version' -- test "$(skopeo inspect --config "oci:$L/work/next/standin" | python3 -c 'import json, sys; print(json.load(sys.stdin)["config"]["Labels"]["version"])')" = v1.29.0
expect 1 env LAB_CACHE="$L/work/c1" "$HERE/../lab/standin-image" "$L/work/bad" latest

step 'read by others'
for i in standin standin-net standin-app; do expect 0 skopeo inspect "oci:$L/work/one/$i"; done
expect 0 skopeo copy -q "oci:$L/work/one/standin:v1.28.0" "oci-archive:$L/work/standin.tar"
expect 0 umoci unpack --rootless --image "$L/work/one/standin:v1.28.0" "$L/work/bundle"
F=$L/work/bundle/rootfs
for f in bin/kubeadm bin/kubelet bin/kubectl cri/registry etc/kubelet.service.tmpl scripts/init.sh statics/audit-policy.yml images/shim/DefaultImageList registry/docker; do
    check "$f" -- test -e "$F/$f"
done
for f in scripts/init-old.sh etc/legacy/daemon.json; do check "$f was taken away by the upper layer" -- test ! -e "$F/$f"; done
expect 0 "$F/bin/kubeadm" version -o short
check 'version' -- test "$(<"$OUT")" = v1.28.0

step 'the registry directory, served'
cat >"$L/work/registry.yml" <<Y
version: 0.1
storage: {filesystem: {rootdirectory: $F/registry}, maintenance: {readonly: {enabled: true}}}
http: {addr: "127.0.0.1:5000"}
Y
spawn docker-registry serve "$L/work/registry.yml" >"$L/work/registry.log" 2>&1
wait_for 10 curl -sf -o /dev/null http://127.0.0.1:5000/v2/
for i in kube-apiserver:v1.28.0 coredns/coredns:v1.10.1 pause:3.9 labring/lvscare:v5.0.1; do
    expect 0 skopeo copy -q --all --src-tls-verify=false "docker://127.0.0.1:5000/$i" "dir:$L/work/copy"
    rm -rf "$L/work/copy"
done
kill "$SPAWNED"
