# Sourced by every script of the image, as in the real ones. Faults: a file /run/lab-fail/SCRIPT (its name without .sh) makes
# that script fail once.
set -e
cd "$(dirname "${BASH_SOURCE[0]}")"
ME=$(basename "$0" .sh)
BIN_DIR=${BIN_DIR:-/usr/bin}

info() { echo " [INFO] $*"; }
error() {
    echo " [ERROR] $*" >&2
    exit 1
}
if [ -e "/run/lab-fail/$ME" ]; then
    rm -f "/run/lab-fail/$ME"
    error "$ME: failed as a test asked"
fi
while [ -e "/run/lab-hold-$ME" ]; do sleep 0.05; done

# PORT…: nobody listens there (0A is a listener in /proc/net/tcp)
ports_free() {
    for port; do
        hex=$(printf '%04X' "$port")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F]+:0000 0A "; then
            error "Port: $port occupied. Please turn off port service."
        fi
    done
}
# NAME VALUE: an environment variable that the image's configuration gives and the caller has to export
need() { [ -n "$2" ] || error "$1 is not set"; }
running() {
    for _ in $(seq 100); do
        if systemctl is-active --quiet "$1"; then
            info "$1 is running"
            return
        fi
        sleep 0.1
    done
    error "$1 is not running"
}
remove_unit() {
    systemctl stop "$1" 2>/dev/null || true
    systemctl disable "$1" 2>/dev/null || true
    rm -rf "/etc/systemd/system/$1.service" "/etc/systemd/system/$1.service.d"
    systemctl daemon-reload
}
