#!/bin/bash
# install.sh NAME NAMESPACE. Fails once where /run/lab-fail/standin-app is.
set -e
if [ -e /run/lab-fail/standin-app ]; then
    rm -f /run/lab-fail/standin-app
    echo 'Error: timed out waiting for the condition' >&2
    exit 1
fi
while [ -e /run/lab-hold-standin-app ]; do sleep 0.05; done
mkdir -p "$MARKER"
echo "$1 $2 $(cat etc/greeting)" >>"$MARKER/runs"
