"""The API of one control-plane node: Kubernetes' paths and objects, as many as the stand-in's commands and probes need.
It refuses everything while its etcd members have no quorum."""
import base64
import datetime
import hmac
import os
import time

from . import etcd, store, tls
from .common import PKI, Refusal, fault, warn
from .resources import CLUSTER_WIDE, GROUPS, OPEN, RESOURCES
from .server import JsonHandler, serve_tls

NETWORK_LABEL = "standin.network"  # a DaemonSet that carries it makes nodes Ready
GRACE = 15  # seconds without a heartbeat until a node counts as lost


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(code, reason, message):
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code}


def plural(resource):
    return resource if resource not in GROUPS else "%s.%s" % (resource, GROUPS[resource])


def not_found(resource, name):
    return status(404, "NotFound", '%s "%s" not found' % (plural(resource), name))


def unexpired(secret):
    end = base64.b64decode(secret.get("data", {}).get("expiration", "")).decode()
    return not end or end > now()


def merge(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(old) if isinstance(old, dict) else {}
    for k, v in patch.items():
        if v is None:
            out.pop(k, None)
        else:
            out[k] = merge(out.get(k), v)
    return out


def signed(cluster_info, objects):
    """cluster-info with a signature for each token that may sign: what joining nodes check first."""
    data = {"kubeconfig": cluster_info["data"]["kubeconfig"]}
    for key, o in objects.items():
        if key.startswith("secrets/kube-system/bootstrap-token-") and unexpired(o):
            ident, secret = (base64.b64decode(o["data"][k]).decode() for k in ("token-id", "token-secret"))
            data["jws-kubeconfig-" + ident] = jws(data["kubeconfig"], ident, secret)
    return dict(cluster_info, data=data)


def jws(content, ident, secret):
    def b64(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=")
    header = b64(('{"alg":"HS256","kid":"%s"}' % ident).encode())
    mac = hmac.new(secret.encode(), header + b"." + b64(content.encode()), "sha256").digest()
    return (header + b".." + b64(mac)).decode()


class Handler(JsonHandler):
    def do_GET(self):
        self.answer(self.serve)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def serve(self):
        path, _, query = self.path.partition("?")
        body = self.body()
        me = self.server
        if path in OPEN:
            if path == "/version":
                return 200, {"major": "1", "minor": str(me.minor), "gitVersion": me.version}
            ready = fault("kube-apiserver-unready") is None and me.quorum()
            return (200, "ok") if ready or path == "/livez" else (500, "[+]ping ok\n[-]etcd failed: reason withheld\n%s check failed\n" % path[1:])
        user = self.user()
        if not me.quorum():
            return status(503, "ServiceUnavailable", "etcdserver: request timed out")
        if user == ("", []):
            return status(401, "Unauthorized", "Unauthorized")
        parts = [p for p in path.split("/") if p]
        if path == "/standin/heartbeat" and self.command == "POST":
            return self.heartbeat(user, body)
        if path == "/standin/etcd" and self.command == "GET" and "system:masters" in user[1]:
            return 200, {"members": me.store.load()["members"]}
        if path.endswith("/certificatesigningrequests") and self.command == "POST":
            return self.sign(user, body)
        if parts[:2] == ["api", "v1"]:
            rest = parts[2:]
        elif parts[:1] == ["apis"] and len(parts) > 3:
            rest = parts[3:]
        else:
            return status(404, "NotFound", "the server could not find the requested resource")
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        if rest[0] not in RESOURCES or len(rest) > 3:
            return status(404, "NotFound", "the server could not find the requested resource")
        denied = self.forbidden(user, rest[0], namespace, rest[1] if len(rest) > 1 else "")
        if denied:
            return denied
        return self.objects(rest, namespace, query, body)

    # Who asks
    def user(self):
        """(name, groups); ("", []) for credentials that are no good."""
        cert = self.request.getpeercert()
        if cert:
            names = [v for rdn in cert["subject"] for k, v in rdn if k == "commonName"]
            groups = [v for rdn in cert["subject"] for k, v in rdn if k == "organizationName"]
            if "kubeadm:cluster-admins" in groups and "clusterrolebindings//kubeadm:cluster-admins" in self.server.store.load()["objects"]:
                groups.append("system:masters")
            return names[0] if names else "", groups
        bearer = self.headers.get("Authorization", "")
        if not bearer.startswith("Bearer "):
            return "system:anonymous", ["system:unauthenticated"]
        ident, _, secret = bearer[7:].partition(".")
        o = self.server.store.load()["objects"].get("secrets/kube-system/bootstrap-token-" + ident)
        if o and unexpired(o) and hmac.compare_digest(base64.b64decode(o["data"]["token-secret"]), secret.encode()):
            return "system:bootstrap:" + ident, ["system:bootstrappers"]
        return "", []

    def forbidden(self, user, resource, namespace, name):
        who, groups = user
        key = (self.command, resource, namespace, name)
        allowed = "system:masters" in groups
        if key == ("GET", "configmaps", "kube-public", "cluster-info"):
            allowed = True
        if "system:bootstrappers" in groups and self.command == "GET":
            allowed = allowed or key[1:] in (("configmaps", "kube-system", "kubeadm-config"), ("configmaps", "kube-system", "kubelet-config"),
                                             ("configmaps", "kube-system", "kube-proxy")) or (resource == "nodes" and name != "")
        if "system:nodes" in groups:
            own = who[len("system:node:"):]
            allowed = allowed or (resource == "nodes" and (name == own or (self.command == "POST" and not name)))
            allowed = allowed or (self.command == "GET" and resource == "configmaps" and name in ("kubeadm-config", "kubelet-config"))
        if allowed:
            return None
        verb = {"GET": "get" if name else "list", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[self.command]
        scope = 'in the namespace "%s"' % namespace if namespace else "at the cluster scope"
        return status(403, "Forbidden", '%s "%s" is forbidden: User "%s" cannot %s resource "%s" in API group "%s" %s' % (
            plural(resource), name, who, verb, resource, GROUPS.get(resource, ""), scope))

    # What is kept
    def objects(self, rest, namespace, query, body):
        resource, name = rest[0], rest[1] if len(rest) > 1 else ""
        if len(rest) == 3:
            if rest[2] == "eviction" and resource == "pods" and self.command == "POST":
                return self.evict(namespace, name)
            return status(404, "NotFound", "the server could not find the requested resource")
        if self.command == "GET":
            return self.read(resource, namespace, name, query)
        key = "%s/%s/%s" % (resource, namespace, name or body.get("metadata", {}).get("name", ""))
        if key.endswith("/"):
            return status(422, "Invalid", "resource name may not be empty")
        with self.server.store.change() as state:
            old = state["objects"].get(key)
            if self.command == "POST":
                if old:
                    return status(409, "AlreadyExists", '%s "%s" already exists' % (plural(resource), key.rsplit("/", 1)[1]))
                state["objects"][key] = self.stamped(resource, namespace, body)
                return 201, state["objects"][key]
            if not old:
                return not_found(resource, name)
            if self.command == "DELETE":
                del state["objects"][key]
                if resource == "nodes":
                    self.server.store.drop_beat(name)
                return 200, {"kind": "Status", "status": "Success"}
            new = merge(old, body) if self.command == "PATCH" else self.stamped(resource, namespace, body)
            if new.get("metadata", {}).get("name") != name:
                return status(400, "BadRequest", "the name of the object does not match the name on the URL")
            state["objects"][key] = new
            return 200, new

    @staticmethod
    def stamped(resource, namespace, body):
        if body.get("kind") not in (None, RESOURCES[resource]):
            raise Refusal("%s in version \"v1\" cannot be handled as a %s" % (body.get("kind"), RESOURCES[resource]), 400)
        metadata = dict(body.get("metadata", {}), creationTimestamp=now())
        if namespace:
            metadata["namespace"] = namespace
        return dict(body, metadata=metadata)

    def read(self, resource, namespace, name, query):
        state = self.server.store.load()
        if name:
            o = state["objects"].get("%s/%s/%s" % (resource, namespace, name))
            if not o or not self.current(resource, o):
                return not_found(resource, name)
            return 200, self.seen(resource, o, state)
        prefix = "%s/%s" % (resource, namespace + "/" if namespace or resource in CLUSTER_WIDE else "")
        items = [self.seen(resource, o, state) for k, o in sorted(state["objects"].items())
                 if k.startswith(prefix) and self.current(resource, o) and self.selected(o, query)]
        return 200, {"kind": RESOURCES[resource] + "List", "apiVersion": "v1", "items": items}

    @staticmethod
    def current(resource, o):
        return resource != "secrets" or unexpired(o)

    @staticmethod
    def selected(o, query):
        for part in query.split("&"):
            k, _, v = part.partition("=")
            if k == "fieldSelector":
                field, _, wanted = v.replace("%3D", "=").replace("%2F", "/").partition("=")
                at = o
                for f in field.split("."):
                    at = at.get(f, "") if isinstance(at, dict) else ""
                if at != wanted:
                    return False
        return True

    def seen(self, resource, o, state):
        if resource == "configmaps" and o["metadata"]["name"] == "cluster-info":
            return signed(o, state["objects"])
        if resource != "nodes":
            return o
        beat = self.server.store.beats().get(o["metadata"]["name"])
        if not beat or time.clock_gettime(time.CLOCK_BOOTTIME) - beat["at"] > GRACE:
            ready = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        elif not beat["network"]:
            ready = ("False", "KubeletNotReady", "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
                     "message:Network plugin returns error: cni plugin not initialized")
        else:
            ready = ("True", "KubeletReady", "kubelet is posting ready status")
        condition = {"type": "Ready", "status": ready[0], "reason": ready[1], "message": ready[2]}
        return merge(o, {"status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, condition]}})

    # What kubelets and drains ask
    def heartbeat(self, user, body):
        name = body.get("name", "")
        if user[0] != "system:node:" + name:
            return status(403, "Forbidden", 'node "%s" cannot update the status of node "%s"' % (user[0], name))
        state = self.server.store.load()
        if "nodes//" + name not in state["objects"]:
            return not_found("nodes", name)
        self.server.store.beat(name, {"at": time.clock_gettime(time.CLOCK_BOOTTIME), "network": bool(body.get("network"))})
        network = [o["metadata"]["name"] for k, o in state["objects"].items()
                   if k.startswith("daemonsets/") and NETWORK_LABEL in o["metadata"].get("labels", {})]
        return 200, {"network": network}

    def sign(self, user, body):
        """Bootstrap tokens and nodes get a kubelet's client certificate: the approver and signer in one."""
        subject = tls.csr_subject(body["csr"])
        name = subject.get("commonName", [""])[0]
        if subject.get("organizationName") != ["system:nodes"] or not name.startswith("system:node:"):
            return status(422, "Invalid", "certificate request's subject is not a node's")
        if "system:bootstrappers" not in user[1] and user[0] != name:
            return status(403, "Forbidden", 'certificatesigningrequests.certificates.k8s.io is forbidden: User "%s" cannot create resource '
                          '"certificatesigningrequests" in API group "certificates.k8s.io" at the cluster scope' % user[0])
        if not os.path.exists(PKI + "/ca.key"):
            return status(504, "Timeout", "no controller manager signs: %s/ca.key is absent" % PKI)
        return 201, {"certificate": tls.sign_csr(PKI + "/ca", body["csr"])}

    def evict(self, namespace, name):
        with self.server.store.change() as state:
            objects = state["objects"]
            pod = objects.get("pods/%s/%s" % (namespace, name))
            if not pod:
                return not_found("pods", name)
            labels = pod["metadata"].get("labels", {})
            for key, b in objects.items():
                if key.startswith("poddisruptionbudgets/%s/" % namespace):
                    wanted = b["spec"].get("selector", {}).get("matchLabels", {})
                    match = [p for k, p in objects.items() if k.startswith("pods/%s/" % namespace)
                             and wanted.items() <= p["metadata"].get("labels", {}).items()]
                    if wanted.items() <= labels.items() and len(match) - 1 < int(b["spec"].get("minAvailable", 0)):
                        return status(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
            del objects["pods/%s/%s" % (namespace, name)]
        return 201, {"kind": "Status", "status": "Success"}


class Api:
    def quorum(self):
        state = self.store.load()
        me = etcd.local_member()
        return bool(me) and me[1] == self.cluster and any(m["id"] == me[0] for m in state["members"]) and etcd.has_quorum(state, self.cluster)

    def watch(self):
        while True:
            time.sleep(1)
            if not self.store.exists():
                warn("storage backend is gone")
                os._exit(1)


def mounted(manifest, path):
    """A file of the machine is seen in the container only below one of its mounts."""
    volumes = {v["name"]: v.get("hostPath", {}).get("path") for v in manifest["spec"].get("volumes", [])}
    for m in manifest["spec"]["containers"][0].get("volumeMounts", []):
        if m["name"] in volumes and (path + "/").startswith(m["mountPath"].rstrip("/") + "/"):
            return volumes[m["name"]] + path[len(m["mountPath"].rstrip("/")):]
    return None


def pod(flags, manifest):
    """The kube-apiserver container of the static pod."""
    from .common import MINOR, VERSION
    for need in ("tls-cert-file", "tls-private-key-file", "client-ca-file", "service-account-key-file", "service-account-signing-key-file",
                 "etcd-cafile", "etcd-certfile", "etcd-keyfile", "audit-policy-file"):
        if need == "audit-policy-file" and need not in flags:
            continue
        if need not in flags:
            raise Refusal("kube-apiserver: --%s is missing" % need)
        seen = mounted(manifest, flags[need])
        if not seen or not os.path.isfile(seen):
            words = "failed to read file path \"%s\": " % flags[need] if need.startswith("audit") else ""
            raise Refusal("Error: %sopen %s: no such file or directory" % (words, flags[need]))
    if not tls.pair(flags["tls-cert-file"], flags["tls-private-key-file"]):
        raise Refusal("Error: failed to load cert/key pair: tls: private key does not match public key")
    if not tls.chains(flags["etcd-cafile"], flags["etcd-certfile"]):
        raise Refusal("Error: etcd client certificate: x509: certificate signed by unknown authority")
    if fault("kube-apiserver") is not None:
        raise Refusal("Error: error while building transformers: rpc error: code = Unavailable")
    member = etcd.local_member()
    if not member:
        raise Refusal("Error: context deadline exceeded: dial tcp 127.0.0.1:2379: connect: connection refused")
    context = tls.server_context(flags["tls-cert-file"], flags["tls-private-key-file"], flags["client-ca-file"], False)
    serve_tls("", int(flags.get("secure-port", 6443)), Handler, context, Api, store=store.Store(member[1]), cluster=member[1],
              version=VERSION, minor=MINOR, background="watch")
