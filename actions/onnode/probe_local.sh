# The probe's sections that only look at files and ask quick tools. See probe.sh.

# ---- one awk over the small files

probe_files() {
    set -- /etc/os-release /proc/meminfo /proc/net/tcp /proc/net/tcp6
    case $SECTIONS in *' hosts '*) set -- "$@" /etc/hosts ;; esac
    case $SECTIONS in *' vip '*) set -- "$@" /proc/net/ip_vs ;; esac
    case $SECTIONS in *' kube '*) set -- "$@" /root/.kube/config ;; esac
    for probe_file; do
        shift
        if [ -f "$ROOT$probe_file" ] && [ -r "$ROOT$probe_file" ]; then set -- "$@" "$ROOT$probe_file"; fi
    done
    probe_seen=$(ROOT=$ROOT SECTIONS=$SECTIONS DOMAIN=$DOMAIN VIPKEY=$VIPKEY HOSTPORT=$HOSTPORT awk '
        function hex(s,   i, n) {
            n = 0
            for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789ABCDEF", toupper(substr(s, i, 1))) - 1
            return n
        }
        function endpoint(s,   a, h) {
            if (s ~ /^\[/) { h = s; sub(/\]:.*/, "]", h); sub(/.*\]:/, "", s); return h ":" hex(s) }
            split(s, a, ":")
            h = hex(substr(a[1], 1, 2)) "." hex(substr(a[1], 3, 2)) "." hex(substr(a[1], 5, 2)) "." hex(substr(a[1], 7, 2))
            return h ":" hex(a[2])
        }
        function clean(s) { gsub(/[\001-\037\177]/, "?", s); return substr(s, 1, 200) }
        function says(key, value) { if (value == "") print "f " key; else print "t " key " " clean(value) }
        BEGIN {
            e = ENVIRON["ROOT"]; skip = length(e) + 1
            host["registry"] = tolower(ENVIRON["DOMAIN"]); host["api"] = "apiserver.cluster.local"; host["lvscare"] = "lvscare.node.ip"
        }
        FNR == 1 { file = substr(FILENAME, skip) }
        file == "/etc/hosts" {
            sub(/#.*/, "")
            for (i = 2; i <= NF; i++) for (k in host) if (tolower($i) == host[k] && !(k in at)) at[k] = $1
            next
        }
        file == "/etc/os-release" {
            if (match($0, /^(ID|VERSION_ID)=/)) { v = substr($0, RLENGTH + 1); gsub(/["\047]/, "", v); os[substr($0, 1, RLENGTH - 1)] = v }
            next
        }
        file == "/proc/meminfo" { if ($1 == "MemTotal:") memory = int($2 / 1024); next }
        file ~ /^\/proc\/net\/tcp/ { if ($4 == "0A") { split($2, p, ":"); listens[hex(p[2])] = 1 } next }
        file == "/proc/net/ip_vs" {
            if ($1 ~ /^(TCP|UDP|SCTP|FWM)$/) {
                mine = $1 == "TCP" && $2 == ENVIRON["VIPKEY"]
                if (mine) { vs = 1; if ($3 != "rr" || NF > 3) odd = "?" }
            } else if ($1 == "->" && mine) {
                if ($3 != "Masq") odd = "?"
                rs = rs (rs == "" ? "" : ",") endpoint($2)
            }
            next
        }
        file == "/root/.kube/config" { if ($1 == "certificate-authority-data:" && ca == "") ca = clean64($2); next }
        function clean64(s) { gsub(/[^A-Za-z0-9+\/=]/, "", s); return s }
        END {
            s = ENVIRON["SECTIONS"]
            says("os", os["ID"] == "" ? "" : os["ID"] (os["VERSION_ID"] == "" ? "" : " " os["VERSION_ID"]))
            says("memory", memory)
            n = split("2379 2380 6443 10250 10257 10259", p, " ")
            for (i = 1; i <= n; i++) if (p[i] in listens) busy = busy (busy == "" ? "" : ",") p[i]
            says("ports-busy", busy)
            if (s ~ / hosts /) for (k in host) says("hosts." k, at[k])
            print "="
            l = ","; for (i in listens) l = l i ","
            print "listens " l
            print "vs " (vs ? "ipvs" odd " " ENVIRON["HOSTPORT"] " " rs : "")
            print "ca " ca
        }' "$@" </dev/null 2>/dev/null)
    case $probe_seen in
    *'
=
'*) ;;
    *) return 1 ;;
    esac
    probe_out="$probe_out${probe_seen%%
=
*}
"
    probe_seen=${probe_seen#*
=
listens }
    probe_listens=${probe_seen%%
*}
    probe_seen=${probe_seen#*
vs }
    probe_vs=${probe_seen%%
*}
    probe_ca=${probe_seen#*
ca }
}

# ---- sections

# Our directory, with more in it than the lease: that is taken before anything is prepared, and left by a killed run.
probe_prepared() {
    for probe_line in "$1"/*; do
        case $probe_line in
        */lease | */lease.*) ;;
        *) [ ! -e "$probe_line" ] || return 0 ;;
        esac
    done
    return 1
}

