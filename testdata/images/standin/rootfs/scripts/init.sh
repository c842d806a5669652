#!/bin/bash
. "$(dirname "$0")/common.sh"
bash init-shim.sh
bash init-kube.sh
info "init success"
