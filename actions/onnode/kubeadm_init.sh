# CONFIG, IGNORE (preflight errors), KEY. Runs after attempt.sh, as a job.
begin_attempt "init $KEY"
say "+ kubeadm init"
kubeadm init --config "$CONFIG" --skip-certificate-key-print --skip-token-print --ignore-preflight-errors="$IGNORE" </dev/null
end_attempt
