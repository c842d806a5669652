"""Each command of the stand-in is this program under its own name."""
import importlib
import os
import sys

COMMANDS = {"kubeadm": ("kubeadm", "main"), "kubectl": ("kubectl", "main"), "kubelet": ("kubelet", "main"), "etcdctl": ("etcdctl", "main"),
            "crictl": ("cri", "crictl"), "containerd": ("cri", "containerd"), "image-cri-shim": ("cri", "shim")}


def start():
    name = os.path.basename(sys.argv[0])
    if name not in COMMANDS:
        print("this program is one of: %s" % ", ".join(sorted(COMMANDS)), file=sys.stderr)
        return 2
    from standin.common import main_wrapper
    module, function = COMMANDS[name]
    return main_wrapper(getattr(importlib.import_module("standin." + module), function), sys.argv[1:])


sys.exit(start())
