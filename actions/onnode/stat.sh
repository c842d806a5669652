# stat_listing NAME DEST: prints a digest of the listing of the tree that manifest NAME describes: path, type, mode,
# size, mtime and ctime of all below DEST but its registry/. Any edited, added or missing file changes it.
stat_listing() {
    (
        cd "$2" 2>/dev/null || exit 1
        find . -path ./registry -prune -o -exec stat -c '%n %F %a %s %Y %Z' {} + | LC_ALL=C sort | sha256sum
    ) | {
        read -r stat_digest stat_rest
        printf '%s\n' "$stat_digest"
    }
}
