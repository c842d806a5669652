#!/bin/bash
# init-registry.sh DATA CONFIG: Docker's registry over the directory DATA, with htpasswd
. "$(dirname "$0")/common.sh"
DATA=${1:-/var/lib/registry} CONFIG=${2:-/etc/registry}
mkdir -p "$CONFIG"
[ -d "$DATA/" ] || error "$DATA is not a directory"
[ -s ../etc/registry_htpasswd ] || error "etc/registry_htpasswd is absent"
cp -au ../cri/registry "$BIN_DIR/registry"
cp -f ../etc/registry_config.yml "$CONFIG/registry_config.yml"
cp -f ../etc/registry_htpasswd "$CONFIG/registry_htpasswd"
chmod 600 "$CONFIG/registry_htpasswd"
cp -f ../etc/registry.service /etc/systemd/system/registry.service
systemctl daemon-reload
systemctl enable registry
systemctl restart registry
running registry
info "init registry success"
