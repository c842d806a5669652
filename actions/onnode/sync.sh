# A tree of files into DEST (actions/means/sync.h). Sent behind stat.sh and these parameters: DEST, MANIFEST (the path of
# its record, without suffix), KEY, COUNT (lines of the list), KEEP (paths that are never touched, one a line), PRUNE, TAR
# (0 or 1). sync_compare takes the list on stdin, sync_install a tar.
#
# MANIFEST.list  what is recorded        MANIFEST.new   what is to be
# MANIFEST.stat  its lines, as recorded  MANIFEST.need  what of it is not there
# MANIFEST.more  lists of installs that did not come to their end: their files are pruned too
set -eu
umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH KEEP
STAGE=$DEST.reconcile

# awk's: sums and targets by path, from list lines; number of the hexadecimal text s
sync_awk='
function hex(s, i, n) { n = 0; for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return n }
function octal(s, i, n) { n = 0; for (i = 1; i <= length(s); i++) n = n * 8 + substr(s, i, 1); return n }
function after(line, n, i) { for (i = 0; i < n; i++) sub(/^[^ ]* /, "", line); return substr(line, 3) }
'

sync_fail() {
    printf '%s\n' "$1" >&2
    exit "$2"
}

# A full disk shows itself in many ways; what the disk says at the end is sure.
sync_ended() {
    sync_status=$?
    [ "$sync_status" -eq 0 ] && return
    for sync_dir in "$DEST" "${MANIFEST%/*}"; do
        sync_free=$(df -Pk "$sync_dir" 2>/dev/null | awk 'NR == 2 { print $4 }') || :
        if [ "${sync_free:-9999}" -lt 256 ]; then
            rm -rf "$STAGE" # or it would keep the node from working
            echo "full $sync_dir"
            exit 28
        fi
    done
    exit "$sync_status"
}

# sync_sums: digests of the files named on stdin, one a line: SUM PATH
sync_sums() {
    tr '\n' '\000' | xargs -0 -r sha256sum 2>/dev/null |
        sed -e 's/^\\\(.*\)$/\1/;t escaped' -e b -e ': escaped' -e 's/\\\\/\\/g' | sed 's/^\([0-9a-f]*\) [ *]/\1 /' || :
}

sync_compare() {
    trap sync_ended EXIT
    (umask 077 && mkdir -p "${MANIFEST%/*}")
    cat >"$MANIFEST.new"
    [ "$(wc -l <"$MANIFEST.new")" -eq "$COUNT" ] || sync_fail "the list is cut short" 65
    mkdir -p "$DEST"
    cd "$DEST"
    echo "BEGIN reconcile-sync"
    if [ ! -e "$MANIFEST.more" ] && [ ! -e "$STAGE" ] && cmp -s "$MANIFEST.new" "$MANIFEST.list" &&
        [ "$(cat "$MANIFEST" 2>/dev/null)" = "$KEY $(stat_listing "$MANIFEST" "$DEST")" ]; then
        rm -f "$MANIFEST.new"
        echo same
        echo "END reconcile-sync"
        return
    fi
    for sync_file in list stat; do [ -f "$MANIFEST.$sync_file" ] || : >"$MANIFEST.$sync_file"; done
    stat_lines "$MANIFEST.new" >"$MANIFEST.now"
    awk -F '\t' "$sync_awk"'
        FILENAME == ARGV[1] { sum[$5] = $1 $4; next }
        FILENAME == ARGV[2] { was[after($0, 3)] = $0; next }
        FILENAME == ARGV[3] { if ($0 !~ /^directory /) now[after($0, 3)] = $0; next }
        $1 == "d" { next }
        {
            split(now[$5], s, " ")
            type = int(hex(s[1]) / 4096)
            same = now[$5] != "" && now[$5] == was[$5] && sum[$5] == $1 $4
            if ($1 == "l") { if (type != 10 || !same) print "need", FNR }
            else if (type != 8 || s[2] != $3) print "need", FNR
            else if (!same) print "hash", FNR, "./" $5
        }' "$MANIFEST.list" "$MANIFEST.stat" "$MANIFEST.now" "$MANIFEST.new" >"$MANIFEST.how"
    sed -n 's/^hash [0-9]* //p' "$MANIFEST.how" | sync_sums >"$MANIFEST.sums"
    awk "$sync_awk"'
        FILENAME == ARGV[1] { sum[after($0, 1)] = $1; next }
        FILENAME == ARGV[2] { split($0, f, "\t"); want[FNR] = f[4]; next }
        $1 == "hash" && sum[after($0, 2)] == want[$2] { next }
        { print $2 }' "$MANIFEST.sums" "$MANIFEST.new" "$MANIFEST.how" >"$MANIFEST.need"
    rm -f "$MANIFEST.now" "$MANIFEST.how" "$MANIFEST.sums"
    sync_staged
    df -Pk "$DEST" | awk 'NR == 2 { print "free", $4 }'
    echo "END reconcile-sync"
}

