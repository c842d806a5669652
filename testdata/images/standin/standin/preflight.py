"""kubeadm's checks before it changes a machine, under the names that --ignore-preflight-errors takes."""
import contextlib
import os
import shutil
import socket

from . import cri
from .common import KUBE, MANIFESTS, MINOR, Refusal, systemctl, warn
from .kubeadm_config import minor_of

STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


class Checks:
    def __init__(self, ignored):
        self.ignored, self.errors = {i.lower() for i in ignored}, []

    def error(self, name, text):
        if "all" in self.ignored or name.lower() in self.ignored:
            warn("\t[WARNING %s]: %s" % (name, text))
        else:
            self.errors.append("\t[ERROR %s]: %s" % (name, text))

    @staticmethod
    def warning(name, text):
        warn("\t[WARNING %s]: %s" % (name, text))

    def end(self):
        if self.errors:
            raise Refusal("error execution phase preflight: [preflight] Some fatal errors occurred:\n%s\n[preflight] If you know what you are doing, "
                          "you can make a check non-fatal with `--ignore-preflight-errors=...`\nTo see the stack trace of this error execute with "
                          "--v=5 or higher" % "\n".join(self.errors))

    # Each check as kubeadm has it
    def root(self):
        if os.geteuid() != 0:
            self.error("IsPrivilegedUser", "user is not running as root")
            self.end()

    def port(self, port):
        with contextlib.closing(socket.socket()) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("", port))
                s.listen(1)
            except OSError:
                self.error("Port-%d" % port, "Port %d is in use" % port)

    def file_available(self, path):
        if os.path.lexists(path):
            self.error("FileAvailable-" + path.replace("/", "-"), "%s already exists" % path)

    def dir_available(self, path):
        if os.path.isdir(path) and os.listdir(path):
            self.error("DirAvailable-" + path.replace("/", "-"), "%s is not empty" % path)

    def content(self, path, wanted):
        try:
            with open(path, encoding="ascii") as f:
                if f.read(len(wanted)) != wanted:
                    self.error("FileContent-" + path.replace("/", "-"), "%s contents are not set to %s" % (path, wanted))
        except OSError:
            self.error("FileContent-" + path.replace("/", "-"), "%s does not exist" % path)

    def in_path(self, mandatory, optional):
        for tool in mandatory + optional:
            if not shutil.which(tool):
                (self.error if tool in mandatory else self.warning)("FileExisting-" + tool, "%s not found in system path" % tool)

    def runtime(self, cri_socket):
        path = cri_socket.removeprefix("unix://")
        try:
            cri.ask(path, {"op": "info"}, 10)
        except Refusal as e:
            self.error("CRI", "container runtime is not running: output: time=\"\" level=fatal msg=\"validate service connection: CRI v1 runtime API is "
                       "not implemented for endpoint \\\"%s\\\": %s\", error: exit status 1" % (cri_socket, e.message))

    def common(self, registration):
        self.runtime(registration["criSocket"])
        with open("/proc/swaps", encoding="ascii") as f:
            if len(f.readlines()) > 1:
                if MINOR < 28:
                    self.error("Swap", "running with swap on is not supported. Please disable swap")
                else:
                    self.warning("Swap", "swap is supported for cgroup v2 only; the NodeSwap feature gate of the kubelet is beta but disabled by default")
        self.in_path(["crictl", "conntrack", "ip", "iptables", "mount", "nsenter"], ["ebtables", "ethtool", "socat", "tc", "touch"])
        self.error("SystemVerification", "unexpected kernel config: this machine's kernel says nothing of its configuration")
        name = registration["name"]
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            self.warning("Hostname", "hostname \"%s\" could not be reached" % name)
        unit = systemctl("is-enabled", "kubelet")
        if "No such file" in unit.stderr:
            self.warning("Service-Kubelet", "kubelet service does not exist")
        elif unit.returncode != 0:
            self.warning("Service-Kubelet", "kubelet service is not enabled, please run 'systemctl enable kubelet.service'")
        self.port(10250)
        self.content("/proc/sys/net/ipv4/ip_forward", "1")

    def control_plane(self, endpoint, cluster):
        for p in (endpoint["bindPort"], 10259, 10257):
            self.port(p)
        for name in STATIC:
            self.file_available("%s/%s.yaml" % (MANIFESTS, name))
        for p in (2379, 2380):
            self.port(p)
        self.dir_available(cluster["etcd"]["local"]["dataDir"])

    def version(self, cluster):
        wanted = minor_of(cluster["kubernetesVersion"])
        if wanted > MINOR:
            self.error("KubernetesVersion", "Kubernetes version is greater than kubeadm version. Please consider to upgrade kubeadm. Kubernetes version: "
                       "%s. Kubeadm version: 1.%d.x" % (cluster["kubernetesVersion"].lstrip("v"), MINOR))

    def pull(self, names, policy):
        if policy == "Never":
            return
        for image in names:
            try:
                cri.ensure(image, policy)
            except Refusal as e:
                self.error("ImagePull", "failed to pull image %s: output: E pulling image: %s\n, error: exit status 1" % (image, e.message))


def init(config, ignored):
    c = Checks(ignored)
    c.root()
    c.version(config["cluster"])
    c.control_plane(config["localAPIEndpoint"], config["cluster"])
    c.common(config["nodeRegistration"])
    c.end()


def join(config, ignored):
    c = Checks(ignored)
    c.root()
    c.file_available(KUBE + "/kubelet.conf")
    c.file_available(KUBE + "/bootstrap-kubelet.conf")
    if MINOR < 22:
        c.dir_available(MANIFESTS)
    c.common(config["nodeRegistration"])
    if not config["controlPlane"]:
        c.file_available(config["caCertPath"])
    c.end()
