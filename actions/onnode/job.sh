# Starts or attaches to the detached job KEY, follows its log on stdout, ends with it. Before it stand: CLUSTER KEY
# DIGEST (of the script) RUN (names this call: what it started once is never started again by it) SEEN (the run it was
# attached to before its connection was cut, or empty) FROM (bytes of the log that it has) TIMEOUT (seconds) SECRET (yes:
# stdin is the job's secret) and the function job_script, which prints the script.
# stderr: `job at RUN`, then one of `job end STATUS`, `job late STATUS` (its deadline passed), `job gone` (no status was
# left: killed, or the machine restarted), `job busy` (another script runs under this key).

job_dir=/var/lib/reconcile/$CLUSTER/jobs
job=$job_dir/$KEY

# PID: sets job_identity to "PID START BOOT", empty if there is no such process. A reused pid has another start time.
job_look() {
    job_identity=
    job_stat=
    { read -r job_stat <"/proc/$1/stat"; } 2>/dev/null
    job_boot=
    { read -r job_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
    set -f
    set -- "$1" ${job_stat##*)}
    set +f
    case ${2-Z} in Z | X) return ;; esac
    job_identity="$1 ${21} $job_boot"
}

# Does the runner live, or, should only that have been killed, the script?
job_lives() {
    [ -f "$job/pid" ] || return 1
    while read -r job_pid job_rest; do
        job_look "$job_pid"
        if [ "$job_identity" = "$job_pid $job_rest" ]; then return 0; fi
    done <"$job/pid"
    return 1
}

job_pause() {
    sleep "$1" 2>/dev/null || sleep 1
}

job_runner() {
    cat <<'EOF_RUNNER'
# DIR TIMEOUT: runs DIR/script in a session of its own, ends it at its deadline, leaves its status. Descriptor 9 is the
# starter's lock, held until pid is written.
cd / || exit 1
exec >>"$1/log" 2>&1 </dev/null
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root}
export PATH HOME
umask 022
me() {
    read -r stat <"/proc/$1/stat"
    read -r boot </proc/sys/kernel/random/boot_id
    set -f
    set -- "$1" ${stat##*)}
    set +f
    printf '%s %s %s\n' "$1" "${21}" "$boot"
}
setsid=setsid
command -v setsid >/dev/null 2>&1 || setsid=
$setsid sh -c '
    if test -p "$1/secret"; then exec <"$1/secret"; rm -f "$1/secret"; fi
    exec sh "$1/script"' sh "$1" 9>&- &
script=$!
exec >/dev/null 2>&1 # some shells tell of children that were killed
{ me $$; me "$script"; } >"$1/pid.new"
mv -f "$1/pid.new" "$1/pid"
exec 9>&-
$setsid sh -c '
    sleep "$2"
    : >"$1/late"
    kill -s TERM -- "-$3"
    sleep 10
    kill -s KILL -- "-$3"' sh "$1" "$2" "$script" &
watch=$!
wait "$script"
status=$?
kill -s KILL -- "-$watch" || kill -s KILL "$watch"
if [ -f "$1/late" ]; then status="late $status"; else status="end $status"; fi
printf '%s\n' "$status" >"$1/status.new"
mv -f "$1/status.new" "$1/status"
EOF_RUNNER
}

job_prepare() {
    rm -rf "$job~"
    if [ -d "$job" ]; then mv "$job" "$job~" || return 1; fi
    mkdir "$job" && chmod 700 "$job" && job_script >"$job/script" && job_runner >"$job/runner" && : >"$job/log" &&
        printf '%s\n' "$DIGEST" >"$job/digest" || return 1
    if [ "$SECRET" = yes ]; then mkfifo -m 600 "$job/secret" || return 1; fi
    printf '%s\n' "$RUN" >"$job/run"
}

job_start() {
    job_prepare || { echo "the job's files cannot be written" >&2; exit 1; }
    if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 &&
        systemd-run --quiet --unit="reconcile-$CLUSTER-$KEY-$RUN" --property=KillMode=process \
            sh "$job/runner" "$job" "$TIMEOUT" </dev/null >"$job/launch" 2>&1 9>&-; then
        rm -f "$job/launch"
    elif command -v setsid >/dev/null 2>&1; then
        setsid sh "$job/runner" "$job" "$TIMEOUT" </dev/null >/dev/null 2>&1 3<&- &
    else
        sh "$job/runner" "$job" "$TIMEOUT" </dev/null >/dev/null 2>&1 3<&- &
    fi
    job_tries=0
    until [ -s "$job/pid" ]; do
        job_tries=$((job_tries + 1))
        if [ "$job_tries" -gt 400 ]; then echo "the job does not start" >&2; exit 1; fi
        job_pause 0.05
    done
}

job_start_or_attach() {
    job_was=
    if [ -f "$job/run" ]; then read -r job_was <"$job/run"; fi
    if [ -n "$job_was" ] && [ -f "$job/pid" ]; then
        if [ "$job_was" = "$RUN" ] || [ "$job_was" = "$SEEN" ]; then return; fi
        if [ ! -f "$job/status" ] && job_lives; then
            job_had=
            read -r job_had <"$job/digest"
            if [ "$job_had" = "$DIGEST" ]; then return; fi
            echo "job busy" >&2
            exit 0
        fi
    fi
    job_was=$RUN
    FROM=0
    job_start
}

# What has come to the log since FROM, no more than it has now.
job_show() {
    job_size=$(($(wc -c <"$job/log"))) || return 0
    if [ "$job_size" -gt "$FROM" ]; then
        tail -c "+$((FROM + 1))" "$job/log" | head -c "$((job_size - FROM))"
        FROM=$job_size
    fi
}

job_follow() {
    job_tries=0
    while :; do
        job_end=
        if [ -f "$job/status" ]; then
            read -r job_end <"$job/status"
        elif ! job_lives && [ ! -f "$job/status" ]; then
            job_end=gone
        fi
        job_show
        if [ -n "$job_end" ]; then break; fi
        job_tries=$((job_tries + 1))
        if [ "$job_tries" -lt 100 ]; then job_pause 0.2; else job_pause 0.5; fi
    done
    echo "job $job_end" >&2
}

job_main() {
    mkdir -p "$job_dir" && chmod 700 "/var/lib/reconcile/$CLUSTER" "$job_dir" || exit 1
    exec 3<&0 9>"$job_dir/.$KEY.lock" || exit 1
    # Two starters may meet: the one of a cut connection and its successor.
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    job_start_or_attach
    exec 9>&-
    echo "job at $job_was" >&2
    job_writer=
    if [ "$SECRET" = yes ] && [ -p "$job/secret" ]; then
        cat <&3 >"$job/secret" 2>/dev/null &
        job_writer=$!
    fi
    job_follow
    if [ -n "$job_writer" ]; then kill "$job_writer" 2>/dev/null; fi
    exit 0
}
job_main
