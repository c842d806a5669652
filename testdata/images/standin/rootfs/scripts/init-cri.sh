#!/bin/bash
# init-cri.sh REGISTRY-DOMAIN REGISTRY-PORT: containerd, with the cluster's registry as a mirror without TLS
. "$(dirname "$0")/common.sh"
DOMAIN=$1 PORT=$2
need registryDomain "$DOMAIN"
need registryPort "$PORT"
need criData "${criData-}"
mkdir -p /etc/containerd "/etc/containerd/certs.d/$DOMAIN:$PORT" "$criData"
cp -af ../cri/containerd "$BIN_DIR/containerd"
cp -f ../etc/config.toml /etc/containerd/config.toml
cp -f ../etc/hosts.toml "/etc/containerd/certs.d/$DOMAIN:$PORT/hosts.toml"
cp -f ../etc/containerd.service /etc/systemd/system/containerd.service
systemctl daemon-reload
systemctl enable containerd
systemctl restart containerd
running containerd
info "init containerd success"
