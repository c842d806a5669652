#!/bin/bash
# nodes: 3
# timeout: 120
# The lab's own promises: what its faults do to a client, and that they can be undone.
. "$(dirname "$0")/../lab/lib.sh"

quick() { ssh -o ConnectTimeout=2 -o ServerAliveInterval=1 -o ServerAliveCountMax=2 -o BatchMode=yes "$@"; }
fresh() { expect 0 quick "node$1" cat /etc/machine-id; }

step 'logins and commands are counted'
reset_counts
expect 0 quick node0 hostname
check 'stdout is the host name' -- [ "$(cat "$OUT")" = node0 ]
check 'one login, one command, elsewhere none' -- [ "$(connections 0) $(commands 0) $(connections 1)" = '1 1 0' ]

step 'a node goes and comes back as the same machine'
fresh 0
id=$(cat "$OUT") boot=$(in_ 0 cat /proc/sys/kernel/random/boot_id)
in_ 0 sh -c 'echo kept >/root/kept; echo lost >/run/lost'
down 0
expect 255 quick node0 true
up 0
fresh 0
check 'the machine-id stays' -- [ "$(cat "$OUT")" = "$id" ]
check 'files stay, /run does not' -- in_ 0 sh -c '[ -e /root/kept ] && [ ! -e /run/lost ]'
check 'another boot' -- [ "$(in_ 0 cat /proc/sys/kernel/random/boot_id)" != "$boot" ]

step 'a wiped node is a new machine'
wipe 0
fresh 0
check 'another machine-id' -- [ "$(cat "$OUT")" != "$id" ]
check 'no old files' -- in_ 0 [ ! -e /root/kept ]

step 'silence, refusal, cut connections'
cut 1
expect 255 quick node1 true
uncut 1
fresh 1
refuse 1
expect 255 quick node1 true
check 'refused' -- grep -q refused "$ERR"
uncut 1
cut_after 1 500000 reset
expect 255 bash -c 'head -c 5000000 /dev/zero | ssh -o BatchMode=yes node1 "cat >/root/half"'
uncut 1
size=$(in_ 1 stat -c %s /root/half)
check "less arrived than was sent: $size" -- [ "$size" -lt 500000 ]
link_down 1
expect 255 quick node1 true
link_up 1
fresh 1
silent 1
expect 255 quick node1 true
thaw 1
fresh 1
freeze 1
expect 255 quick node1 true
thaw 1
fresh 1
ssh -o BatchMode=yes node1 'sleep 100' &
runs() { in_ "$1" pgrep -x "$2" >"$OUT"; }
wait_for 10 runs 1 sleep
cut_sessions 1
rc=0
wait $! || rc=$?
check 'the session broke' -- [ $rc = 255 ]

step 'disks'
fill_disk 1
expect 1 quick node1 'head -c 100000 /dev/zero >/root/more'
check 'says so' -- grep -q 'No space left' "$ERR"
free_disk 1
expect 0 quick node1 'head -c 100000 /dev/zero >/root/more'
fill_inodes 1
expect 1 quick node1 'echo >/root/another'
free_disk 1
expect 0 quick node1 'echo >/root/another'
read_only 1
expect 1 quick node1 'echo >/root/third'
read_write 1
expect 0 quick node1 'echo >/root/third'

step 'clocks'
skew 1 3600
there=$(quick node1 date +%s) here=$(date +%s)
check "an hour ahead: $((there - here))" -- [ $((there - here)) -ge 3590 ]
unskew 1
there=$(quick node1 date +%s) here=$(date +%s)
check "as here: $((there - here))" -- [ $((there - here)) -le 5 ]

step 'names, keys, users'
set_hostname 1 node0
expect 0 quick node1 hostname
check 'the other name' -- [ "$(cat "$OUT")" = node0 ]
copy_machine_id 0 1
check 'the same id' -- [ "$(in_ 1 cat /etc/machine-id)" = "$(in_ 0 cat /etc/machine-id)" ]
new_host_key 2
expect 255 quick node2 true
check 'a changed key' -- grep -q 'IDENTIFICATION HAS CHANGED' "$ERR"
trust 2
fresh 2
add_user 2 admin /usr/bin/fish
set_password 2 admin 'p w'
sudoers 2 'admin ALL=(ALL) ALL'
expect 0 quick admin@node2 'id -un'
expect 0 bash -c 'echo "p w" | ssh -o BatchMode=yes admin@node2 "sudo -S -p \"\" id -u"'
check 'root by password' -- [ "$(cat "$OUT")" = 0 ]
use_dropbear 2
expect 0 quick node2 hostname

step 'slow and lossy links'
rate 0 8
expect 0 bash -c 'head -c 300000 /dev/zero | ssh -o BatchMode=yes node0 wc -c'
unrate 0
delay 0 50
before=${EPOCHREALTIME/./}
exec 3<>"/dev/tcp/$(addr 0)/22" # one round trip
exec 3<&-
took=$(((${EPOCHREALTIME/./} - before) / 1000))
check "100 ms there and back: $took" -- [ "$took" -ge 100 ]
undelay 0
loss 0 20
expect 0 ssh -o ConnectTimeout=20 -o BatchMode=yes node0 true
uncut 0
fresh 0

step 'services'
in_ 0 sh -c 'cat >/etc/systemd/system/greeter.service' <<'U'
[Unit]
Description=A greeter
[Service]
Environment=WHO=you "MORE=a b"
EnvironmentFile=-/etc/default/greeter
ExecStart=/bin/sh -c 'echo "hello ${WHO} ${MORE}"; exec sleep 1000'
Restart=always
RestartSec=50ms
[Install]
WantedBy=multi-user.target
U
expect 3 in_ 0 systemctl is-active greeter
expect 5 in_ 0 systemctl start nosuch
check 'as systemd says it' -- grep -qx 'Failed to start nosuch.service: Unit nosuch.service not found.' "$ERR"
expect 1 in_ 0 systemctl frobnicate greeter
expect 0 in_ 0 systemctl enable --now greeter
expect 0 in_ 0 systemctl is-active greeter
greeted() { in_ 0 journalctl -u greeter --no-pager -o cat | grep -qx "hello $1"; }
wait_for 10 greeted 'you a b'
in_ 0 pkill -x sleep
wait_for 10 runs 0 sleep
in_ 0 sh -c 'mkdir -p /etc/systemd/system/greeter.service.d; printf "[Service]\nEnvironment=WHO=me\n" >/etc/systemd/system/greeter.service.d/10.conf'
expect 0 in_ 0 systemctl restart greeter
check 'a warning' -- grep -q 'changed on disk' "$ERR"
expect 1 greeted 'me a b' # the old definition
expect 0 in_ 0 systemctl daemon-reload
expect 0 in_ 0 systemctl restart greeter
check 'no warning' -- [ ! -s "$ERR" ]
wait_for 10 greeted 'me a b'
reboot_ 0
wait_for 10 greeted 'me a b'
expect 0 in_ 0 systemctl stop greeter
ended() { ! runs 0 sleep; }
wait_for 5 ended
expect 3 in_ 0 systemctl status greeter
in_ 0 sh -c 'printf "[Service]\nExecStart=/bin/false\nRestart=on-failure\nRestartSec=1ms\n" >/etc/systemd/system/sick.service'
in_ 0 systemctl start sick
sick() { [ "$(in_ 0 systemctl is-active sick)" = failed ]; }
wait_for 10 sick
check 'it was tried five times' -- [ "$(in_ 0 journalctl -u sick | grep -c 'Scheduled restart')" = 5 ]
