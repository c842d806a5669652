# shellcheck shell=bash
# cluster.sh: what scenarios that build clusters share; sourced after lib.sh.
#   clusterfile MASTERS WORKERS   writes $CF: nodes 0… are masters, the next ones workers; $EXTRA_HOSTS, $EXTRA_SPEC,
#                                 $EXTRA_POLICY are added as they stand
#   add_host ROLE N, drop_host N  edit the hosts of $CF as a user would
#   apply [CODE] [ARG…]           reconcile -f $CF; another exit code than CODE (0) fails
#   planned                       the ids of the actions that `plan` shows, one a line
#   kube N ARG…                   kubectl with admin rights on node N
#   settled N…                    a second run: nothing to do, file untouched, one connection and one command per node
CF=$L/cluster/Clusterfile
mkdir -p "$L/cluster"
"$LAB_DIR/standin-image" "$L/images" >/dev/null || fail 'the stand-in images could not be made'

host_entry() { # ROLE N
    printf '    - ips: ["%s"]\n      roles: [%s]\n' "$(addr "$2")" "$1"
}
clusterfile() {
    local i masters=$1 workers=$2
    {
        printf 'apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata:\n  name: lab # the lab'"'"'s own\nspec:\n  image:\n'
        printf '    - oci:%s\n' "$L/images/standin" "$L/images/standin-net"
        printf '  ssh:\n    user: root\n    pk: ~/.ssh/id_ed25519\n%s  hosts:\n' "${EXTRA_SPEC-}"
        for ((i = 0; i < masters; i++)); do host_entry master "$i"; done
        for ((; i < masters + workers; i++)); do host_entry node "$i"; done
        printf '%s' "${EXTRA_HOSTS-}"
        printf -- '---\napiVersion: reconcile/v1\nkind: ReconcilePolicy\nspec:\n  minDiskFree: 100\n%s' "${EXTRA_POLICY-}"
    } >"$CF"
}
add_host() {
    sed -i "s|^  hosts:\$|&\n    - ips: [\"$(addr "$2")\"]\n      roles: [$1]|" "$CF"
}
drop_host() {
    sed -i "/^    - ips: \[\"$(addr "$1")\"\]\$/,+1d" "$CF"
}
apply() {
    local code=0
    if [[ ${1-} =~ ^[0-9]+$ ]]; then
        code=$1
        shift
    fi
    expect "$code" reconcile -f "$CF" "$@"
}
planned() { reconcile plan -f "$CF" -o json | python3 -c 'import json,sys; [print(a["id"]) for a in json.load(sys.stdin)["actions"]]'; }
kube() {
    local n=$1
    shift
    in_ "$n" kubectl --kubeconfig=/etc/kubernetes/admin.conf "$@"
}
nodes_of() { # N: names and readiness as the API on master N tells them
    kube "$1" get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.nodeInfo.machineID}{"\t"}{.status.addresses[?(@.type=="InternalIP")].address}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.metadata.labels}{"\t"}{.spec.unschedulable}{"\t"}{.status.nodeInfo.kubeletVersion}{"\n"}{end}' |
        command cut -f1,4
}
all_ready() { # N COUNT
    [ "$(nodes_of "$1" | grep -c 'True$')" = "$2" ]
}
settled() {
    local n before
    before=$(stat -c '%i %Y %Z' "$CF")
    cp "$CF" "$L/cluster/before"
    reset_counts
    expect 0 reconcile plan -f "$CF"
    for n in "$@"; do
        check "plan: one connection and one command on node$n" -- [ "$(connections "$n") $(commands "$n")" = '1 1' ]
    done
    reset_counts
    expect 0 reconcile -f "$CF"
    for n in "$@"; do
        check "one connection and one command on node$n" -- [ "$(connections "$n") $(commands "$n")" = '1 1' ]
    done
    check 'the file has not been written' -- [ "$(stat -c '%i %Y %Z' "$CF")" = "$before" ]
    check 'the file is byte-identical' -- cmp "$CF" "$L/cluster/before"
}
# The image's scripts do as they are told (its scripts/common.sh): SCRIPT is a script's name without .sh
fail_once() { in_ "$1" sh -c 'mkdir -p /run/lab-fail && : >"/run/lab-fail/$1"' - "$2"; } # N SCRIPT
hold() { in_ "$1" sh -c ': >"/run/lab-hold-$1"' - "$2"; }                                # N SCRIPT: it waits
release() { in_ "$1" rm -f "/run/lab-hold-$2"; }
