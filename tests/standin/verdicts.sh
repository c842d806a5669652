#!/bin/bash
# nodes: 2
# timeout: 900
# The table of verdicts, replayed on the stand-in.
. "$(dirname "$0")/../lab/lib.sh"
. "$(dirname "$(realpath "$0")")/by_hand.sh"
MASTERS='0 1' WORKERS='' REGISTRY=0

step 'two machines'
make_images
prepare 0 1
authorities 0
hosts 1 "$(addr 0)"
on 1 "cp $R/statics/audit-policy.yml /tmp/; mkdir -p /tmp/verdict; mv /tmp/audit-policy.yml /tmp/verdict/policy; rm -rf /etc/kubernetes/pki"

step 'verdicts'
"$HERE/verdicts.py" --api v1beta3 --version "$KUBE_VERSION" --address0 "$(addr 0)" --address1 "$(addr 1)" \
    --node0 "ssh -o BatchMode=yes root@$(addr 0) sh -s" --node1 "ssh -o BatchMode=yes root@$(addr 1) sh -s" "$HERE"/../../testdata/verdicts/[0-9]*.yaml
