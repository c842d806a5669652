# ENTRIES: lines "ADDRESS NAME"; ADDRESS "-" takes the name away. Lines of others stay byte by byte.
hosts_edit() {
    file=/etc/hosts
    fresh=$(mktemp /etc/.hosts.XXXXXX)
    ENTRIES=$ENTRIES awk '
BEGIN {
    n = split(ENVIRON["ENTRIES"], entry, "\n")
    for (i = 1; i <= n; i++)
        if (split(entry[i], w, " ") == 2)
            managed[tolower(w[2])] = 1
}
{
    body = $0
    mark = index(body, "#")
    if (mark)
        body = substr(body, 1, mark - 1)
    gsub(/[\r\f\v]/, " ", body)
    k = split(body, w, " ")
    hit = 0
    for (i = 2; i <= k; i++)
        if (tolower(w[i]) in managed)
            hit = 1
    if (!hit) {
        print
        next
    }
    out = w[1]
    kept = 0
    for (i = 2; i <= k; i++)
        if (!(tolower(w[i]) in managed)) {
            out = out " " w[i]
            kept = 1
        }
    if (kept)
        print out (mark ? " " substr($0, mark) : "")
}
END {
    for (i = 1; i <= n; i++)
        if (split(entry[i], w, " ") == 2 && w[1] != "-")
            print w[1] " " w[2] " # reconcile"
}' "$file" >"$fresh" || { rm -f "$fresh"; fail "$file could not be rewritten"; }
    if ! cmp -s "$fresh" "$file"; then
        chmod 644 "$fresh"
        sync "$fresh" 2>/dev/null || :
        mv -f "$fresh" "$file" 2>/dev/null || cat "$fresh" >"$file" # a bind-mounted file cannot be renamed over
    fi
    rm -f "$fresh"
}
hosts_edit
