#!/bin/bash
# nodes: 3
# timeout: 300
# A worker that is dead during create: all else is done, the guests have run; when it comes, only its own steps.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

clusterfile 1 2
down 2
step 'create without it'
apply 4
wait_for 30 all_ready 0 2
step 'it comes'
up 2
apply
wait_for 30 all_ready 0 3
settled 0 1 2
