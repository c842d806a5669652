"""kubeadm: init, join, reset, token, config images list, version. What the real one refuses, this refuses, in its words."""
import base64
import contextlib
import datetime
import http.client
import os
import re
import shutil
import time

import yaml

from . import client, etcd, manifests, preflight, tls
from .apiserver import jws
from .common import (KUBE, KUBELET_DIR, MANIFESTS, MINOR, PKI, VERSION, Flags, Refusal, fail_once, fault, hold, read, remove, say, systemctl,
                     wait_for, warn, write)
from .kubeadm_config import TOKEN, images, init_config, join_config
from .kubelet import Pods

ADMIN = KUBE + "/admin.conf"
# kubeadm tries for five minutes; longer where nothing answered than where the answer was no
UNREACHED_SECONDS, DISCOVERY_SECONDS, API_SECONDS, BOOTSTRAP_SECONDS = 10, 3, 60, 60
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
TIMED_OUT = """error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster

Unfortunately, an error has occurred:
\ttimed out waiting for the condition

This error is likely caused by:
\t- The kubelet is not running
\t- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)
%s
To see the stack trace of this error execute with --v=5 or higher"""


def flags_of(argv, known):
    return Flags(argv, dict(known, v=True), {"v": "v", "f": "force", "o": "output"}, "unknown flag: %s\nTo see the stack trace of this error execute with "
                 "--v=5 or higher")


def ignored(flags):
    return [i for i in flags.get("ignore-preflight-errors", "").split(",") if i]


def admin(path=ADMIN):
    if not os.path.exists(path):
        raise Refusal("failed to load admin kubeconfig: open %s: no such file or directory\nTo see the stack trace of this error execute with --v=5 or "
                      "higher" % path)
    return client.from_file(path)


def put(api, path, name, body):
    """Creates an object or replaces it."""
    try:
        return api.call("POST", path, body)
    except client.ApiError as e:
        if e.status != 409:
            raise
        return api.call("PUT", path + "/" + name, body)


def config_map(api, namespace, name, data):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}
    put(api, "/api/v1/namespaces/%s/configmaps" % namespace, name, body)


def phase_fault(name):
    """A fault's content may name the place: preflight, etcd-join, …; without one it strikes in the middle."""
    text = fault(name)
    return None if text is None else (text if text and not text.isdigit() else "middle")


# init
def init(argv):
    flags = flags_of(argv, {"config": True, "skip-certificate-key-print": False, "skip-token-print": False, "ignore-preflight-errors": True})
    if flags.words or not flags.get("config"):
        raise Refusal("the stand-in knows kubeadm init with --config only")
    config = init_config(flags.get("config"))
    cluster, registration, at = config["cluster"], config["nodeRegistration"], config["localAPIEndpoint"]
    strike = phase_fault("kubeadm-init")
    say("[init] Using Kubernetes version: " + cluster["kubernetesVersion"])
    say("[preflight] Running pre-flight checks")
    if strike == "preflight":
        raise Refusal("error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR CRI]: container runtime is not running")
    preflight.init(config, ignored(flags))
    checks = preflight.Checks(ignored(flags))
    checks.pull(images(cluster), registration["imagePullPolicy"])
    checks.end()
    node, address = registration["name"], at["advertiseAddress"]
    endpoint = cluster.get("controlPlaneEndpoint") or "%s:%d" % (address, at["bindPort"])
    server = "https://" + (endpoint if ":" in endpoint else "%s:%d" % (endpoint, at["bindPort"]))
    manifests.make_authorities(say)
    manifests.make_leaves(node, address, cluster, say)
    manifests.make_kubeconfigs(node, server, say, True)
    say("[kubelet-start] Writing kubelet configuration to file \"/var/lib/kubelet/config.yaml\"")
    manifests.kubelet_files(config["kubelet"], registration)
    manifests.write_control_plane(address, at["bindPort"], cluster)
    manifests.write_etcd(node, address, cluster, [(node, "https://%s:2380" % address)])
    say("[kubelet-start] Starting the kubelet")
    start_kubelet()
    say("[wait-control-plane] Waiting for the kubelet to boot up the control plane as static Pods from directory \"/etc/kubernetes/manifests\"")
    hold("kubeadm-init")
    if strike:
        raise Refusal(TIMED_OUT % "")
    api = wait_control_plane()
    say("[apiclient] All control plane components are healthy")
    upload(api, config, server)
    mark_control_plane(api, node, registration)
    make_bootstrap_token(api, config["bootstrapTokens"])
    finalize_kubelet(node, server)
    say("\nYour Kubernetes control-plane has initialized successfully!\n")