probe_identity() {
    probe_line_of hostname "$ROOT/proc/sys/kernel/hostname"
    probe_first "$ROOT/etc/machine-id"
    case $probe_line in
    '' | uninitialized) probe_false machine-id ;;
    *) probe_true machine-id "$probe_line" ;;
    esac
    probe_line_of boot-id "$ROOT/proc/sys/kernel/random/boot_id"
    probe_line_of kernel "$ROOT/proc/sys/kernel/osrelease"
    probe_line=$(uname -m)
    case $probe_line in
    x86_64) probe_line=amd64 ;;
    aarch64) probe_line=arm64 ;;
    armv7l) probe_line=arm ;;
    esac
    probe_true arch "$probe_line"
    probe_line=$(probe_bounded 3 df -Pk "$ROOT/var/lib" 2>/dev/null)
    set -f
    set -- ${probe_line##*
}
    set +f
    case ${4-} in
    '' | *[!0-9]*) probe_unknown disk-free "df does not say" ;;
    *) probe_true disk-free $(($4 / 1024)) ;;
    esac
    if probe_prepared "$probe_own" || [ -d "$ROOT/var/lib/sealos/data/$CLUSTER" ]; then probe_say 't ours'; else probe_false ours; fi
}

probe_rootfs() {
    if ! probe_first "$probe_own/manifests/rootfs"; then
        probe_false rootfs
        return
    fi
    probe_key=${probe_line%% *}
    probe_stat=$(stat_listing "$probe_own/manifests/rootfs" "$probe_tree" 2>/dev/null)
    if [ -n "$probe_stat" ] && [ "$probe_line" = "$probe_key $probe_stat" ]; then
        probe_true rootfs "$probe_key"
    else
        probe_true rootfs drifted
    fi
}

probe_registry() {
    probe_list=
    if [ -d "$probe_tree/registry" ]; then
        for probe_file in "$probe_own"/stamps/registry.*; do
            probe_file=${probe_file##*/registry.}
            case $probe_file in
            init | '*' | *[!0-9a-f]*) ;;
            *) probe_list=$probe_list,sha256:$probe_file ;;
            esac
        done
    fi
    if [ -n "$probe_list" ]; then probe_true registry.images "${probe_list#,}"; else probe_false registry.images; fi
    probe_line_of registry.stamp "$probe_own/stamps/registry.init"
    case $probe_listens in
    *",$PORT,"*) ;;
    *) probe_false registry.serving ;;
    esac
}

# UNIT: does it exist?
probe_unit_exists() {
    for probe_dir in /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        if [ -e "$ROOT$probe_dir/$1.service" ]; then return 0; fi
    done
    return 1
}

probe_units() {
    probe_line_of init.stamp "$probe_own/stamps/node.init"
    if ! probe_has systemctl; then
        for probe_key in runtime.up shim.up kubelet.up; do probe_unknown $probe_key "no systemctl on the node"; done
        return
    fi
    probe_line=$(probe_bounded 5 systemctl is-active containerd docker crio image-cri-shim kubelet 2>/dev/null)
    set -f
    set -- $probe_line
    set +f
    if [ $# -ne 5 ]; then
        for probe_key in runtime.up shim.up kubelet.up; do probe_unknown $probe_key "systemctl does not say"; done
        return
    fi
    case "$1 $2 $3" in
    active*) probe_true runtime.up containerd ;;
    *' active '*) probe_true runtime.up docker ;;
    *' active') probe_true runtime.up crio ;;
    *) probe_false runtime.up ;;
    esac
    if [ "$4" = active ] || ! probe_unit_exists image-cri-shim; then probe_say 't shim.up'; else probe_false shim.up; fi
    probe_if kubelet.up test "$5" = active
}

