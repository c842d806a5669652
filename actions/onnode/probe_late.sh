# The probe's slow half: daemons, the API, etcd, each with a deadline. See probe.sh.

# ---- what may take its time: each prints lines of the answer (its own probe_out), beside the rest

probe_late_registry() {
    case $(probe_http http "127.0.0.1:$PORT" /v2/) in
    200 | 401) probe_say 't registry.serving' ;;
    '') probe_unknown registry.serving "no HTTP client (curl, wget, nc) on the node" ;;
    *) probe_false registry.serving ;;
    esac
}

# Every image of the list has its name in crictl's list.
probe_late_prepull() {
    probe_first "$probe_own/stamps/prepull"
    probe_key=${probe_line%% *}
    if ! probe_seen=$(probe_bounded 5 crictl images -o json 2>/dev/null); then
        probe_unknown prepulled "crictl images fails"
        return
    fi
    while IFS= read -r probe_line || [ -n "$probe_line" ]; do
        case $probe_seen in
        *"\"$probe_line\""* | *"\"$DOMAIN:$PORT/${probe_line#*/}\""*) ;; # its own name, or the one that the shim gives it
        *)
            probe_false prepulled
            return
            ;;
        esac
    done <"$probe_own/stamps/prepull.list"
    probe_true prepulled "$probe_key"
}

# Prints the virtual server that our netfilter rules make, if any. Fails where they cannot be read.
probe_nat() {
    case $HOSTPORT in
    '['*) probe_save=ip6tables-save ;;
    *) probe_save=iptables-save ;;
    esac
    probe_has $probe_save || return 0
    probe_bounded 5 $probe_save -t nat >"$probe_tmp/nat" 2>"$probe_tmp/nat.err" || return 1
    VIPMASK=$VIPMASK VIPPORT=$VIPPORT HOSTPORT=$HOSTPORT awk '
        $0 == "-A OUTPUT -d " ENVIRON["VIPMASK"] " -p tcp -m tcp --dport " ENVIRON["VIPPORT"] " -j RECONCILE-VIP" { jumps++; next }
        $1 == ":RECONCILE-VIP" { chain = 1; next }
        $1 == "-A" && $2 == "RECONCILE-VIP" { rule[++n] = $0; to[n] = $NF; next }
        /RECONCILE-VIP/ { odd = 1 }
        END {
            if (!chain && !jumps) exit
            if (jumps != 1) odd = 1
            for (i = 1; i <= n; i++) {
                want = "-A RECONCILE-VIP -p tcp"
                if (i < n) want = want " -m statistic --mode nth --every " (n - i + 1) " --packet 0"
                if (rule[i] != want " -j DNAT --to-destination " to[i]) odd = 1
                list = list (i > 1 ? "," : "") to[i]
            }
            gsub(/[\001-\037\177]/, "?", list)
            print "nat" (odd ? "?" : "") " " ENVIRON["HOSTPORT"] " " substr(list, 1, 4096)
        }' "$probe_tmp/nat"
}

probe_late_vip() {
    if [ -z "$HOSTPORT" ]; then
        probe_unknown vip.rules "no rootfs image names a VIP"
        probe_unknown vip.answers "no rootfs image names a VIP"
        return
    fi
    if [ -n "$probe_vs" ] || probe_vs=$(probe_nat); then
        if [ -n "$probe_vs" ]; then probe_true vip.rules "$probe_vs"; else probe_false vip.rules; fi
    elif grep -q -i 'does not exist\|no such file' "$probe_tmp/nat.err"; then
        probe_false vip.rules # no such table in this kernel
    else
        probe_why "$probe_tmp/nat.err" vip.rules
    fi
    if [ "$ROLE" = master ]; then
        probe_unknown vip.answers "masters do not use the VIP"
    elif [ -z "$probe_vs" ]; then
        probe_false vip.answers
    else
        probe_api_status vip.answers "$(probe_http https "$HOSTPORT" /healthz)"
    fi
}

# LETTER KEY NAME COMMAND…: the lines that a command prints, each under the letter, and whether they are all.
probe_lines() {
    probe_letter=$1
    probe_key=$2
    probe_file=$probe_tmp/$3
    shift 3
    if probe_bounded 8 "$@" >"$probe_file.out" 2>"$probe_file.err"; then
        sed -n "s/^./$probe_letter &/p" "$probe_file.out"
        echo "t $probe_key"
    else
        probe_out=
        probe_why "$probe_file.err" "$probe_key"
        printf %s "$probe_out"
    fi >"$probe_file.lines"
}

probe_columns='{.metadata.name}{"\t"}{.status.nodeInfo.machineID}{"\t"}{.status.addresses[?(@.type=="InternalIP")].address}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.metadata.labels}{"\t"}{.spec.unschedulable}{"\t"}{.status.nodeInfo.kubeletVersion}{"\n"}'

