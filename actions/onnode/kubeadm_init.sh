# CONFIG, IGNORE (preflight errors), KEY. Runs after attempt.sh, as a job.
if is_member; then
    say "the control plane is initialised already"
    exit 0
fi
# Only what an attempt of ours left is moved aside: anything else came after this node was looked at, and is not touched.
[ -e "$R/attempt" ] || ! has_traces || fail "this machine carries files of a cluster that were not there when it was looked at"
begin_attempt "init $KEY"
say "+ kubeadm init"
kubeadm init --config "$CONFIG" --skip-certificate-key-print --skip-token-print --ignore-preflight-errors="$IGNORE" </dev/null
# kubeadm leaves a token of its own, good for a day; joins get theirs from us, good for minutes
api -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token \
    -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | sed -n 's/^bootstrap-token-//p' | while read -r id; do
    KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token delete "$id" >&2 </dev/null || say "the token $id could not be deleted"
done
end_attempt
