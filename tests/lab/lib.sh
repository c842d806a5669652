# shellcheck shell=bash
# lib.sh: what scenarios and people in a lab work with. A scenario begins with
#     . "$(dirname "$0")/../lab/lib.sh"
# and, started outside a lab, thereby starts itself in one of its own (see `scenario`).
#
# N is a node's number. Nodes
#   addr N|client        its address                  in_ N CMD…           run CMD in it, without SSH
#   up N | down N        start; pull the plug         wipe N               replace by a new machine (started, known)
#   reboot_ N            down and up                  path N FILE          where a file of it lies, seen from the lab
#   trust N              its host key into known_hosts
# Counting what reached a node's sshd since the last reset_counts [N…]
#   connections N        accepted logins              commands N           commands run
# Faults; what undoes them stands behind
#   link_down N (link_up)   cut N, refuse N, cut_after N BYTES [reset], loss N PERCENT (uncut)   cut_sessions N
#   silent N, freeze N (thaw)   rate N MBIT (unrate)   delay N MS [LOSS‰] (undelay)
#   fill_disk N (free_disk)   fill_inodes N (free_disk)   read_only N (read_write)   skew N SECONDS (unskew)
#   new_host_key N       set_hostname N NAME          copy_machine_id FROM TO
#   set_password N USER PASSWORD      add_user N USER [SHELL]      sudoers N LINE      use_dropbear N
# Scenarios
#   step WORDS…          says what comes              fail WORDS…          ends the scenario
#   expect CODE CMD…     runs CMD, its output into $OUT and $ERR; another exit code fails and shows both
#   check WORDS -- CMD…  fails with WORDS unless CMD succeeds
#   wait_for SECONDS CMD…  until CMD succeeds; fails when the time is over
#   spawn CMD…           in the background, able to get INT (a script's background jobs ignore it); its pid in $SPAWNED

if [ "${LAB_INSIDE-}" != 1 ]; then
    exec "$(dirname "${BASH_SOURCE[0]}")/scenario" "$(realpath "$0")" "$@"
fi
if [ -n "${LAB_SCENARIO-}" ] && [ "$0" != "$LAB_DIR/lab" ]; then # under set -e nothing may end a scenario without a word
    set -E
    trap '[ "$BASH_SUBSHELL" != 0 ] || echo "FAILED at line $LINENO of ${BASH_SOURCE[0]}: exit $? of: $BASH_COMMAND" >&2' ERR
fi
export OUT=$L/out ERR=$L/err SPAWNED=

# ------------------------------------------------------------------------------------------------ nodes
addr() {
    case $1 in
    client) echo 10.9.255.254 ;;
    *) echo "10.9.$(($1 / 250)).$(($1 % 250 + 1))" ;;
    esac
}
lab_pid() { cat "$L/node$1/pid" 2>/dev/null || { echo "lab: node$1 is not up" >&2; return 1; }; }
# nothing of the client's environment enters the node
in_() {
    local p
    p=$(lab_pid "$1") || return
    shift
    nsenter -t "$p" -m -u -i -n -p -- /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LANG=C "$@"
}
path() {
    if [ -e "$L/node$1/pid" ]; then echo "/proc/$(<"$L/node$1/pid")/root$2"; else echo "$L/node$1/up$2"; fi
}

