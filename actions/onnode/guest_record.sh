# RECORD: the key. Kept in the cluster, so it outlives any machine.
api -n kube-system create configmap reconcile-guests >/dev/null 2>&1 || :
api -n kube-system patch configmap reconcile-guests --type merge -p "{\"data\":{\"$RECORD\":\"ok\"}}" >/dev/null
