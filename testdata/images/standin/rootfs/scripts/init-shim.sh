#!/bin/bash
. "$(dirname "$0")/common.sh"
cp -af ../cri/image-cri-shim "$BIN_DIR/image-cri-shim"
cp -f ../etc/image-cri-shim.yaml /etc/image-cri-shim.yaml
chmod 600 /etc/image-cri-shim.yaml
cp -f ../etc/crictl.yaml /etc/crictl.yaml
cp -f ../etc/image-cri-shim.service /etc/systemd/system/image-cri-shim.service
systemctl daemon-reload
systemctl enable image-cri-shim
systemctl restart image-cri-shim
running image-cri-shim
for _ in $(seq 100); do
    if [ -S /var/run/image-cri-shim.sock ]; then break; fi
    sleep 0.1
done
info "init shim success"
