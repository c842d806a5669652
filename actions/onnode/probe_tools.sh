# What the probe's parts share: lines of the answer, deadlines, HTTP. See probe.sh.

probe_say() {
    probe_out="$probe_out$1
"
}

probe_true() { # KEY [VALUE]
    case ${2-} in
    '') probe_say "t $1" ;;
    *[[:cntrl:]]*) probe_say "b $1 $(printf %s "$2" | base64 | tr -d '\n')" ;;
    *) probe_say "t $1 $2" ;;
    esac
}

probe_false() {
    probe_say "f $1"
}

probe_unknown() { # KEY REASON
    case $2 in
    *[[:cntrl:]]*) probe_say "u $1 $(printf %s "$2" | tr '[:cntrl:]' ' ')" ;;
    *) probe_say "u $1 ${2:-no answer}" ;;
    esac
}

# KEY CONDITION…: true or false by a test's status.
probe_if() {
    probe_key=$1
    shift
    if "$@"; then probe_say "t $probe_key"; else probe_say "f $probe_key"; fi
}

# The first line of a file in $probe_line; false where there is none, or an empty one.
probe_first() {
    probe_line=
    [ -f "$1" ] && IFS= read -r probe_line 2>/dev/null <"$1"
    [ -n "$probe_line" ]
}

# KEY FILE: the file's first line is the value.
probe_line_of() {
    if probe_first "$2"; then probe_true "$1" "$probe_line"; else probe_false "$1"; fi
}

probe_has() {
    command -v "$1" >/dev/null 2>&1
}

# SECONDS COMMAND…: with a deadline, whatever the tools at hand.
probe_bounded() {
    if probe_has timeout; then
        timeout -s KILL "$@"
        return
    fi
    probe_limit=$1
    shift
    "$@" &
    probe_pid=$!
    (
        sleep "$probe_limit"
        kill -9 "$probe_pid"
    ) >/dev/null 2>&1 &
    probe_guard=$!
    wait "$probe_pid" 2>/dev/null
    probe_status=$?
    kill -9 "$probe_guard" 2>/dev/null # not TERM: a shell that has just forked may still hold our traps, and clean up
    return "$probe_status"
}

# SCHEME HOST:PORT PATH: prints the status of a GET, 000 where nobody answers, nothing where no client is at hand.
probe_http() {
    if probe_has curl; then
        curl -s -k -o /dev/null --noproxy '*' --connect-timeout 2 --max-time 3 -w '%{http_code}' "$1://$2$3" 2>/dev/null
        return 0
    fi
    probe_request="GET $3 HTTP/1.0\r\nHost: $2\r\n\r\n"
    if [ "$1" = https ] && probe_has openssl; then
        probe_reply=$(printf "$probe_request" | probe_bounded 3 openssl s_client -quiet -connect "$2" 2>/dev/null)
    elif probe_has wget; then
        probe_reply=$(http_proxy='' https_proxy='' probe_bounded 3 wget -S --no-check-certificate -T 3 -O /dev/null "$1://$2$3" 2>&1)
        probe_reply=HTTP/${probe_reply#*HTTP/}
    elif [ "$1" = http ] && probe_has nc; then
        probe_host=${2%:*}
        probe_reply=$(printf "$probe_request" | probe_bounded 3 nc "$probe_host" "${2##*:}" 2>/dev/null)
    else
        return 0
    fi
    case $probe_reply in
    HTTP/1.[01]' '[1-5][0-9][0-9]*)
        probe_reply=${probe_reply#HTTP/1.? }
        printf %.3s "$probe_reply"
        ;;
    *) printf 000 ;;
    esac
}

# KEY STATUS: did an API server (which may refuse anonymous callers) answer?
probe_api_status() {
    case $2 in
    200 | 401 | 403) probe_say "t $1" ;;
    '') probe_unknown "$1" "no HTTPS client (curl, openssl, wget) on the node" ;;
    *) probe_say "f $1" ;;
    esac
}

# FILE KEY: the reason that a command left on its stderr.
probe_why() {
    probe_first "$1" || probe_line="no answer in time"
    case ${#probe_line} in
    [0-9] | [0-9][0-9] | 1[0-9][0-9]) ;;
    *) probe_line=$(printf %.200s "$probe_line") ;;
    esac
    probe_unknown "$2" "$probe_line"
}
