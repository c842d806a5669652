# CONFIG, IGNORE (preflight errors), KEY. Runs after attempt.sh, as a job.
begin_attempt "init $KEY"
say "+ kubeadm init"
kubeadm init --config "$CONFIG" --skip-certificate-key-print --skip-token-print --ignore-preflight-errors="$IGNORE" </dev/null
# kubeadm leaves a token of its own, good for a day; joins get theirs from us, good for minutes
api -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token \
    -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | sed -n 's/^bootstrap-token-//p' | while read -r id; do
    KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token delete "$id" >&2 </dev/null || say "the token $id could not be deleted"
done
end_attempt
