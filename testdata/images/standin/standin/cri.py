"""The container runtime as far as images go: `containerd` pulls them from a real registry over HTTP and remembers them,
`image-cri-shim` sends names to the cluster's registry first, `crictl` asks. No container is ever run."""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import socketserver
import threading
import time
import urllib.parse

from .common import POD_STATE, Flags, Refusal, alive, fail_once, fault, read, remove, say, warn, write

DATA = "/var/lib/containerd/standin/images.json"
ACCEPT = ", ".join(("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
                    "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json"))
PULLED = threading.Lock()
SEEN_SECONDS = 60  # how long the shim remembers that the registry has an image
_image_socket = None


# Names
def split(image):
    """(registry, repository, tag or digest) of an image name, with Docker's defaults."""
    name, at, digest = image.partition("@")
    head, _, tag = name.rpartition(":") if ":" in name.rsplit("/", 1)[-1] else (name, "", "latest")
    first, slash, rest = head.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", head if slash else "library/" + head
    if not rest or rest != rest.lower() or not all(c.isalnum() or c in "/._-" for c in rest):
        raise Refusal("rpc error: code = InvalidArgument desc = failed to parse image reference \"%s\": invalid reference format" % image)
    return first, rest, digest if at else tag


def join(registry, repository, reference):
    return "%s/%s%s%s" % (registry, repository, "@" if ":" in reference else ":", reference)


