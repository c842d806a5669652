#!/bin/bash
# check.sh REGISTRY-DATA: what must not be on a machine before it is set up
. "$(dirname "$0")/common.sh"
DATA=${1:-/var/lib/registry}
ports_free 10249 10250 10251 10252 10253 10254 10255 10256 10257 10258 10259 5050 5051 5052 5053 5054
if command -v dockerd >/dev/null || [ -e /var/run/docker.sock ]; then
    error "The machine docker is not clean. Please clean docker the system."
fi
if [ -f "$DATA" ]; then
    error "$DATA is a file, the registry needs a directory there"
fi
info "check root,port,cri success"
