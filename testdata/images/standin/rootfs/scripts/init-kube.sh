#!/bin/bash
. "$(dirname "$0")/common.sh"
need registryDomain "${registryDomain-}"
need sandboxImage "${sandboxImage-}"
grep -qE '^127\.0\.0\.1[[:space:]].*localhost' /etc/hosts || echo '127.0.0.1 localhost' >>/etc/hosts
cp -f ../etc/sysctl.d/k8s.conf /etc/sysctl.d/k8s.conf
echo 1 >/proc/sys/net/ipv4/ip_forward
cp -af ../bin/* "$BIN_DIR/"
crictl pull "$registryDomain:$registryPort/$sandboxImage"
mkdir -p /etc/systemd/system/kubelet.service.d /etc/kubernetes/manifests /var/lib/kubelet /var/log/kubernetes
chmod 700 /etc/kubernetes/manifests
cp -f ../etc/kubelet.service /etc/systemd/system/kubelet.service
cp -f ../etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf
systemctl daemon-reload
systemctl enable kubelet
info "init kube success"