# what all nodes have beside the base
lab_layer() {
    local d=$L/layer
    mkdir -p $d/etc/ssh/sshd_config.d $d/root/.ssh $d/usr/local/bin $d/usr/local/lib/lab
    chmod 700 $d/root $d/root/.ssh
    cp "$LAB_DIR/node/inittab" $d/etc/inittab
    cp "$LAB_DIR/node/sshd.conf" $d/etc/ssh/sshd_config.d/lab.conf
    cp "$HOME/.ssh/id_ed25519.pub" $d/root/.ssh/authorized_keys
    cp "$LAB_DIR"/node/{systemctl,journalctl} $d/usr/local/bin/
    cp "$LAB_DIR"/node/{boot,supervise} $d/usr/local/lib/lab/
}
# an empty disk, and what makes it this machine and no other
lab_seed() {
    local n=node$1 d=$L/node$1 id
    mkdir -p "$d"
    mount -t tmpfs -o "mode=755,size=$LAB_DISK" "$n" "$d"
    mkdir -p "$d"/{up/etc/ssh,work,root}
    ssh-keygen -q -t ed25519 -N '' -C "$n" -f "$d/up/etc/ssh/ssh_host_ed25519_key"
    read -r id </proc/sys/kernel/random/uuid
    echo "${id//-/}" >"$d/up/etc/machine-id"
    echo "$n" >"$d/up/etc/hostname"
    printf '127.0.0.1 localhost\n%s %s\n' "$(addr "$1")" "$n" >"$d/up/etc/hosts"
    : >"$d/up/etc/resolv.conf"
    trust "$1"
}
trust() {
    local known=$HOME/.ssh/known_hosts new=$HOME/.ssh/known_hosts.new key
    read -r key <"$L/node$1/up/etc/ssh/ssh_host_ed25519_key.pub"
    { [ ! -e "$known" ] || grep -v "^node$1," "$known"; echo "node$1,$(addr "$1") ${key% *}"; } >"$new"
    mv "$new" "$known"
}
lab_mac() { printf '02:00:0a:09:%02x:%02x' $(($1 / 250)) $(($1 % 250 + 1)); }
lab_launch() {
    local d=$L/node$1 p='' u
    (cd / && exec setsid unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child --propagation private \
        sh "$LAB_DIR/node/start" "$d" "$LAB_BASE") </dev/null >"$d/log" 2>&1 &
    u=$!
    disown $u
    lab_until 5000 lab_child_of $u || { cat "$d/log" >&2; return 1; }
    p=$(cat "/proc/$u/task/$u/children")
    echo "${p%% *}" >"$d/pid"
    ip link del "v$1" 2>/dev/null || true
    # a fixed MAC: else a restarted node is unreachable until the client's ARP entry ages
    printf '%s\n' "link add v$1 type veth peer name eth0 address $(lab_mac "$1") netns ${p%% *}" "link set v$1 master br0 up" |
        ip -batch - &&
        printf '%s\n' "addr add $(addr "$1")/16 dev eth0" 'link set eth0 up' "route add default via $(addr client)" |
        nsenter -t "${p%% *}" -n ip -batch - || return
    # a lookup that began while the node was away would still fail after it is there
    ip neigh del "$(addr "$1")" dev br0 2>/dev/null || true
}
lab_child_of() { [ -n "$(cat "/proc/$1/task/$1/children" 2>/dev/null)" ]; }
# its own sshd listens (0016 is port 22, 0A a listener)
lab_listens() { grep -qE '^ +[0-9]+: 00000000:0016 [0-9A-F:]+ 0A ' "/proc/$1/net/tcp" 2>/dev/null; }
lab_ready() {
    local p
    p=$(lab_pid "$1") || return
    lab_until 30000 lab_listens "$p" || { echo "lab: node$1's sshd does not listen" >&2; cat "$L/node$1/log" >&2; return 1; }
}
up() { lab_launch "$1" && lab_ready "$1"; }
down() {
    local p
    p=$(lab_pid "$1") || return
    ip link del "v$1" 2>/dev/null || true # first: veth and stack outlive the processes by milliseconds
    kill -9 "$p" && rm -f "$L/node$1/pid" && lab_until 5000 lab_gone "$p"
}
lab_gone() { ! kill -0 "$1" 2>/dev/null; }
reboot_() { down "$1" && up "$1"; }
wipe() {
    [ ! -e "$L/node$1/pid" ] || down "$1" || return
    lab_until 2000 umount "$L/node$1" 2>/dev/null || umount -l "$L/node$1"
    lab_seed "$1" && up "$1"
}

