# MODE (nat, ipvs, none), VIP, PORT, SERVERS ("a:p b:p"), ADDRESS (of this node).
CHAIN=RECONCILE-VIP
case $VIP in
*:*) IPT=ip6tables WIDTH=128 VS="[$VIP]:$PORT" ;;
*) IPT=iptables WIDTH=32 VS="$VIP:$PORT" ;;
esac
jumps() { "$IPT" -w 5 -t nat -S OUTPUT 2>/dev/null | grep -e "-j $CHAIN\$" || :; }
drop_jumps() { # all but the line given
    jumps | while read -r line; do
        [ "$line" = "$1" ] || eval "$IPT -w 5 -t nat -D ${line#-A }"
    done
}
nat_clear() {
    command -v "$IPT" >/dev/null 2>&1 || return 0
    drop_jumps ''
    if "$IPT" -w 5 -t nat -F "$CHAIN" 2>/dev/null; then
        "$IPT" -w 5 -t nat -X "$CHAIN"
    fi
}
nat_sync() {
    command -v "$IPT-restore" >/dev/null 2>&1 || fail "$IPT is not installed, and the kernel has no ip_vs: install iptables"
    {
        printf '*nat\n:%s - [0:0]\n' "$CHAIN"
        set -- $SERVERS
        while [ $# -gt 0 ]; do
            share=
            [ $# -eq 1 ] || share="-m statistic --mode nth --every $# --packet 0 "
            printf -- '-A %s -p tcp %s-j DNAT --to-destination %s\n' "$CHAIN" "$share" "$1"
            shift
        done
        echo COMMIT
    } | "$IPT-restore" -w 5 --noflush
    rule="-A OUTPUT -d $VIP/$WIDTH -p tcp -m tcp --dport $PORT -j $CHAIN"
    jumps | grep -qxF -e "$rule" || "$IPT" -w 5 -t nat -I OUTPUT 1 -d "$VIP/$WIDTH" -p tcp -m tcp --dport "$PORT" -j "$CHAIN"
    drop_jumps "$rule"
}
ipvs_clear() {
    ! command -v ipvsadm >/dev/null 2>&1 || ipvsadm -D -t "$VS" 2>/dev/null || :
    ip route del "$VIP/$WIDTH" metric 50 2>/dev/null || :
}
ipvs_sync() {
    modprobe -a ip_vs ip_vs_rr 2>/dev/null || :
    command -v ipvsadm >/dev/null 2>&1 || fail "ipvsadm is not installed: install it, or put it into the image"
    ipvsadm -A -t "$VS" -s rr 2>/dev/null || ipvsadm -E -t "$VS" -s rr
    for s in $SERVERS; do # newcomers first, then removals
        ipvsadm -a -t "$VS" -r "$s" -m -w 1 2>/dev/null || ipvsadm -e -t "$VS" -r "$s" -m -w 1
    done
    escaped=$(printf %s "$VS" | sed 's/[][.]/\\&/g')
    ipvsadm -S -n | sed -n "s/^-a -t $escaped -r \([^ ]*\) .*/\1/p" | while read -r s; do
        case " $SERVERS " in
        *" $s "*) ;;
        *) ipvsadm -e -t "$VS" -r "$s" -m -w 0 && ipvsadm -d -t "$VS" -r "$s" ;;
        esac
    done
    ip route replace "$VIP/$WIDTH" via "$ADDRESS" metric 50 2>/dev/null || say "no route to $VIP by $ADDRESS could be set"
}
case $MODE in
nat)
    [ ! -e /proc/net/ip_vs ] || ipvs_clear
    nat_sync
    ;;
ipvs)
    ipvs_sync
    nat_clear
    ;;
none)
    nat_clear
    ipvs_clear
    ;;
esac