# The sockets' own small protocol: a line of JSON each way
def ask(path, request, seconds=120):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            s.connect(path)
            s.sendall(json.dumps(request).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                got = s.recv(65536)
                if not got:
                    raise OSError(104, "connection reset by peer")
                data += got
    except OSError as e:
        raise Refusal("rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix %s: connect: %s\"" % (
            path, os.strerror(e.errno).lower() if e.errno else str(e))) from None
    out = json.loads(data)
    if "error" in out:
        raise Refusal(out["error"])
    return out


def serve(path, function):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline(1 << 20)
            if not line:
                return
            try:
                out = function(json.loads(line))
            except Refusal as e:
                out = {"error": e.message}
            except (OSError, ValueError, KeyError) as e:
                warn("internal error: %r" % e)
                out = {"error": "rpc error: code = Unknown desc = %s" % type(e).__name__}
            self.wfile.write(json.dumps(out).encode() + b"\n")

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True
        request_queue_size = 64

    os.makedirs(os.path.dirname(path), exist_ok=True)
    remove(path)
    signal.signal(signal.SIGTERM, lambda *_: (remove(path), os._exit(0)))
    with Server(path, Handler) as s:
        os.chmod(path, 0o660)
        s.serve_forever(3600)


# containerd
def toml(path):
    import tomllib
    try:
        return tomllib.loads(read(path))
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise Refusal("containerd: failed to load TOML: %s: %s" % (path, e)) from None


class Registry:
    """Pulls from one registry, as containerd's hosts.toml and credentials say."""

    def __init__(self, config, name):
        registry = config["plugins"]["io.containerd.grpc.v1.cri"]["registry"]
        self.name, self.auth, server = name, None, "https://" + name
        path = "%s/%s/hosts.toml" % (registry["config_path"], name)
        if os.path.exists(path):
            hosts = toml(path)
            server = next(iter(hosts.get("host", {})), hosts.get("server", server))
        auth = registry.get("configs", {}).get(name, {}).get("auth")
        if auth:
            self.auth = "%s:%s" % (auth["username"], auth["password"])
        self.url = urllib.parse.urlsplit(server)

    def get(self, path, verb="GET"):
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        where = "%s://%s%s" % (self.url.scheme, self.url.netloc, path)
        try:
            c = kind(self.url.hostname, self.url.port, timeout=15)
            headers = {"Accept": ACCEPT}
            if self.auth:
                headers["Authorization"] = "Basic " + base64.b64encode(self.auth.encode()).decode()
            c.request(verb, path, headers=headers)
            r = c.getresponse()
            data = r.read()
        except socket.gaierror:
            raise Refusal("failed to do request: Head \"%s\": dial tcp: lookup %s: no such host" % (where, self.url.hostname)) from None
        except (OSError, http.client.HTTPException) as e:
            raise Refusal("failed to do request: Head \"%s\": dial tcp: connect: %s" % (
                where, os.strerror(e.errno).lower() if getattr(e, "errno", None) else e)) from None
        if r.status in (401, 403):
            raise Refusal("pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials")
        if r.status == 404:
            raise Refusal("not found")
        if r.status != 200:
            raise Refusal("unexpected status from HEAD request to %s: %d" % (where, r.status))
        return r.headers, data


def manifest_of(registry, repository, reference):
    """(digest, manifest) for this machine's architecture, every byte checked against its digest."""
    headers, data = registry.get("/v2/%s/manifests/%s" % (repository, reference))
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if reference.startswith("sha256:") and digest != reference:
        raise Refusal("unexpected digest of %s" % reference)
    m = json.loads(data)
    if "manifests" in m:
        arch = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
        for d in m["manifests"]:
            if d.get("platform", {}).get("architecture") == arch:
                return digest, manifest_of(registry, repository, d["digest"])[1]
        raise Refusal("no match for platform in manifest: not found")
    return digest, m


def pull(config, image):
    name, repository, reference = split(image)
    full = join(name, repository, reference)
    try:
        registry = Registry(config, name)
        digest, m = manifest_of(registry, repository, reference)
        images, size = stored(), 0
        known = {b for i in images.values() for b in i["blobs"]}
        for b in [m["config"], *m["layers"]]:
            size += b["size"]
            if b["digest"] in known:
                continue
            data = registry.get("/v2/%s/blobs/%s" % (repository, b["digest"]))[1]
            if "sha256:" + hashlib.sha256(data).hexdigest() != b["digest"] or len(data) != b["size"]:
                raise Refusal("failed commit on ref: unexpected commit digest, expected %s: failed precondition" % b["digest"])
    except Refusal as e:
        code = "NotFound" if e.message.endswith("not found") else "Unknown"
        raise Refusal("rpc error: code = %s desc = failed to pull and unpack image \"%s\": failed to resolve reference \"%s\": %s" % (
            code, full, full, e.message if code == "Unknown" else full + ": not found")) from None
    with PULLED:
        images = stored()
        images[full] = {"id": m["config"]["digest"], "digest": digest, "size": size, "blobs": [b["digest"] for b in [m["config"], *m["layers"]]]}
        write(DATA, json.dumps(images) + "\n")
    return {"id": m["config"]["digest"]}


def stored():
    try:
        return json.loads(read(DATA))
    except (OSError, ValueError):
        return {}


def containerd(argv):
    if argv == ["--version"]:
        say("containerd github.com/containerd/containerd v1.7.2 0cae528dd6cb557f7201036e9f43420650207b58")
        return 0
    flags = Flags(argv, {"config": True}, {"c": "config"}, "flag provided but not defined: %s")
    fail_once("containerd", "containerd: failed to create TTRPC connection")
    config = toml(flags.get("config", "/etc/containerd/config.toml"))
    try:
        path = config["grpc"]["address"]
        plugin = config["plugins"]["io.containerd.grpc.v1.cri"]
        if config["version"] != 2 or not plugin["sandbox_image"] or not plugin["registry"]["config_path"]:
            raise KeyError("version")
    except KeyError as e:
        raise Refusal("containerd: invalid configuration: %s" % e) from None

    def answer(request):
        op, image = request["op"], request.get("image", "")
        if op == "pull":
            return pull(config, image)
        if op == "inspect":
            found = stored().get(join(*split(image)))
            return {"image": found}
        if op == "images":
            return {"images": stored()}
        if op == "info":
            network = os.path.isdir("/etc/cni/net.d") and any(f.endswith((".conf", ".conflist")) for f in os.listdir("/etc/cni/net.d"))
            return {"info": {"status": {"conditions": [{"type": "RuntimeReady", "status": True}, {"type": "NetworkReady", "status": network}]},
                             "config": {"containerd": plugin.get("containerd", {}), "sandboxImage": plugin["sandbox_image"]}}}
        raise Refusal("rpc error: code = Unimplemented desc = unknown method %s" % op)
    serve(path, answer)
    return 0


# image-cri-shim
def shim(argv):
    import yaml
    if argv == ["--version"]:
        say("image-cri-shim version v5.0.1")
        return 0
    flags = Flags(argv, {"file": True}, {"f": "file"}, "Error: unknown flag: %s")
    fail_once("image-cri-shim", "Error: failed to connect to runtime")
    with open(flags.get("file", "/etc/image-cri-shim.yaml"), encoding="utf-8") as f:
        config = yaml.safe_load(f)
    for k in ("shim", "cri", "address"):
        if not config.get(k):
            raise Refusal("Error: config %s is empty" % k)
    address = urllib.parse.urlsplit(config["address"])
    seen = {}

    def rewritten(image):
        """The cluster registry's name of the image where it has it, else the name itself."""
        _, repository, reference = split(image)
        there = join(address.netloc, repository, reference)
        if time.monotonic() < seen.get(there, 0):
            return there
        try:
            c = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=5)
            auth = base64.b64encode(config.get("auth", "").encode()).decode()
            c.request("HEAD", "/v2/%s/manifests/%s" % (repository, reference), headers={"Accept": ACCEPT, "Authorization": "Basic " + auth})
            if c.getresponse().status == 200:
                seen[there] = time.monotonic() + SEEN_SECONDS
                return there
        except (OSError, http.client.HTTPException):
            pass
        return image

    def answer(request):
        if request["op"] in ("pull", "inspect"):
            request = dict(request, image=rewritten(request["image"]))
        return ask(config["cri"].removeprefix("unix://"), request)
    serve(config["shim"].removeprefix("unix://"), answer)
    return 0


