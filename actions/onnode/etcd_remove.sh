# MEMBER: hex id. Leadership is moved first, so that the API does not wait for an election.
status=$(etcd endpoint status --cluster 2>/dev/null | tr -d ' ') || status=
leader=$(printf '%s\n' "$status" | awk -F, -v id="$MEMBER" '$2 == id && $5 == "true" { print $1; exit }')
heir=$(printf '%s\n' "$status" | awk -F, -v id="$MEMBER" '$2 != id && $2 != "" { print $2; exit }')
if [ -n "$leader" ] && [ -n "$heir" ]; then
    etcd --endpoints="$leader" move-leader "$heir" >&2 || say "leadership could not be moved; etcd will elect"
fi
etcd member remove "$MEMBER" >&2
