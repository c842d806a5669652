#!/bin/bash
. "$(dirname "$0")/common.sh"
remove_unit image-cri-shim
rm -f "$BIN_DIR/image-cri-shim" /etc/image-cri-shim.yaml /etc/crictl.yaml
info "clean shim success"