# sync_paths [TYPE]: the paths that are needed
sync_paths() {
    awk -F '\t' -v type="${1-}" 'FILENAME == ARGV[1] { need[$1] = 1; next }
        need[FNR] && (type == "" || $1 == type) { print "./" $5 }' "$MANIFEST.need" "$MANIFEST.new"
}

# What an earlier, cut transfer left: whole files stay, all else goes.
sync_staged() {
    : >"$MANIFEST.sums"
    if [ -d "$STAGE" ]; then
        (cd "$STAGE" && sync_paths f | sync_sums) >"$MANIFEST.sums"
        (cd "$STAGE" && find . ! -type d) | awk "$sync_awk"'
            FILENAME == ARGV[1] { need[$1] = 1; next }
            FILENAME == ARGV[2] { sum[after($0, 1)] = $1; next }
            FILENAME == ARGV[3] {
                split($0, f, "\t")
                if (need[FNR] && f[1] == "f" && sum[f[5]] == f[4]) keep["./" f[5]] = 1
                next
            }
            !($0 in keep)' "$MANIFEST.need" "$MANIFEST.sums" "$MANIFEST.new" - >"$MANIFEST.drop"
        (cd "$STAGE" && tr '\n' '\000' <"$MANIFEST.drop" | xargs -0 -r rm -f)
        find "$STAGE" -depth -type d -exec rmdir {} + 2>/dev/null || :
    fi
    awk "$sync_awk"'
        FILENAME == ARGV[1] { sum[after($0, 1)] = $1; next }
        FILENAME == ARGV[2] { split($0, f, "\t"); want[FNR] = f[4]; path[FNR] = f[5]; next }
        sum[path[$1]] != want[$1] { print "need", $1 }' "$MANIFEST.sums" "$MANIFEST.new" "$MANIFEST.need"
    rm -f "$MANIFEST.sums" "$MANIFEST.drop"
}

# All that is needed is in the stage, and right.
sync_verify() {
    (cd "$STAGE" && sync_paths f | sync_sums) >"$MANIFEST.sums"
    awk "$sync_awk"'
        FILENAME == ARGV[1] { sum[after($0, 1)] = $1; next }
        FILENAME == ARGV[2] { need[$1] = 1; next }
        { split($0, f, "\t") }
        need[FNR] && f[1] == "f" && sum[f[5]] != f[4] { print "./" f[5] }
        ' "$MANIFEST.sums" "$MANIFEST.need" "$MANIFEST.new" >"$MANIFEST.wrong"
    if [ -s "$MANIFEST.wrong" ]; then
        (cd "$STAGE" && tr '\n' '\000' <"$MANIFEST.wrong" | xargs -0 -r rm -f)
        sed 's/^/wrong /;q' "$MANIFEST.wrong"
        exit 66
    fi
    rm -f "$MANIFEST.sums" "$MANIFEST.wrong"
}

# Types and modes as they are, for all paths of a list.
sync_types() {
    awk -F '\t' '{ print "./" $5 }' "$1" | tr '\n' '\000' | xargs -0 -r stat -c '%f %n' 2>/dev/null || :
}

# Something of another type stands where a file or directory of ours belongs.
sync_conflicts() {
    sync_types "$MANIFEST.new" >"$MANIFEST.now"
    awk "$sync_awk"'
        BEGIN { n = split(ENVIRON["KEEP"], k, "\n") }
        FILENAME == ARGV[1] { type[after($0, 1)] = int(hex($1) / 4096); next }
        {
            split($0, f, "\t")
            m = split(f[5], part, "/")
            above = ""
            for (i = 1; i < m; i++) { # what is behind a link that goes is none of ours
                above = above part[i]
                if (above in wrong) next
                above = above "/"
            }
            t = type[f[5]]
            if (t == "" || (f[1] == "d") == (t == 4)) next
            wrong[f[5]] = 1
            for (i = 1; i <= n; i++) if (k[i] != "" && index(k[i] "/", f[5] "/") == 1) exit 67
            print "./" f[5]
        }
        ' "$MANIFEST.now" "$MANIFEST.new" >"$MANIFEST.wrong" || sync_fail "$KEEP is in the way" 67
    tr '\n' '\000' <"$MANIFEST.wrong" | xargs -0 -r rm -rf
    rm -f "$MANIFEST.wrong"
}

