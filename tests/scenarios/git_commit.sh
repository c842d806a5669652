#!/bin/bash
# nodes: 1
# timeout: 240
# --commit: one commit with the status, of this file alone; nothing changed, no commit.
. "$(dirname "$0")/../lab/lib.sh"
. "$LAB_DIR/cluster.sh"

clusterfile 1 0
cd "$L/cluster"
git init -q .
git add Clusterfile
git commit -qm 'The cluster we want'
echo mine >other
git add other
step 'create and commit'
apply --commit
check 'one commit more' -- [ "$(git rev-list --count HEAD)" = 2 ]
check 'of the Clusterfile alone' -- [ "$(git show --name-only --format= HEAD)" = Clusterfile ]
check 'the work of others stays staged' -- [ "$(git status --porcelain other)" = 'A  other' ]
check 'the file is clean' -- [ -z "$(git status --porcelain Clusterfile)" ]
check 'no secret is in it' -- sh -c '! git show HEAD | grep -q "PRIVATE KEY"'
step 'again: no commit'
apply --commit
check 'still two' -- [ "$(git rev-list --count HEAD)" = 2 ]