def start_kubelet():
    systemctl("daemon-reload")
    p = systemctl("restart", "kubelet")
    if p.returncode != 0:
        warn("[kubelet-start] WARNING: unable to start the kubelet service: [%s]" % p.stderr.strip())


def wait_control_plane():
    """A client of the API that answers, through the kubeconfig's own server name; fails as soon as a pod has ended for good."""
    api = client.from_file(ADMIN, 5.0)
    crashes = {}

    def answers():
        for name in ("etcd", "kube-apiserver"):
            record = Pods.record(name)
            if record.get("phase") == "Failed" and "connection refused" not in record["message"]:
                crashes[name] = crashes.get(name, 0) + 1
                if crashes[name] > 30:
                    raise Refusal(TIMED_OUT % ("\n%s: %s" % (name, record["message"])))
        try:
            return api.call("GET", "/healthz") == "ok"
        except client.Unreachable as e:
            crashes["last"] = e.message
            if "no such host" in e.message or "x509" in e.message:
                crashes["api"] = crashes.get("api", 0) + 1
                if crashes["api"] > 30:
                    raise Refusal(TIMED_OUT % ("\n" + e.message)) from None
            return False
        except Refusal:
            return False
    if not wait_for(answers, API_SECONDS):
        raise Refusal(TIMED_OUT % ("\n" + str(crashes.get("last", ""))))
    return api


def upload(api, config, server):
    cluster = config["cluster"]
    document = {k: v for k, v in cluster.items()}
    document.update(apiVersion="kubeadm.k8s.io/" + ("v1beta4" if MINOR >= 31 else "v1beta3" if MINOR >= 22 else "v1beta2"), kind="ClusterConfiguration")
    say("[upload-config] Storing the configuration used in ConfigMap \"kubeadm-config\" in the \"kube-system\" Namespace")
    config_map(api, "kube-system", "kubeadm-config", {"ClusterConfiguration": yaml.safe_dump(document)})
    config_map(api, "kube-system", "kubelet-config", {"kubelet": yaml.safe_dump(config["kubelet"] or {})})
    config_map(api, "kube-system", "kube-proxy", {"config.conf": yaml.safe_dump(config["proxy"] or {})})
    public = yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "", "contexts": [], "users": [], "clusters": [
        {"name": "", "cluster": {"server": server, "certificate-authority-data": base64.b64encode(read(PKI + "/ca.crt").encode()).decode()}}]})
    config_map(api, "kube-public", "cluster-info", {"kubeconfig": public})
    if MINOR >= 29:
        put(api, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "kubeadm:cluster-admins",
            {"kind": "ClusterRoleBinding", "metadata": {"name": "kubeadm:cluster-admins"}})


