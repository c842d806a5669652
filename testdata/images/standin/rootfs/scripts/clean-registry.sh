#!/bin/bash
# clean-registry.sh DATA CONFIG
. "$(dirname "$0")/common.sh"
remove_unit registry
rm -rf "$BIN_DIR/registry" "${1:?}" "${2:?}"
info "clean registry success"
