"""The kubelet: registers its Node, says that it lives, and keeps the static pods as its manifests say.
Pods are processes of their own and outlive it, as containers outlive the real one."""
import contextlib
import http.server
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

from . import client, cri, kubeadm_schema, tls
from .common import KUBELET_DIR, MINOR, POD_STATE, VERSION, Flags, Refusal, alive, fail_once, hostname, machine_id, own_address, read, remove, warn, write

FLAGS = {n: True for n in ("bootstrap-kubeconfig", "kubeconfig", "config", "container-runtime-endpoint", "image-service-endpoint", "node-ip",
                           "hostname-override", "pod-infra-container-image", "node-labels", "register-with-taints", "cgroup-driver",
                           "root-dir", "v", "feature-gates", "cert-dir", "image-credential-provider-config", "max-pods", "cloud-provider")}
CNI_FILE = "/etc/cni/net.d/10-standin.conflist"
STEP, BEAT, POD_RETRY = 0.4, 3.0, 1.0
RUNNABLE = {"etcd": "etcd", "kube-apiserver": "apiserver"}
VALID_ONLY = ("kube-controller-manager", "kube-scheduler")
KEEPER = "kube-sealos-lvscare"


def command_flags(container):
    words = list(container.get("command", [])) + list(container.get("args", []))
    out = {}
    for w in words[1:]:
        if w.startswith("--"):
            name, _, value = w[2:].partition("=")
            out[name] = value
    return out


def check_keeper(manifest):
    """The lvscare static pod: wrong in any of these, the real one would not keep the virtual server."""
    spec, c = manifest["spec"], manifest["spec"]["containers"][0]
    args = [str(a) for a in c.get("args", [])]
    words = {}
    for i, a in enumerate(args):
        name, eq, value = a.partition("=")
        words.setdefault(name, []).append(value if eq else (args[i + 1] if i + 1 < len(args) else ""))
    wrong = [text for bad, text in (
        (manifest["metadata"].get("namespace") != "kube-system", "namespace is not kube-system"),
        (spec.get("hostNetwork") is not True, "hostNetwork is not true"),
        (not (c.get("securityContext") or {}).get("privileged"), "the container is not privileged"),
        (list(c.get("command", [])) != ["/usr/bin/lvscare"], "command is not /usr/bin/lvscare"),
        (args[:1] != ["care"], "the first argument is not care"),
        (len(words.get("--vs", [])) != 1, "not one --vs"),
        (not words.get("--rs"), "no --rs"),
        (any(not v.rsplit(":", 1)[-1].isdigit() for v in words.get("--vs", []) + words.get("--rs", [])), "an address without a port"),
        ("/lib/modules" not in [v.get("hostPath", {}).get("path") for v in spec.get("volumes", [])], "/lib/modules is not mounted")) if bad]
    if wrong:
        raise Refusal("invalid pod %s: %s" % (KEEPER, "; ".join(wrong)))


