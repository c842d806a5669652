#!/bin/bash
# clean-cri.sh CRI-DATA
. "$(dirname "$0")/common.sh"
remove_unit containerd
rm -rf "$BIN_DIR/containerd" /etc/containerd "${1:-/var/lib/containerd}"
info "clean containerd success"
