#!/bin/bash
# nodes: 1
# timeout: 180
# One master: created, then nothing to do.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

clusterfile 1 0
step 'create'
apply
wait_for 30 all_ready 0 1
step 'again: nothing'
settled 0