# ------------------------------------------------------------------------------------------------ counting
reset_counts() {
    local i
    [ $# -gt 0 ] || set -- $(seq 0 $((LAB_N - 1)))
    for i; do
        [ ! -e "$L/node$i/pid" ] || : >"$(path "$i" /run/sshd.log)"
    done
}
connections() { grep -cE '^Accepted [a-z/-]+ for ' "$(path "$1" /run/sshd.log)" || true; }
# shells, commands and subsystems, each of which is one "exec" of the client's
commands() { grep -c '^Starting session: ' "$(path "$1" /run/sshd.log)" || true; }

# ------------------------------------------------------------------------------------------------ faults
link_down() { ip link set "v$1" down; }
link_up() { ip link set "v$1" up; }
# rules of ours stand in a chain of their own, before all others
lab_chain() {
    in_ "$1" sh -c 'iptables -w -N LAB 2>/dev/null && iptables -w -I INPUT -j LAB; iptables -w -F LAB'
}
cut() { lab_chain "$1" && in_ "$1" iptables -w -A LAB -i eth0 -j DROP; }
refuse() { lab_chain "$1" && in_ "$1" iptables -w -A LAB -i eth0 -p tcp -j REJECT --reject-with tcp-reset; }
cut_after() {
    local target=(DROP)
    [ "${3-}" != reset ] || target=(REJECT --reject-with tcp-reset)
    lab_chain "$1" && in_ "$1" iptables -w -A LAB -i eth0 -p tcp -m quota --quota "$2" -j ACCEPT &&
        in_ "$1" iptables -w -A LAB -i eth0 -p tcp -j "${target[@]}"
}
loss() { lab_chain "$1" && in_ "$1" iptables -w -A LAB -i eth0 -m statistic --mode random --probability "0.$(printf %02d "$2")" -j DROP; }
uncut() { in_ "$1" iptables -w -F LAB; }
cut_sessions() { in_ "$1" pkill -KILL -f '^sshd: .*@' || true; }
silent() { in_ "$1" sh -c 'kill -STOP $(pgrep -xo sshd)'; }
freeze() { in_ "$1" busybox kill -STOP -1 || true; }
thaw() { in_ "$1" busybox kill -CONT -1 || true; }
rate() {
    tc qdisc replace dev "v$1" root tbf rate "${2}mbit" burst 32k latency 400ms &&
        nsenter -t "$(lab_pid "$1")" -n tc qdisc replace dev eth0 root tbf rate "${2}mbit" burst 32k latency 400ms
}
unrate() {
    tc qdisc del dev "v$1" root
    nsenter -t "$(lab_pid "$1")" -n tc qdisc del dev eth0 root
}
# the kernel may lack sch_netem: a program joins the node's interface and a stand-in for it on the bridge
delay() {
    [ -x $L/bin/wire ] || cc -O2 -o $L/bin/wire "$LAB_DIR/wire.c" || return
    ip link set "v$1" nomaster && ip link add "w$1" type veth peer name "x$1" && ip link set "w$1" up &&
        ip link set "x$1" master br0 up && ip link set "v$1" up || return
    (exec setsid $L/bin/wire "v$1" "w$1" "$2" "${3:-0}") </dev/null >/dev/null 2>&1 &
    echo $! >"$L/node$1/wire"
    disown $!
}
undelay() {
    kill "$(<"$L/node$1/wire")"
    rm -f "$L/node$1/wire"
    ip link del "w$1"
    ip link set "v$1" master br0 up
}
# the node's disk is a tmpfs of its own: no byte, or no inode, more than there is
fill_disk() {
    local used
    used=$(df -k --output=used "$L/node$1" | tail -n 1)
    mount -o "remount,size=$((used))k" "$L/node$1"
}
fill_inodes() {
    local used
    used=$(df --output=iused "$L/node$1" | tail -n 1)
    mount -o "remount,nr_inodes=$((used))" "$L/node$1"
}
free_disk() { mount -o "remount,size=$LAB_DISK,nr_inodes=1000000" "$L/node$1"; }
read_only() { in_ "$1" mount -o remount,ro /; }
read_write() { in_ "$1" mount -o remount,rw /; }
skew() { # of wall clock and monotonic clock alike, in all dynamic programs started from now on
    in_ "$1" sh -c 'echo "$1" >/etc/faketimerc; ls /usr/lib/*/faketime/libfaketime.so.1 >/etc/ld.so.preload' - \
        "$(printf %+d "$2")" && restart_sshd "$1"
}
unskew() { in_ "$1" rm -f /etc/ld.so.preload /etc/faketimerc && restart_sshd "$1"; }
restart_sshd() { # init starts it again; sessions go on
    local old
    old=$(in_ "$1" pgrep -xo sshd) || return
    in_ "$1" kill -9 "$old"
    lab_until 15000 lab_other_sshd "$1" "$old" && lab_ready "$1"
}
lab_other_sshd() { [ "$(in_ "$1" pgrep -xo sshd)" != "$2" ] && lab_listens "$(lab_pid "$1")"; }
new_host_key() {
    in_ "$1" sh -c 'rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key' &&
        restart_sshd "$1"
}
set_hostname() { in_ "$1" sh -c 'echo "$1" >/etc/hostname; hostname "$1"; sed -i "/^127/!s/ .*/ $1/" /etc/hosts' - "$2"; }
copy_machine_id() { cat "$(path "$1" /etc/machine-id)" >"$(path "$2" /etc/machine-id)"; }
set_password() { printf '%s:%s\n' "$2" "$3" | in_ "$1" chpasswd; }
add_user() {
    in_ "$1" useradd -m -s "${3:-/bin/bash}" "$2" &&
        in_ "$1" sh -c 'd=/home/$1/.ssh; mkdir -m 700 $d && cp /root/.ssh/authorized_keys $d/ && chown -R $1: $d' - "$2"
}
sudoers() { printf '%s\n' "$2" | in_ "$1" sh -c 'umask 337; cat >>/etc/sudoers.d/lab'; }
use_dropbear() { # no sftp, other start-up, other limits
    in_ "$1" sh -c 'mkdir -p /etc/dropbear
        dropbearconvert openssh dropbear /etc/ssh/ssh_host_ed25519_key /etc/dropbear/dropbear_ed25519_host_key 2>/dev/null
        sed -i "s|:respawn:/usr/sbin/sshd.*|:respawn:/usr/sbin/dropbear -F -r /etc/dropbear/dropbear_ed25519_host_key|" /etc/inittab
        kill -HUP 1; pkill -x sshd' && lab_until 15000 lab_listens "$(lab_pid "$1")"
}

# ------------------------------------------------------------------------------------------------ scenarios
lab_until() { # MILLISECONDS CMD…
    local end now
    now=${EPOCHREALTIME/./}
    end=$((now + $1 * 1000))
    shift
    until "$@"; do
        now=${EPOCHREALTIME/./}
        [ "$now" -lt "$end" ] || return 1
        sleep 0.02
    done
}
wait_for() {
    local s=$1
    shift
    lab_until "${s}000" "$@" || fail "not within $s s: $*"
}
step() { printf '\n== %s\n' "$*"; }
fail() {
    trap - ERR
    local line=?
    [ ${#BASH_LINENO[@]} -lt 2 ] || line=${BASH_LINENO[-2]}
    printf 'FAILED at line %s: %s\n' "$line" "$*" >&2
    if [[ $- == *i* ]]; then return 1; fi # a person's shell goes on
    exit 1
}
check() {
    local words=()
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    "$@" || fail "${words[*]}"
}
expect() {
    local want=$1 got=0
    shift
    "$@" >"$OUT" 2>"$ERR" || got=$?
    [ "$got" = "$want" ] && return
    printf '%s\n' "--- $*" '--- stdout' "$(cat "$OUT")" '--- stderr' "$(cat "$ERR")" '---' >&2
    fail "exit $got, expected $want: $*"
}
spawn() {
    env --default-signal=INT,TERM,HUP "$@" &
    SPAWNED=$!
}