probe_late_api() {
    probe_line=$(probe_http https "$LOOPBACK:$BINDPORT" /readyz)
    if [ "$probe_line" = 404 ]; then probe_line=$(probe_http https "$LOOPBACK:$BINDPORT" /healthz); fi
    probe_api_status api.answers "$probe_line"
    case $probe_out in 't '*) ;; *) return ;; esac
    set -- kubectl --kubeconfig="$ROOT/etc/kubernetes/admin.conf" --request-timeout=5s
    probe_lines n api.nodes nodes "$@" get nodes -o "jsonpath={range .items[*]}$probe_columns{end}" &
    probe_lines k api.tokens tokens "$@" -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token \
        -o 'jsonpath={range .items[*]}{.metadata.name}{"\t"}{.data.description}{"\n"}{end}' &
    probe_lines g api.guests guests "$@" -n kube-system get configmap reconcile-guests --ignore-not-found \
        -o 'go-template={{range $k,$v := .data}}{{$k}}{{"\t"}}{{$v}}{{"\n"}}{{end}}' &
    wait
    probe_out="$probe_out$(cat "$probe_tmp/nodes.lines" "$probe_tmp/tokens.lines" "$probe_tmp/guests.lines")
"
}

probe_etcdctl() {
    probe_certs=/etc/kubernetes/pki/etcd
    if probe_has etcdctl; then probe_certs=$ROOT$probe_certs; fi
    set -- --endpoints=https://127.0.0.1:2379 --cacert="$probe_certs/ca.crt" --cert="$probe_certs/peer.crt" \
        --key="$probe_certs/peer.key" --command-timeout=3s "$@"
    if probe_has etcdctl; then
        ETCDCTL_API=3 probe_bounded 12 etcdctl "$@"
    else
        probe_bounded 12 crictl exec "$probe_container" etcdctl "$@"
    fi
}

probe_late_etcd() {
    if ! probe_has etcdctl; then
        if ! probe_container=$(probe_bounded 5 crictl ps -q --name '^etcd$' --state Running 2>/dev/null); then
            probe_unknown etcd.answers "neither etcdctl nor a container runtime that answers"
            return
        fi
        probe_container=${probe_container%%
*}
        if [ -z "$probe_container" ]; then
            probe_false etcd.answers
            return
        fi
    fi
    {
        probe_etcdctl endpoint status --cluster >"$probe_tmp/status" 2>/dev/null
        echo "status $?" >>"$probe_tmp/status"
    } &
    if ! probe_etcdctl member list >"$probe_tmp/members" 2>"$probe_tmp/members.err"; then
        probe_false etcd.answers
        probe_why "$probe_tmp/members.err" etcd.members
        return
    fi
    wait
    probe_say 't etcd.answers'
    # A member that the cluster's status leaves out does not answer; where there is no status at all, nobody knows.
    probe_out="$probe_out$(awk -F ', ' '
        NR == FNR && $1 ~ /^status [0-9]+$/ { cut = $1 == "status 137" || $1 == "status 124"; next }
        NR == FNR {
            answers[$2] = /no leader|corrupt|alarm:/ ? "false" : "true"
            for (i = 3; i <= NF; i++) if ($i == "true" || $i == "false") { leads[$2] = $i; break }
            next
        }
        NF >= 5 {
            a = $4; sub(/^[a-z]+:\/\//, "", a); sub(/,.*/, "", a); sub(/:[0-9]+$/, "", a); gsub(/[][]/, "", a)
            h = ($1 in answers) ? answers[$1] : cut ? "unknown" : "false"
            print "e " $1 "\t" $3 "\t" a "\t" ($2 == "started" ? "true" : "false") "\t" ($6 == "true" ? "true" : "false") "\t" h "\t" (leads[$1] == "true" ? "true" : "false")
        }
        END { print "t etcd.members" }' "$probe_tmp/status" "$probe_tmp/members")
"
}

# This node's name: what its own certificate says, else the hostname as kubeadm lowers it.
probe_own_name() {
    probe_name=
    if probe_has openssl && [ -f "$ROOT/var/lib/kubelet/pki/kubelet-client-current.pem" ]; then
        probe_name=$(openssl x509 -noout -subject -in "$ROOT/var/lib/kubelet/pki/kubelet-client-current.pem" 2>/dev/null)
        case $probe_name in
        *system:node:*)
            probe_name=${probe_name##*system:node:}
            probe_name=${probe_name%%[!a-z0-9.-]*}
            ;;
        *) probe_name= ;;
        esac
    fi
    if [ -z "$probe_name" ]; then
        probe_first "$ROOT/proc/sys/kernel/hostname"
        probe_name=$(printf %s "$probe_line" | tr '[:upper:]' '[:lower:]')
    fi
}

probe_late_self() {
    probe_own_name
    if probe_line=$(probe_bounded 8 kubectl --kubeconfig="$ROOT/etc/kubernetes/kubelet.conf" --request-timeout=5s \
        get node "$probe_name" -o "jsonpath=$probe_columns" 2>"$probe_tmp/self.err"); then
        probe_out="s $probe_line
t self
"
    elif grep -q NotFound "$probe_tmp/self.err"; then
        probe_false self
    else
        probe_why "$probe_tmp/self.err" self
    fi
}