class Pods:
    """Static pods: a record in /run for each, written by whoever started it."""

    def __init__(self, directory):
        self.directory, self.seen, self.retry = directory, {}, {}
        os.makedirs(POD_STATE, exist_ok=True)

    @staticmethod
    def record(name):
        try:
            return json.loads(read("%s/%s.json" % (POD_STATE, name)))
        except (OSError, ValueError):
            return {}

    @staticmethod
    def note(name, **fields):
        write("%s/%s.json" % (POD_STATE, name), json.dumps(fields) + "\n")

    @staticmethod
    def stop(name):
        r = Pods.record(name)
        if r.get("pid") and alive(r["pid"], name):
            with contextlib.suppress(OSError):
                os.kill(r["pid"], signal.SIGTERM)
            for _ in range(100):
                if not alive(r["pid"], name):
                    break
                time.sleep(0.02)
        remove("%s/%s.json" % (POD_STATE, name))

    def sync(self):
        present = {}
        with contextlib.suppress(OSError):
            for f in sorted(os.listdir(self.directory)):
                if f.endswith((".yaml", ".yml", ".json")) and not f.startswith("."):
                    s = os.stat(self.directory + "/" + f)
                    present[f.rsplit(".", 1)[0]] = (f, [s.st_ino, s.st_size, s.st_mtime_ns])
        for f in sorted(os.listdir(POD_STATE)):
            name = f[:-len(".json")]
            if f.endswith(".json") and not f.startswith(".") and name not in present:
                self.stop(name)
        for name, (f, stamp) in present.items():
            r = self.record(name)
            if r.get("stamp") == stamp and (r["phase"] == "Running" and not r.get("pid") or r.get("pid") and alive(r["pid"], name)):
                continue
            if time.monotonic() < self.retry.get((name, str(stamp)), 0):
                continue
            self.retry = {k: v for k, v in self.retry.items() if k[0] != name}
            self.retry[(name, str(stamp))] = time.monotonic() + POD_RETRY
            if r.get("stamp") != stamp:
                self.stop(name)
            try:
                self.start(name, self.directory + "/" + f, stamp)
            except Refusal as e:
                warn("pod %s: %s" % (name, e.message))
                self.note(name, phase="Failed", message=e.message, stamp=stamp)

    def start(self, name, path, stamp):
        manifest = client.load_yaml(path)
        if not isinstance(manifest, dict) or manifest.get("kind") != "Pod" or manifest.get("apiVersion") != "v1" or \
           manifest.get("metadata", {}).get("name") != name or not manifest.get("spec", {}).get("containers"):
            raise Refusal("invalid pod: %s is not a Pod of that name" % path)
        for c in manifest["spec"]["containers"]:
            cri.ensure(c["image"], c.get("imagePullPolicy", "IfNotPresent"))
        if name == KEEPER:
            check_keeper(manifest)
        if name not in RUNNABLE:
            self.note(name, phase="Running", message="", stamp=stamp)
            return
        os.makedirs("/var/log/pods", exist_ok=True)
        with open("/var/log/pods/%s.log" % name, "ab") as log:
            p = subprocess.Popen([name, "-I", os.path.realpath(sys.argv[0]), "--standin-pod", name, path], executable="/usr/bin/python3",
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
        threading.Thread(target=self.reap, args=(p, name, stamp), daemon=True).start()
        self.note(name, phase="Running", pid=p.pid, message="", stamp=stamp)

    def reap(self, process, name, stamp):
        """Collects the exit status, and keeps the last words of a pod that failed for kubeadm to see."""
        if process.wait() and self.record(name).get("pid") == process.pid:
            words = read("/var/log/pods/%s.log" % name).strip().splitlines()[-1:]
            self.note(name, phase="Failed", message=words[0] if words else "exit status %d" % process.returncode, stamp=stamp)


def run_pod(name, path):
    """What runs in a pod's process."""
    import importlib
    manifest = client.load_yaml(path)
    try:
        importlib.import_module("." + RUNNABLE[name], __package__).pod(command_flags(manifest["spec"]["containers"][0]), manifest)
    except Refusal as e:
        warn(e.message)
        return 1
    except OSError as e:
        warn("Error: %s" % e)
        return 1
    return 0


def listen(port, address):
    """The ports a kubelet takes: 10250 for the API, 10248 for its health."""
    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    try:
        server = http.server.ThreadingHTTPServer((address, port), Health)
    except OSError:
        raise Refusal("failed to listen on port %d: bind: address already in use" % port) from None
    threading.Thread(target=server.serve_forever, args=(3600,), daemon=True).start()


class Kubelet:
    def __init__(self, flags, config):
        self.flags, self.config = flags, config
        self.name = flags.get("hostname-override") or hostname()
        self.pods = Pods(config.get("staticPodPath") or "/nonexistent")
        self.client, self.registered, self.beaten = None, False, 0.0

    def bootstrap(self):
        """Exchanges the bootstrap token for a certificate of its own."""
        source = self.flags.get("bootstrap-kubeconfig")
        if not source or not os.path.exists(source):
            raise Refusal("failed to run Kubelet: unable to load bootstrap kubeconfig: stat %s: no such file or directory" % source)
        config = client.kubeconfig(source)
        pem = KUBELET_DIR + "/pki/kubelet-client-current.pem"
        key = KUBELET_DIR + "/pki/.new.key"
        csr = tls.make_csr("system:node:" + self.name, ["system:nodes"], key)
        answer = client.Client(config).call("POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", {"csr": csr})
        write(pem, answer["certificate"] + read(key), 0o600)
        remove(key)
        write(self.flags["kubeconfig"], client.write_kubeconfig(config["server"], config["ca"], "default-auth", files=pem), 0o600)

    def node(self):
        address = self.flags.get("node-ip", "").split(",")[0] or own_address()
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": os.uname().machine.replace("x86_64", "amd64"),
                  "beta.kubernetes.io/os": "linux"}
        for item in filter(None, self.flags.get("node-labels", "").split(",")):
            k, _, v = item.partition("=")
            labels[k] = v
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}, "spec": {},
                "status": {"addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": self.name}],
                           "nodeInfo": {"machineID": machine_id(), "kubeletVersion": VERSION, "operatingSystem": "linux",
                                        "kernelVersion": os.uname().release, "containerRuntimeVersion": "containerd://1.7.2"}}}

    def register(self):
        node = self.node()
        try:
            self.client.call("POST", "/api/v1/nodes", node)
        except client.ApiError as e:
            if e.status != 409:
                raise
            self.client.call("PATCH", "/api/v1/nodes/" + self.name, {"metadata": {"labels": node["metadata"]["labels"]}, "status": node["status"]})
        self.registered = True

    def talk(self):
        """One exchange with the API, when it is due. A Node that was deleted comes back only with a new start, as with the real one."""
        network = os.path.exists(CNI_FILE)
        if time.monotonic() < self.beaten + (BEAT if network else BEAT / 3):
            return
        self.beaten = time.monotonic()
        if not os.path.exists(self.flags["kubeconfig"]):
            self.bootstrap()
        if not self.client:
            self.client = client.from_file(self.flags["kubeconfig"], 5.0)
        if not self.registered:
            self.register()
        answer = self.client.call("POST", "/standin/heartbeat", {"name": self.name, "network": network})
        if answer["network"] and not network:
            write(CNI_FILE, json.dumps({"cniVersion": "1.0.0", "name": answer["network"][0], "plugins": [{"type": "bridge"}]}) + "\n")
            self.beaten = 0.0

    def run(self):
        said = ""
        while True:
            self.pods.sync()
            try:
                self.talk()
                said = ""
            except Refusal as e:
                if e.message != said:
                    warn(e.message)
                    said = e.message
                self.client = None
            except (OSError, ValueError, KeyError) as e:
                warn("unexpected: %r" % e)
                self.client = None
            time.sleep(STEP)