def mark_control_plane(api, node, registration):
    say("[mark-control-plane] Marking the node %s as control-plane by adding the labels" % node)

    def there():
        with contextlib.suppress(client.ApiError):
            return bool(api.call("GET", "/api/v1/nodes/" + node))
        return False
    if not wait_for(there, API_SECONDS):
        raise Refusal("error execution phase mark-control-plane: timed out waiting for the condition")
    labels = {CONTROL_PLANE_LABEL: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
    if MINOR < 24:
        labels["node-role.kubernetes.io/master"] = ""
    patch = {"metadata": {"labels": labels}}
    taints = registration.get("taints")
    patch["spec"] = {"taints": taints if taints is not None else [{"key": CONTROL_PLANE_LABEL, "effect": "NoSchedule"}]}
    api.call("PATCH", "/api/v1/nodes/" + node, patch)


def make_bootstrap_token(api, tokens):
    for t in tokens or [{"token": manifests.new_token(), "ttl": "24h0m0s",
                         "description": "The default bootstrap token generated by 'kubeadm init'."}]:
        create_token(api, t["token"], seconds_of(t.get("ttl") or "24h"), t.get("description") or "")


def finalize_kubelet(node, server):
    """kubelet.conf points to the rotating certificate from now on."""
    old = client.kubeconfig(KUBE + "/kubelet.conf")
    pem = KUBELET_DIR + "/pki/kubelet-client-current.pem"
    write(pem, old["cert"] + old["key"], 0o600)
    write(KUBE + "/kubelet.conf", client.write_kubeconfig(server, old["ca"], "system:node:" + node, files=pem), 0o600)


# join
def discover(config):
    """The cluster's kubeconfig, trusted by the token's signature and by the pinned CA."""
    d = config["discovery"]
    ident, secret = TOKEN.match(d["token"]).groups()
    host, _, port = d["apiServerEndpoint"].rpartition(":")
    words = ["timed out waiting for the condition"]

    def info():
        try:
            public = {"server": "https://%s:%s" % (host, port)}
            data = client.Client(public, 3.0).call("GET", "/api/v1/namespaces/kube-public/configmaps/cluster-info")["data"]
        except (client.ApiError, client.Unreachable) as e:
            words[0] = "Get \"https://%s:%s/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s\": %s" % (host, port, e.message)
            return None
        if "jws-kubeconfig-" + ident not in data:
            words[0] = "could not find a JWS signature in the cluster-info ConfigMap for token ID \"%s\"" % ident
            return None
        if data["jws-kubeconfig-" + ident] != jws(data["kubeconfig"], ident, secret):
            words[0] = "failed to verify JWS signature of received cluster info object, can't trust this API Server"
            return None
        return data["kubeconfig"]
    found, began = [], time.monotonic()

    def decided():
        found.append(info())
        return found[-1] or (words[0][0] != "G" and time.monotonic() > began + DISCOVERY_SECONDS)
    if not wait_for(decided, UNREACHED_SECONDS, 0.3) or not found[-1]:
        raise Refusal("error execution phase preflight: couldn't validate the identity of the API Server: %s\nTo see the stack trace of this error execute "
                      "with --v=5 or higher" % words[0])
    described = yaml.safe_load(found[-1])["clusters"][0]["cluster"]
    ca = base64.b64decode(described["certificate-authority-data"]).decode()
    if d.get("caCertHashes") and tls.ca_hash(ca) not in d["caCertHashes"]:
        raise Refusal("error execution phase preflight: couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is "
                      "invalid: none of the public keys \"%s\" are pinned\nTo see the stack trace of this error execute with --v=5 or higher" % tls.ca_hash(ca))
    checked = {"server": "https://%s:%s" % (host, port), "ca": ca}
    try:
        client.Client(checked, 5.0).call("GET", "/api/v1/namespaces/kube-public/configmaps/cluster-info")
    except Refusal as e:
        raise Refusal("error execution phase preflight: couldn't validate the identity of the API Server: %s" % e.message) from None
    return described["server"], ca


def join(argv):
    flags = flags_of(argv, {"config": True, "ignore-preflight-errors": True})
    if flags.words or not flags.get("config"):
        raise Refusal("the stand-in knows kubeadm join with --config only")
    config = join_config(flags.get("config"))
    registration, plane = config["nodeRegistration"], config["controlPlane"]
    node = registration["name"]
    strike = phase_fault("kubeadm-join")
    say("[preflight] Running pre-flight checks")
    if strike == "preflight":
        raise Refusal("error execution phase preflight: couldn't validate the identity of the API Server: timed out waiting for the condition")
    preflight.join(config, ignored(flags))
    server, ca = discover(config)
    say("[preflight] Reading configuration from the cluster...")
    api = client.Client({"server": server, "ca": ca, "token": config["tlsToken"]}, 10.0)
    try:
        described = api.call("GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")["data"]["ClusterConfiguration"]
        kubelet = api.call("GET", "/api/v1/namespaces/kube-system/configmaps/kubelet-config")["data"]["kubelet"]
    except Refusal as e:
        raise Refusal("error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: failed to get config map: %s" % e.message) from None
    cluster = yaml.safe_load(described)
    if plane:
        prepare_control_plane(config, cluster, flags, ca)
        manifests.write_control_plane(plane["localAPIEndpoint"]["advertiseAddress"], plane["localAPIEndpoint"]["bindPort"], cluster)
        check_etcd(cluster)
    kubelet_start(api, config, server, ca, kubelet, strike)
    if plane:
        join_etcd(node, plane["localAPIEndpoint"]["advertiseAddress"], cluster, strike)
        mark_control_plane(wait_control_plane(), node, registration)
    say("\nThis node has joined the cluster:\n")


def prepare_control_plane(config, cluster, flags, ca):
    conditions = []
    if not cluster.get("controlPlaneEndpoint"):
        conditions.append("unable to add a new control plane instance to a cluster that doesn't have a stable controlPlaneEndpoint address")
    if config["controlPlane"]["certificateKey"]:
        raise Refusal("error execution phase control-plane-prepare/download-certs: error downloading certs: error downloading the secret: Secret "
                      "\"kubeadm-certs\" was not found in the \"kube-system\" Namespace. This Secret might have expired.")
    missing = manifests.missing_shared()
    if missing:
        conditions.append("[%s]" % ", ".join(missing))
    if conditions:
        raise Refusal("error execution phase preflight: \nOne or more conditions for hosting a new control plane instance is not satisfied.\n\n%s\n\nPlease "
                      "ensure that:\n* The cluster has a stable controlPlaneEndpoint address.\n* The certificates that must be shared among control plane "
                      "instances are provided.\n" % "\n".join(conditions))
    checks = preflight.Checks(ignored(flags))
    checks.control_plane(config["controlPlane"]["localAPIEndpoint"], cluster)
    checks.pull(images(cluster), config["nodeRegistration"]["imagePullPolicy"])
    checks.end()
    if tls.public_of_cert(read(PKI + "/ca.crt")) != tls.public_of_cert(ca):
        raise Refusal("error execution phase control-plane-prepare/certs: the CA certificate %s/ca.crt is not that of the cluster to join" % PKI)
    node, address = config["nodeRegistration"]["name"], config["controlPlane"]["localAPIEndpoint"]["advertiseAddress"]
    manifests.make_leaves(node, address, cluster, say)
    endpoint = cluster["controlPlaneEndpoint"]
    manifests.make_kubeconfigs(node, "https://" + (endpoint if ":" in endpoint else endpoint + ":6443"), say, False)


def etcd_call(endpoint, operation, body=None):
    return etcd.call(endpoint, operation, body, PKI + "/etcd/ca.crt", PKI + "/etcd/healthcheck-client.crt", PKI + "/etcd/healthcheck-client.key")


def etcd_members():
    return admin().call("GET", "/standin/etcd")["members"]


def check_etcd(cluster):
    say("[check-etcd] Checking that the etcd cluster is healthy")
    try:
        for m in etcd_members():
            if m["started"]:
                etcd_call(m["client"], "status")
    except Refusal as e:
        raise Refusal("error execution phase check-etcd: etcd cluster is not healthy: failed to dial endpoint with maintenance client: %s" %
                      e.message) from None


def kubelet_start(api, config, server, ca, kubelet, strike):
    registration = config["nodeRegistration"]
    node = registration["name"]
    with contextlib.suppress(client.ApiError):
        old = api.call("GET", "/api/v1/nodes/" + node)
        if any(c["type"] == "Ready" and c["status"] == "True" for c in old["status"]["conditions"]):
            raise Refusal("error execution phase kubelet-start: a Node with name \"%s\" and status \"Ready\" already exists in the cluster. You must delete "
                          "the existing Node or change the name of this new joining Node" % node)
    write(KUBE + "/bootstrap-kubelet.conf", client.write_kubeconfig(server, ca, "tls-bootstrap-token-user", token=config["tlsToken"]), 0o600)
    if not os.path.exists(config["caCertPath"]):
        write(config["caCertPath"], ca)
    os.makedirs(MANIFESTS, mode=0o700, exist_ok=True)
    manifests.kubelet_files(yaml.safe_load(kubelet) or {}, registration)
    say("[kubelet-start] Starting the kubelet")
    start_kubelet()
    hold("kubeadm-join")
    if strike == "middle":
        raise Refusal("error execution phase kubelet-start: timed out waiting for the condition")
    say("[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap...")
    if not wait_for(lambda: os.path.exists(KUBE + "/kubelet.conf"), BOOTSTRAP_SECONDS):
        raise Refusal("error execution phase kubelet-start: timed out waiting for the condition")
    own = client.from_file(KUBE + "/kubelet.conf")

    def registered():
        with contextlib.suppress(Refusal):
            return bool(own.call("GET", "/api/v1/nodes/" + node))
        return False
    if not wait_for(registered, BOOTSTRAP_SECONDS):
        raise Refusal("error execution phase kubelet-start: error uploading crisocket: Unauthorized")
    remove(KUBE + "/bootstrap-kubelet.conf")


def join_etcd(node, address, cluster, strike):
    say("[etcd] Announced new etcd member joining to the existing etcd cluster")
    members = etcd_members()
    endpoint = next(m["client"] for m in members if m["started"])
    peer = "https://%s:2380" % address
    try:
        mine = [m for m in members if m["peer"] == peer]
        learner = MINOR >= 29
        if not mine:
            mine = [etcd_call(endpoint, "add", {"peer": peer, "learner": learner})["member"]]
        if strike == "etcd-join":
            raise Refusal("context deadline exceeded")
        others = [(m["name"], m["peer"]) for m in members if m["peer"] != peer]
        manifests.write_etcd(node, address, cluster, [*others, (node, peer)])

        def started():
            # The API pauses while the new voter counts and does not run yet.
            with contextlib.suppress(Refusal):
                return any(m["id"] == mine[0]["id"] and m["started"] for m in etcd_members()) and peer in etcd.ask_peers([peer])
            return False
        if not wait_for(started, API_SECONDS):
            raise Refusal("timeout waiting for etcd cluster to be available")
        if mine[0]["learner"]:
            etcd_call(endpoint, "promote", {"id": mine[0]["id"]})
    except Refusal as e:
        raise Refusal("error execution phase control-plane-join/etcd: error creating local etcd static pod manifest file: %s" % e.message) from None


# reset
def reset(argv):
    flags = flags_of(argv, {"force": False, "ignore-preflight-errors": True})
    if not flags.get("force") or flags.words:
        raise Refusal("error execution phase preflight: aborted reset operation")
    if os.geteuid() != 0:
        raise Refusal("error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR IsPrivilegedUser]: user is not running as root")
    fail_once("kubeadm-reset", "error execution phase cleanup-node: failed to stop the kubelet service")
    say("[preflight] Running pre-flight checks")
    stacked = []  # etcd's data are emptied where its manifest says that they are kubeadm's
    if os.path.exists(MANIFESTS + "/etcd.yaml"):
        with contextlib.suppress(OSError, KeyError, yaml.YAMLError, TypeError):
            for word in yaml.safe_load(read(MANIFESTS + "/etcd.yaml"))["spec"]["containers"][0]["command"]:
                if word.startswith("--data-dir=/"):
                    stacked.append(word[len("--data-dir="):])
        remove_member()
    say("[reset] Stopping the kubelet service")
    systemctl("stop", "kubelet")
    for f in os.listdir("/run/standin/pods") if os.path.isdir("/run/standin/pods") else []:
        if f.endswith(".json") and not f.startswith("."):
            Pods.stop(f[:-len(".json")])
    say("[reset] Deleting contents of directories: [%s %s %s]" % (MANIFESTS, KUBELET_DIR, PKI))
    for d in (MANIFESTS, KUBELET_DIR, PKI, *stacked):
        empty(d)
    for name in ("admin", "super-admin", "kubelet", "bootstrap-kubelet", "controller-manager", "scheduler"):
        remove("%s/%s.conf" % (KUBE, name))
    say("\nThe reset process does not clean CNI configuration. To do so, you must remove /etc/cni/net.d\n")


def remove_member():
    say("[reset] Removing info for node from the ConfigMap \"kubeadm-config\" and its etcd member")
    try:
        members = etcd_members()
        if len(members) == 1:
            say("[reset] The etcd member is the last one in the cluster and will not be removed")
            return
        own = etcd.local_member()
        mine = [m for m in members if own and m["id"] == own[0]]
        other = [m for m in members if m["started"] and m not in mine]
        if mine and other:
            etcd_call(other[0]["client"], "remove", {"id": mine[0]["id"]})
    except (Refusal, OSError) as e:
        warn("[reset] WARNING: Failed to remove etcd member: %s, please manually remove this etcd member using etcdctl" % e)


def empty(directory):
    if os.path.isdir(directory):
        for f in os.listdir(directory):
            path = directory + "/" + f
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else remove(path)


# tokens
def seconds_of(text):
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"([0-9]+)([hms])", text)
    if text != "0" and "".join(a + b for a, b in parts) != text:
        raise Refusal("invalid argument \"%s\" for \"--ttl\" flag: time: invalid duration \"%s\"" % (text, text))
    return sum(int(a) * units[b] for a, b in parts)


