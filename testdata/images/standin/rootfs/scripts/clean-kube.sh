#!/bin/bash
. "$(dirname "$0")/common.sh"
remove_unit kubelet
for f in ../bin/*; do rm -f "$BIN_DIR/$(basename "$f")"; done
rm -rf /var/lib/kubelet /etc/sysctl.d/k8s.conf /var/log/kubernetes
info "clean kube success"