def endpoint_path(url):
    return url[len("unix://"):] if url.startswith("unix://") else url


def check_runtime(flags, config):
    runtime = flags.get("container-runtime-endpoint") or config.get("containerRuntimeEndpoint") or "unix:///run/containerd/containerd.sock"
    image = flags.get("image-service-endpoint") or config.get("imageServiceEndpoint") or runtime
    for what, url in (("runtime", runtime), ("image", image)):
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(endpoint_path(url))
            except OSError as e:
                raise Refusal("failed to run Kubelet: validate service connection: validate CRI v1 %s API for endpoint \"%s\": dial unix %s: %s" % (
                    what, url, endpoint_path(url), os.strerror(e.errno) if e.errno else e)) from None
    cri.use(endpoint_path(image))


def main(argv):
    if argv[:1] == ["--standin-pod"]:
        return run_pod(argv[1], argv[2])
    if argv == ["--version"]:
        print("Kubernetes " + VERSION)
        return 0
    known = dict(FLAGS)
    if MINOR < 27:
        known["container-runtime"] = True
    flags = Flags(argv, known, unknown="Error: failed to parse kubelet flag: unknown flag: %s").values
    fail_once("kubelet", "failed to run Kubelet: running with swap on is not supported")
    path = flags.get("config", "")
    try:
        config = client.load_yaml(path)
    except OSError:
        raise Refusal("failed to load kubelet config file, path: %s, error: failed to read kubelet config file \"%s\", error: open %s: "
                      "no such file or directory" % (path, path, path)) from None
    wrong = kubeadm_schema.check(config, "KubeletConfiguration")
    if wrong:
        raise Refusal("failed to load kubelet config file, path: %s, error: %s" % (path, "; ".join(wrong)))
    if not os.path.exists(flags.get("kubeconfig", "")) and not os.path.exists(flags.get("bootstrap-kubeconfig", "")):
        raise Refusal("failed to run Kubelet: unable to load bootstrap kubeconfig: stat %s: no such file or directory" %
                      shlex.quote(flags.get("bootstrap-kubeconfig", "")))
    check_runtime(flags, config)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    listen(10248, "127.0.0.1")
    listen(10250, "")
    Kubelet(flags, config).run()
    return 0
