# What a tree of ours looks like now, by the list of its paths (docs/ON-NODE.md, manifests/). Sent to whoever records it
# and to the probe, so that both see the same. The list has one line a path: TYPE MODE SIZE SUM PATH, by tabs; TYPE is f, l
# or d. Two or three processes for any number of files.

# stat_lines LIST: a line for each listed path below the working directory that is there. Of files and links type, mode,
# size and mtime; of directories only that they are ones: others may put files into them.
stat_lines() {
    case $(stat -c %.9Y / 2>/dev/null) in
    *[0-9].[0-9]*) stat_time=%.9Y ;;
    *) stat_time=%Y ;; # busybox
    esac
    awk -F '\t' '$1 != "d" { print "./" $5 }' "$1" | tr '\n' '\000' |
        xargs -0 -r stat -c "%f %s $stat_time %n" 2>/dev/null || :
    awk -F '\t' '$1 == "d" { print "./" $5 }' "$1" | tr '\n' '\000' |
        xargs -0 -r stat -c '%F %n' 2>/dev/null || :
}

# stat_listing MANIFEST DEST: a digest of these lines for the tree at DEST, as MANIFEST records it; nothing where the list
# or the tree is gone.
stat_listing() {
    [ -f "$1.list" ] || return 0
    (cd "$2" 2>/dev/null && stat_lines "$1.list") | {
        sha256sum || :
    } | sed 's/ .*//'
}
