# DATA: the registry's storage path, a link to rootfs/registry as Sealos makes it. INIT_REGISTRY: the label. KEY: the stamp.
mkdir -p "$ROOTFS/registry" "$(dirname "$DATA")"
if [ -e "$DATA" ] && [ ! -L "$DATA" ] && ! rmdir "$DATA" 2>/dev/null; then
    prepare
    mkdir -p "$R/aside"
    mv "$DATA" "$R/aside/registry.$(date +%s).$$"
    say "what was at $DATA is now under $R/aside"
fi
ln -sfn "$ROOTFS/registry" "$DATA"
cd "$ROOTFS/scripts"
say "+ bash $INIT_REGISTRY"
bash -c "bash $INIT_REGISTRY" </dev/null
stamp registry.init "$KEY"