# From the stage into place: whole directories where the node has none, else single files; one process per directory.
sync_move() {
    sync_types "$MANIFEST.new" >"$MANIFEST.now"
    sync_paths | awk "$sync_awk"'
        function quote(s) { gsub(/\047/, "\047\\\047\047", s); return "\047" s "\047" }
        FILENAME == ARGV[1] { if (int(hex($1) / 4096) == 4) dir[after($0, 1)] = 1; next }
        {
            n = split($0, part, "/")
            parent = ""
            for (i = 2; i < n; i++) {
                path = parent == "" ? part[i] : parent "/" part[i]
                if (!(path in dir)) break
                parent = path
            }
            unit = part[i]
            if (seen[parent "/" unit]++) next
            if (!(parent in names)) order[++parents] = parent
            else if (++length_of[parent] % 500 == 0) names[parent] = names[parent] "\n"
            names[parent] = names[parent] " " quote(unit)
        }
        END {
            for (p = 1; p <= parents; p++) {
                m = split(names[order[p]], line, "\n")
                for (i = 1; i <= m; i++)
                    if (line[i] != "")
                        print "cd \"$STAGE\"/" quote(order[p]) " && mv -f --" line[i] " \"$DEST\"/" quote(order[p]) "/"
            }
        }' "$MANIFEST.now" - >"$MANIFEST.do"
    STAGE=$STAGE DEST=$DEST sh -eu "$MANIFEST.do" </dev/null
    rm -f "$MANIFEST.do" "$MANIFEST.now"
}

sync_modes() {
    awk -F '\t' '$1 == "d" { print "./" $5 }' "$MANIFEST.new" | tr '\n' '\000' | xargs -0 -r mkdir -p 2>/dev/null || :
    sync_types "$MANIFEST.new" >"$MANIFEST.now"
    awk "$sync_awk"'
        FILENAME == ARGV[1] { mode[after($0, 1)] = hex($1) % 4096; next }
        { split($0, f, "\t") }
        f[1] != "l" && (f[5] in mode) && mode[f[5]] != octal(f[2]) { print f[2], "./" f[5] }
        ' "$MANIFEST.now" "$MANIFEST.new" >"$MANIFEST.wrong"
    for sync_mode in $(sed 's/ .*//' "$MANIFEST.wrong" | sort -u); do
        sed -n "s/^$sync_mode //p" "$MANIFEST.wrong" | tr '\n' '\000' | xargs -0 -r chmod "$sync_mode"
    done
    rm -f "$MANIFEST.wrong" "$MANIFEST.now"
}

# What earlier lists had and this one lacks. Never through something that is not a directory (any more).
sync_prune() {
    cat "$MANIFEST.list" "$MANIFEST.more" >"$MANIFEST.old" 2>/dev/null || :
    sync_types "$MANIFEST.old" >"$MANIFEST.now"
    awk "$sync_awk"'
        BEGIN { n = split(ENVIRON["KEEP"], k, "\n") }
        FILENAME == ARGV[1] { type[after($0, 1)] = int(hex($1) / 4096); next }
        FILENAME == ARGV[2] { split($0, f, "\t"); new[f[5]] = 1; next }
        {
            split($0, f, "\t")
            path = f[5]
            if (new[path] || seen[path]++ || type[path] == "") next
            for (i = 1; i <= n; i++) if (k[i] != "" && index(path "/", k[i] "/") == 1) next
            m = split(path, part, "/")
            above = ""
            for (i = 1; i < m; i++) {
                above = above part[i]
                if (type[above] != 4) next
                above = above "/"
            }
            if (type[path] != 4 || f[1] == "d") print type[path] == 4 ? "d" : "f", "./" path
        }' "$MANIFEST.now" "$MANIFEST.new" "$MANIFEST.old" >"$MANIFEST.gone"
    sed -n 's/^f //p' "$MANIFEST.gone" | tr '\n' '\000' | xargs -0 -r rm -f
    sed -n 's/^d //p' "$MANIFEST.gone" | sort -r | tr '\n' '\000' | xargs -0 -r rmdir 2>/dev/null || :
    rm -f "$MANIFEST.gone" "$MANIFEST.old" "$MANIFEST.now"
}

sync_record() {
    stat_lines "$MANIFEST.new" >"$MANIFEST.stat.new"
    [ "$(wc -l <"$MANIFEST.stat.new")" -eq "$COUNT" ] || sync_fail "files were changed while they were installed" 68
    sync_stat=$(sha256sum <"$MANIFEST.stat.new" | sed 's/ .*//')
    mv -f "$MANIFEST.new" "$MANIFEST.list"
    mv -f "$MANIFEST.stat.new" "$MANIFEST.stat"
    printf '%s %s\n' "$KEY" "$sync_stat" >"$MANIFEST.tmp"
    sync -f "$DEST" 2>/dev/null || sync # nothing is recorded that a power cut could take back
    mv -f "$MANIFEST.tmp" "$MANIFEST"
    rm -rf "$STAGE" "$MANIFEST.more" "$MANIFEST.need"
}

sync_install() {
    trap sync_ended EXIT
    mkdir -p "$STAGE"
    chmod 700 "$STAGE"
    [ "$TAR" = 0 ] || tar -xpmof - -C "$STAGE"
    cd "$DEST"
    sync_verify
    cat "$MANIFEST.new" >>"$MANIFEST.more"
    rm -f "$MANIFEST" # from here until the end, the tree is neither the old nor the new
    sync_conflicts
    sync_move
    sync_modes
    [ "$PRUNE" = 0 ] || sync_prune
    sync_record
    echo installed
}
