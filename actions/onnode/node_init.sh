# The image's own scripts, as Sealos runs them: in rootfs/scripts, the labels' text given to bash, the environment
# exported before. CHECK, INIT_CRI, INIT: the labels ("" where not to run). KEY: the stamp.
cd "$ROOTFS/scripts"
run() {
    say "+ bash $1"
    bash -c "bash $1" </dev/null
}
[ -z "$CHECK" ] || run "$CHECK"
[ -z "$INIT_CRI" ] || run "$INIT_CRI"
[ -z "$INIT" ] || run "$INIT"
stamp node.init "$KEY"
