#!/bin/bash
. "$(dirname "$0")/common.sh"
bash clean-kube.sh
bash clean-shim.sh
info "clean success"