# Who asks
def endpoints():
    """(runtime socket, image socket) as /etc/crictl.yaml says."""
    values = {}
    with contextlib.suppress(OSError):
        for line in read("/etc/crictl.yaml").splitlines():
            k, _, v = line.partition(":")
            values[k.strip()] = v.strip().strip('"')
    runtime = values.get("runtime-endpoint") or "unix:///run/containerd/containerd.sock"
    return runtime.removeprefix("unix://"), (values.get("image-endpoint") or runtime).removeprefix("unix://")


def use(path):
    """The kubelet's image service."""
    global _image_socket
    _image_socket = path


def present(image):
    return bool(ask(_image_socket or endpoints()[1], {"op": "inspect", "image": image})["image"])


def ensure(image, policy):
    """Pulls an image that a pod needs, as its policy allows."""
    if policy == "Always" or not present(image):
        if policy == "Never":
            raise Refusal("Error: ErrImageNeverPull: Container image \"%s\" is not present with pull policy of Never" % image)
        ask(_image_socket or endpoints()[1], {"op": "pull", "image": image})


def etcd_container():
    """The id that the runtime gives the running etcd, or ""."""
    try:
        pid = json.loads(read(POD_STATE + "/etcd.json"))["pid"]
    except (OSError, ValueError, KeyError):
        return ""
    return hashlib.sha256(b"etcd %d" % pid).hexdigest()[:13] if alive(pid, "etcd") else ""


def crictl_exec(words):
    """`crictl exec ID etcdctl …`: the one program that is called in the one container."""
    from . import etcdctl
    if len(words) < 2 or words[1] != "etcdctl":
        raise Refusal("the stand-in does not know: crictl exec %s" % " ".join(words))
    if not words[0] or words[0] != etcd_container():
        raise Refusal("FATA[0000] execing command in container: rpc error: code = NotFound desc = an error occurred when try to find container \"%s\": "
                      "not found" % words[0])
    return etcdctl.main(words[2:])


def crictl(argv):
    if argv[:1] == ["exec"]:
        return crictl_exec(argv[1:])
    flags = Flags(argv, {"runtime-endpoint": True, "image-endpoint": True, "timeout": True, "output": True, "version": False, "name": True,
                         "state": True, "quiet": False},
                  {"r": "runtime-endpoint", "i": "image-endpoint", "t": "timeout", "o": "output", "q": "quiet"}, "flag provided but not defined: %s")
    runtime, image = endpoints()
    runtime = flags.get("runtime-endpoint", runtime).removeprefix("unix://")
    image = flags.get("image-endpoint", image).removeprefix("unix://")
    verb, words = (flags.words[0], flags.words[1:]) if flags.words else ("", [])
    if flags.get("version"):
        say("crictl version v1.28.0")
        return 0
    try:
        if verb in ("pull", "images", "info") and fault("crictl-" + verb) is not None:
            raise Refusal("rpc error: code = DeadlineExceeded desc = context deadline exceeded")
        if verb == "info" and not words:
            say(json.dumps(ask(runtime, {"op": "info"})["info"], indent=2))
        elif verb == "ps" and not words and flags.get("quiet") and flags.get("name", "").strip("^$") == "etcd":
            ask(runtime, {"op": "info"})
            if etcd_container() and flags.get("state", "Running") == "Running":
                say(etcd_container())
        elif verb == "images" and not words:
            if flags.get("output") != "json":
                raise Refusal("the stand-in knows images -o json only")
            out = []
            for name, i in sorted(ask(image, {"op": "images"})["images"].items()):
                out.append({"id": i["id"], "repoTags": [name], "repoDigests": [name.rsplit(":", 1)[0] + "@" + i["digest"]], "size": str(i["size"]),
                            "uid": None, "username": "", "spec": None, "pinned": False})
            say(json.dumps({"images": out}, indent=2))
        elif verb == "pull" and len(words) == 1:
            say("Image is up to date for " + ask(image, {"op": "pull", "image": words[0]})["id"])
        elif verb == "inspecti" and len(words) == 1:
            found = ask(image, {"op": "inspect", "image": words[0]})["image"]
            if not found:
                raise Refusal("no such image \"%s\" present" % words[0])
            say(json.dumps({"status": found}))
        else:
            raise Refusal("the stand-in does not know: crictl %s" % " ".join(flags.words))
    except Refusal as e:
        what = {"pull": "pulling image: "}.get(verb, "")
        raise Refusal("FATA[0000] " + what + e.message) from None
    return 0