probe_kube() {
    probe_etc=$ROOT/etc/kubernetes
    probe_pki=$probe_etc/pki
    probe_if kubelet.conf test -f "$probe_etc/kubelet.conf"
    probe_if admin.conf test -f "$probe_etc/admin.conf"
    if [ -f "$probe_pki/ca.crt" ]; then
        probe_line=$(sha256sum <"$probe_pki/ca.crt")
        probe_true ca "${probe_line%% *}"
    else
        probe_false ca
    fi
    probe_line_of ca.stamp "$probe_own/stamps/ca"
    set -- "$probe_pki/ca.crt" "$probe_pki/front-proxy-ca.crt" "$probe_pki/etcd/ca.crt" "$probe_pki/sa.pub"
    probe_whole=yes
    for probe_file in ca.key front-proxy-ca.key etcd/ca.key sa.key; do
        if [ "$ETCDEXTERNAL$probe_file" = yesetcd/ca.key ]; then continue; fi
        if [ ! -s "$probe_pki/$probe_file" ]; then probe_whole=no; fi
    done
    if [ "$ETCDEXTERNAL" = yes ]; then set -- "$1" "$2" "$4"; fi
    for probe_file; do
        if [ ! -s "$probe_file" ]; then probe_whole=no; fi
    done
    if [ $probe_whole = yes ]; then
        probe_line=$(cat "$@" | sha256sum)
        probe_true pki "${probe_line%% *}"
    else
        probe_false pki
    fi
    if [ ! -f "$probe_etc/audit-policy.yml" ]; then
        if [ -f "$probe_own/manifests/rootfs" ] && [ ! -f "$probe_tree/statics/audit-policy.yml" ]; then
            probe_say 't statics'
        else
            probe_false statics
        fi
    elif [ -f "$probe_tree/statics/audit-policy.yml" ]; then
        probe_if statics cmp -s "$probe_tree/statics/audit-policy.yml" "$probe_etc/audit-policy.yml"
    elif [ -f "$probe_own/manifests/rootfs" ]; then
        probe_say 't statics'
    else
        probe_unknown statics "no rootfs to compare with"
    fi
    if [ ! -f "$ROOT/root/.kube/config" ]; then
        probe_false kubeconfig
    elif [ -n "$probe_ca" ]; then
        probe_line=$(printf %s "$probe_ca" | base64 -d 2>/dev/null | sha256sum)
        probe_true kubeconfig "${probe_line%% *}"
    else
        probe_true kubeconfig unreadable
    fi
    probe_list=
    for probe_file in etcd kube-apiserver kube-controller-manager kube-scheduler; do
        if [ -f "$probe_etc/manifests/$probe_file.yaml" ]; then probe_list=$probe_list,$probe_file; fi
    done
    if [ -n "$probe_list" ]; then probe_true manifests "${probe_list#,}"; else probe_false manifests; fi
    probe_if etcd.data test -d "$ROOT$ETCDDATA/member"
    probe_first "$probe_own/attempt"
    case ${probe_line%% *} in
    '') probe_false attempt ;;
    init | join-master | join-worker) probe_true attempt "${probe_line%% *}" ;;
    *) probe_unknown attempt "its file is not one of ours" ;;
    esac
}

probe_vip() {
    if [ -e "$ROOT/proc/net/ip_vs" ]; then
        probe_true ipvs.kernel loaded
    elif probe_has modprobe && probe_bounded 3 modprobe -n -q ip_vs >/dev/null 2>&1; then
        probe_true ipvs.kernel loadable
    else
        probe_false ipvs.kernel
        probe_first "$ROOT/proc/sys/kernel/osrelease"
        for probe_file in "$ROOT/lib/modules/$probe_line/kernel/net/netfilter/ipvs"/ip_vs.ko*; do
            if [ -f "$probe_file" ]; then probe_out="${probe_out%f ipvs.kernel
}t ipvs.kernel loadable
"; fi
        done
    fi
    probe_file=$ROOT/etc/kubernetes/manifests/kube-sealos-lvscare.yaml
    if [ -f "$probe_file" ]; then
        probe_say "b lvscare.pod $(head -c 65536 "$probe_file" | base64 | tr -d '\n')"
    else
        probe_false lvscare.pod
    fi
}

# A live job of ours: its process is there, with the start time that was written beside it.
probe_jobs() {
    probe_list=
    for probe_dir in "$probe_own"/jobs/*/; do
        probe_dir=${probe_dir%/}
        [ -f "$probe_dir/pid" ] && [ ! -f "$probe_dir/status" ] || continue
        read -r probe_pid probe_since probe_line 2>/dev/null <"$probe_dir/pid"
        case $probe_pid in '' | *[!0-9]*) continue ;; esac
        probe_first "$ROOT/proc/$probe_pid/stat" || continue
        set -f
        set -- ${probe_line##*)}
        set +f
        if [ -n "$probe_since" ] && [ "${20-}" != "$probe_since" ]; then continue; fi
        probe_list=$probe_list,${probe_dir##*/}
    done
    if [ -n "$probe_list" ]; then probe_true jobs "${probe_list#,}"; else probe_false jobs; fi
}
