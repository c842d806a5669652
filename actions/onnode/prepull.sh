# CONFIG: a kubeadm configuration. MASTER: 1 on masters. KEY: the stamp. The list is kept, so that the probe can ask
# the runtime for each.
prepare
list=$R/stamps/.prepull.list.$$
trap 'rm -f "$list" "$list.w"' EXIT
kubeadm config images list --config "$CONFIG" >"$list" </dev/null
[ -s "$list" ] || fail "kubeadm names no images"
if [ "$MASTER" != 1 ]; then # workers run only the proxy and the sandbox
    grep -E '/(kube-proxy|pause):' "$list" >"$list.w" || :
    mv -f "$list.w" "$list"
fi
while read -r image; do
    say "+ crictl pull $image"
    crictl pull "$image" >&2 </dev/null
done <"$list"
mv -f "$list" "$R/stamps/prepull.list"
stamp prepull "$KEY"
