# The probe: looks at this node and prints what it saw, framed (docs/ON-NODE.md, "The probe's answer"). Changes nothing.
#
# Sent behind its parameters and, in this order, stat.sh, probe_tools.sh, probe_local.sh, probe_late.sh. Parameters:
# NONCE SECTIONS CLUSTER ROLE (master, worker) DOMAIN PORT (the registry's) HOSTPORT (VIP:6443) VIPKEY (the same as
# /proc/net/ip_vs writes it) VIPPORT VIPMASK (VIP/32) BINDPORT LOOPBACK ETCDDATA ETCDEXTERNAL (yes, no) ROOT (empty;
# tests look at another tree through it).
#
# Few forks: builtins where they will do, one awk over all small files. What may hang has a deadline and runs beside the
# rest, its lines in a file of a private directory on a tmpfs. All is one function, called last: a cut program does nothing.

# NAME: runs probe_late_NAME beside the rest; its lines are collected at the end.
probe_start() {
    if [ -z "$probe_tmp" ]; then
        for probe_dir in /run /dev/shm /tmp; do
            if probe_tmp=$(mktemp -d "$ROOT$probe_dir/reconcile-probe.XXXXXX" 2>/dev/null); then break; fi
        done
        if [ -z "$probe_tmp" ]; then return; fi
    fi
    probe_late="$probe_late $1"
    (
        probe_out=
        "probe_late_$1"
        printf %s "$probe_out" >"$probe_tmp/late.$1"
    ) &
}

probe_start_late() {
    case $SECTIONS in
    *' registry '*) case $probe_listens in *",$PORT,"*) probe_start registry ;; esac ;;
    esac
    case $SECTIONS in
    *' init '*)
        if [ -s "$probe_own/stamps/prepull" ] && [ -f "$probe_own/stamps/prepull.list" ]; then
            probe_start prepull
        else
            probe_false prepulled
        fi
        ;;
    esac
    case $SECTIONS in *' vip '*) probe_start vip ;; esac
    case $SECTIONS in
    *' api '*)
        if [ -f "$ROOT/etc/kubernetes/admin.conf" ]; then probe_start api; else probe_false api.answers; fi
        ;;
    esac
    case $SECTIONS in
    *' etcd '*)
        if [ -f "$ROOT/etc/kubernetes/pki/etcd/peer.crt" ]; then probe_start etcd; else probe_false etcd.answers; fi
        ;;
    esac
    case $SECTIONS in
    *' self '*)
        if [ -f "$ROOT/etc/kubernetes/kubelet.conf" ]; then
            probe_start self
        else
            probe_unknown self "no kubelet.conf"
        fi
        ;;
    esac
}

probe_collect() {
    wait
    for probe_file in $probe_late; do
        if [ -f "$probe_tmp/late.$probe_file" ]; then
            probe_out="$probe_out$(cat "$probe_tmp/late.$probe_file")
"
        fi
    done
}

probe() {
    LC_ALL=C
    export LC_ALL
    umask 077
    if [ -z "$ROOT" ]; then PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; fi
    probe_began=$(date +%s.%N)
    probe_own=$ROOT/var/lib/reconcile/$CLUSTER
    probe_tree=$ROOT/var/lib/sealos/data/$CLUSTER/rootfs
    probe_out='' probe_tmp='' probe_late='' probe_listens='' probe_vs='' probe_ca=''
    trap 'if [ -n "$probe_tmp" ]; then rm -rf "$probe_tmp"; fi' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    probe_identity
    if probe_files && [ "$(id -u)" = 0 ]; then
        probe_say 't root'
        probe_start_late
        for probe_section in rootfs registry kube vip jobs; do
            case $SECTIONS in *" $probe_section "*) "probe_$probe_section" ;; esac
        done
        case $SECTIONS in *' init '*) probe_units ;; esac
        probe_collect
    elif [ "$(id -u)" != 0 ]; then
        probe_false root
    fi
    probe_say "t clock $probe_began $(date +%s.%N)"
    set -f
    IFS='
'
    set -- $probe_out
    printf 'BEGIN reconcile-probe 1 %s\n%sEND reconcile-probe %s %s\n' "$NONCE" "$probe_out" "$NONCE" $#
}

(probe) </dev/null # a shell of its own: traps, IFS and all the rest end with it
