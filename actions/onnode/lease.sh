# The lease on this master's disk: who holds the cluster, until when. MODE: take, renew or release. FENCE (a random number:
# whose lease it is), TTL (seconds), DEAD (the fence of a holder that is known to be dead, or empty), RUN WHO PROCESS
# MACHINE (the holder, for people and for finding out whether it lives).
# stdout: lines `lease KEY VALUE`: state (taken, renewed, held, lost, gone, released), left (seconds for which a holder's
# lease still counts), was (none, ours, expired, restarted, dead), then the fields of the lease that was found.
# Expiry is told by the uptime of this boot, which no set clock moves; after a restart by the wall clock alone.
lease=$R/lease
exec 9</var/lib/.
# as with jobs: without flock two runs would have to meet within the same few milliseconds
! command -v flock >/dev/null 2>&1 || flock 9
read -r boot </proc/sys/kernel/random/boot_id
read -r up rest </proc/uptime
up=${up%%.*}
now=$(date +%s)

field() { sed -n "s/^$1 //p" "$lease" 2>/dev/null | head -n 1; }
number() {
    set -- "$(field "$1")"
    case $1 in
    '' | 0?* | *[!0-9]* | ????????????????*) echo 0 ;;
    *) echo "$1" ;;
    esac
}
show() {
    printf 'lease state %s\nlease left %s\nlease was %s\n' "$1" "$left" "$was"
    [ ! -f "$lease" ] || head -n 12 "$lease" | sed 's/^/lease /'
}
# SINCE: whole or not at all
write() {
    umask 077
    if ! printf 'fence %s\nrun %s\nwho %s\nprocess %s\nmachine %s\nsince %s\nuntil %s\nboot %s\nuptime %s\nttl %s\n' "$FENCE" \
        "$RUN" "$WHO" "$PROCESS" "$MACHINE" "$1" $((now + TTL)) "$boot" $((up + TTL)) "$TTL" >"$lease.$FENCE" ||
        ! mv -f "$lease.$FENCE" "$lease"; then
        rm -f "$lease.$FENCE"
        fail "cannot write $lease"
    fi
}

left=0 was=none found=
if [ -f "$lease" ]; then
    found=$(field fence)
    if [ "$found" = "$FENCE" ]; then
        was=ours
    elif [ -n "$DEAD" ] && [ "$found" = "$DEAD" ]; then
        was=dead
    elif [ "$(field boot)" = "$boot" ]; then
        was=expired
        left=$(($(number uptime) - up))
    else
        was=restarted
        left=$(($(number until) - now))
    fi
    # longer than it can have been given: the clock was set back, or the file is damaged
    [ "$left" -gt 0 ] && [ "$left" -le "$(number ttl)" ] || left=0
fi
case $MODE in
take)
    if [ "$left" -gt 0 ]; then
        show held
        exit 0
    fi
    [ -d "$R" ] || mkdir -p "$R"
    chmod 700 /var/lib/reconcile "$R"
    said=$(show taken)
    write "$now"
    printf '%s\n' "$said"
    ;;
renew) # one that was taken away, with the directory or by hand, is not put back
    if [ "$was" = ours ]; then
        write "$(number since)"
        show renewed
    elif [ "$was" = none ]; then
        show gone
    else
        show lost
    fi
    ;;
release)
    if [ "$was" = ours ]; then
        rm -f "$lease"
        rmdir "$R" /var/lib/reconcile 2>/dev/null || : # where nothing else came of it
    fi
    show released
    ;;
esac