def create_token(api, token, ttl, description):
    ident, secret = TOKEN.match(token).groups()
    data = {"token-id": ident, "token-secret": secret, "description": description, "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true", "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token"}
    if ttl:
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ttl)
        data["expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    api.call("POST", "/api/v1/namespaces/kube-system/secrets", {
        "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-" + ident, "namespace": "kube-system"},
        "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items() if v}})


def token(argv):
    flags = flags_of(argv, {"ttl": True, "description": True})
    verb = flags.words[0] if flags.words else ""
    secrets_path = "/api/v1/namespaces/kube-system/secrets"
    if verb == "create" and len(flags.words) == 1:
        ttl = seconds_of(flags.get("ttl", "24h"))
        fail_once("kubeadm-token-create", "timed out waiting for the condition")
        new = manifests.new_token()
        create_token(admin(), new, ttl, flags.get("description", ""))
        say(new)
    elif verb == "delete" and len(flags.words) > 1:
        fail_once("kubeadm-token-delete", "failed to delete bootstrap token: timed out waiting for the condition")
        for t in flags.words[1:]:
            ident = t.split(".")[0]
            if not re.match(r"^[a-z0-9]{6}$", ident) or ("." in t and not TOKEN.match(t)):
                raise Refusal("given token didn't match pattern \"\\\\A([a-z0-9]{6})\\\\z\" or \"\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z\"")
            try:
                admin().call("DELETE", secrets_path + "/bootstrap-token-" + ident)
            except client.ApiError as e:
                raise Refusal("failed to delete bootstrap token \"%s\": %s" % (ident, e.message)) from None
            say("bootstrap token \"%s\" deleted" % ident)
    elif verb == "list" and len(flags.words) == 1:
        say("TOKEN                     EXPIRES                DESCRIPTION")
        for o in admin().call("GET", secrets_path + "?fieldSelector=type=bootstrap.kubernetes.io/token")["items"]:
            d = {k: base64.b64decode(v).decode() for k, v in o["data"].items()}
            say("%s.%s   %s   %s" % (d["token-id"], d["token-secret"], d.get("expiration", "<forever>"), d.get("description", "<none>")))
    else:
        raise Refusal("the stand-in does not know: kubeadm token %s" % " ".join(flags.words))


def config_command(argv):
    flags = flags_of(argv, {"config": True})
    if flags.words != ["images", "list"] or not flags.get("config"):
        raise Refusal("the stand-in knows kubeadm config images list --config F only")
    fail_once("kubeadm-config", "could not convert cfg to an internal cfg: timed out waiting for the condition")
    say("\n".join(images(init_config(flags.get("config"))["cluster"])))


def version(argv):
    flags = flags_of(argv, {"output": True})
    if flags.words or flags.get("output") != "short":
        raise Refusal("the stand-in knows kubeadm version -o short only")
    say(VERSION)


def main(argv):
    verbs = {"init": init, "join": join, "reset": reset, "token": token, "config": config_command, "version": version}
    if not argv or argv[0] not in verbs:
        raise Refusal("the stand-in does not know: kubeadm %s" % " ".join(argv))
    try:
        return verbs[argv[0]](argv[1:])
    except http.client.HTTPException as e:
        raise Refusal("unexpected EOF: %s" % type(e).__name__) from None
