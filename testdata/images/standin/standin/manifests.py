"""The static pods that kubeadm writes, and the certificates and kubeconfigs they use."""
import ipaddress
import os
import secrets

import yaml

from . import client, tls
from .common import KUBE, KUBELET_DIR, MANIFESTS, MINOR, PKI, Refusal, hostname, read, run, write
from .kubeadm_config import TAGS, images

ETCD_CA, CA, PROXY_CA = PKI + "/etcd/ca", PKI + "/ca", PKI + "/front-proxy-ca"
ADMIN_GROUP = "system:masters" if MINOR < 29 else "kubeadm:cluster-admins"
SHARED = (("CA", CA), ("front-proxy CA", PROXY_CA), ("etcd CA", ETCD_CA))


def make_authorities(say):
    """The CAs and the service accounts' keys: those that lie there are kept, the others made."""
    for words, path, cn in (("ca", CA, "kubernetes"), ("front-proxy-ca", PROXY_CA, "front-proxy-ca"), ("etcd/ca", ETCD_CA, "etcd-ca")):
        if os.path.exists(path + ".crt"):
            if os.path.exists(path + ".key") and not tls.pair(path + ".crt", path + ".key"):
                raise Refusal("error execution phase certs/%s: failure loading %s certificate: the certificate and the private key are not a pair" %
                              (words.replace("/", "-"), words))
            if not os.path.exists(path + ".key"):
                raise Refusal("error execution phase certs/%s: failure loading %s key: couldn't load the private key file %s.key: open %s.key: no such "
                              "file or directory" % (words.replace("/", "-"), words, path, path))
            say("[certs] Using existing %s certificate authority" % words)
        else:
            tls.make_ca(path, cn)
            say("[certs] Generating \"%s\" certificate and key" % words)
    if not os.path.exists(PKI + "/sa.key"):
        run(["openssl", "genrsa", "-out", PKI + "/sa.key", "2048"])
        os.chmod(PKI + "/sa.key", 0o600)
        run(["openssl", "rsa", "-in", PKI + "/sa.key", "-pubout", "-out", PKI + "/sa.pub"])
        say("[certs] Generating \"sa\" key and public key")
    elif not os.path.exists(PKI + "/sa.pub") or read(PKI + "/sa.pub").split() != tls.public_of_key(PKI + "/sa.key").split():
        raise Refusal("error execution phase certs/sa: failure loading sa public key: the public key is not that of the private key")
    else:
        say("[certs] Using the existing \"sa\" key")


def missing_shared():
    """What a further control-plane node must have before it joins, in kubeadm's words."""
    out = []
    for words, path in SHARED:
        if not os.path.exists(path + ".crt"):
            out.append("failure loading certificate for %s: couldn't load the certificate file %s.crt: open %s.crt: no such file or directory" %
                       (words, path, path))
        elif not os.path.exists(path + ".key"):
            out.append("failure loading key for %s: couldn't load the private key file %s.key: open %s.key: no such file or directory" % (words, path, path))
        elif not tls.pair(path + ".crt", path + ".key"):
            out.append("failure loading certificate for %s: the certificate and the private key are not a pair" % words)
    for f, words in ((PKI + "/sa.key", "private key"), (PKI + "/sa.pub", "public key")):
        if not os.path.exists(f):
            out.append("failure loading key for service account: couldn't load the %s file %s: open %s: no such file or directory" % (words, f, f))
    return out


def api_names(node, address, cluster):
    net = cluster["networking"]
    endpoint = (cluster.get("controlPlaneEndpoint") or "").rsplit(":", 1)[0]
    first = str(next(ipaddress.ip_network(net["serviceSubnet"].split(",")[0], strict=False).hosts()))
    names = [node, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + net["dnsDomain"], first, address]
    return names + [n for n in [endpoint, *(cluster["apiServer"].get("certSANs") or [])] if n]


def make_leaves(node, address, cluster, say):
    """The leaf certificates. One that lies there is kept if it is of our authority, as kubeadm does."""
    client_group = [ADMIN_GROUP] if MINOR >= 29 else ["system:masters"]
    wanted = (
        (CA, "apiserver", "kube-apiserver", [], api_names(node, address, cluster), tls.SERVER),
        (CA, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", client_group, [], tls.CLIENT),
        (PROXY_CA, "front-proxy-client", "front-proxy-client", [], [], tls.CLIENT),
        (ETCD_CA, "etcd/server", node, [], [node, "localhost", address, "127.0.0.1", "::1"], tls.BOTH),
        (ETCD_CA, "etcd/peer", node, [], [node, "localhost", address, "127.0.0.1", "::1"], tls.BOTH),
        (ETCD_CA, "etcd/healthcheck-client", "kube-etcd-healthcheck-client", ["system:masters"], [], tls.CLIENT),
        (ETCD_CA, "apiserver-etcd-client", "kube-apiserver-etcd-client", ["system:masters"], [], tls.CLIENT))
    for ca, name, cn, orgs, sans, usage in wanted:
        crt, key = "%s/%s.crt" % (PKI, name), "%s/%s.key" % (PKI, name)
        if os.path.exists(crt):
            if not tls.chains(ca + ".crt", crt) or not tls.pair(crt, key):
                raise Refusal("error execution phase certs/%s: certificate %s is not signed by corresponding CA" % (name.replace("/", "-"), name))
            say("[certs] Using existing %s certificate and key on disk" % name)
            continue
        tls.issue(ca, cn, orgs, sans, usage, crt, key)
        say("[certs] Generating \"%s\" certificate and key" % name)


def make_kubeconfigs(node, server, say, with_kubelet):
    users = [("admin", "kubernetes-admin", [ADMIN_GROUP]), ("controller-manager", "system:kube-controller-manager", []),
             ("scheduler", "system:kube-scheduler", [])]
    if with_kubelet:
        users.insert(1, ("kubelet", "system:node:" + node, ["system:nodes"]))
    if MINOR >= 29 and with_kubelet:
        users.insert(1, ("super-admin", "kubernetes-super-admin", ["system:masters"]))
    for name, user, orgs in users:
        path = "%s/%s.conf" % (KUBE, name)
        if os.path.exists(path):
            old = client.kubeconfig(path)
            if old["ca"] is None or old["ca"].strip() != read(CA + ".crt").strip():
                raise Refusal("error execution phase kubeconfig/%s: a kubeconfig file \"%s\" exists already but has got the wrong CA cert" % (name, path))
            if old["server"] != server:
                raise Refusal("error execution phase kubeconfig/%s: a kubeconfig file \"%s\" exists already but has an unexpected API Server URL: "
                              "expected: %s, got: %s" % (name, path, server, old["server"]))
            say("[kubeconfig] Using existing kubeconfig file: \"%s\"" % path)
            continue
        crt, key = "%s/.%s.crt" % (PKI, name), "%s/.%s.key" % (PKI, name)
        tls.issue(CA, user, orgs, [], tls.CLIENT, crt, key)
        write(path, client.write_kubeconfig(server, read(CA + ".crt"), user, read(crt), read(key)), 0o600)
        os.unlink(crt)
        os.unlink(key)
        say("[kubeconfig] Writing \"%s.conf\" kubeconfig file" % name)


def _pod(name, image, flags, mounts, address):
    volumes = [{"name": "v%d" % i, "hostPath": {"path": host, "type": kind}} for i, (host, _, kind, _) in enumerate(mounts)]
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "kube-system", "labels": {"component": name, "tier": "control-plane"},
                         "annotations": {"kubeadm.kubernetes.io/%s" % ("etcd.advertise-client-urls" if name == "etcd" else
                                                                      "kube-apiserver.advertise-address.endpoint"): address}},
            "spec": {"hostNetwork": True, "priorityClassName": "system-node-critical", "volumes": volumes,
                     "containers": [{"name": name, "image": image, "imagePullPolicy": "IfNotPresent",
                                     "command": [name] + ["--%s=%s" % kv for kv in sorted(flags.items())],
                                     "volumeMounts": [{"name": "v%d" % i, "mountPath": at, "readOnly": ro}
                                                      for i, (_, at, _, ro) in enumerate(mounts)]}]}}


def _extra_mounts(part):
    return [(v["hostPath"], v["mountPath"], v.get("pathType") or "", bool(v.get("readOnly"))) for v in part.get("extraVolumes") or []]


def write_control_plane(address, port, cluster):
    os.makedirs(MANIFESTS, mode=0o700, exist_ok=True)
    image = {i.rsplit("/", 1)[1].rsplit(":", 1)[0]: i for i in images(cluster)}
    api = {"advertise-address": address, "allow-privileged": "true", "authorization-mode": "Node,RBAC", "client-ca-file": CA + ".crt",
           "enable-bootstrap-token-auth": "true", "etcd-cafile": ETCD_CA + ".crt", "etcd-certfile": PKI + "/apiserver-etcd-client.crt",
           "etcd-keyfile": PKI + "/apiserver-etcd-client.key", "etcd-servers": "https://127.0.0.1:2379", "secure-port": str(port),
           "service-account-issuer": "https://kubernetes.default.svc." + cluster["networking"]["dnsDomain"],
           "service-account-key-file": PKI + "/sa.pub", "service-account-signing-key-file": PKI + "/sa.key",
           "service-cluster-ip-range": cluster["networking"]["serviceSubnet"], "tls-cert-file": PKI + "/apiserver.crt",
           "tls-private-key-file": PKI + "/apiserver.key"}
    controller = {"kubeconfig": KUBE + "/controller-manager.conf", "cluster-signing-cert-file": CA + ".crt", "cluster-signing-key-file": CA + ".key",
                  "root-ca-file": CA + ".crt", "service-account-private-key-file": PKI + "/sa.key", "use-service-account-credentials": "true"}
    if cluster["networking"].get("podSubnet"):
        controller.update({"allocate-node-cidrs": "true", "cluster-cidr": cluster["networking"]["podSubnet"]})
    scheduler = {"kubeconfig": KUBE + "/scheduler.conf", "leader-elect": "true"}
    base = [("/etc/ssl/certs", "/etc/ssl/certs", "DirectoryOrCreate", True), (PKI, PKI, "DirectoryOrCreate", True)]
    for name, part, flags, mounts in (("kube-apiserver", "apiServer", api, base), ("kube-controller-manager", "controllerManager", controller, base),
                                      ("kube-scheduler", "scheduler", scheduler, [])):
        flags.update(cluster[part]["extraArgs"])
        pod = _pod(name, image[name], flags, mounts + _extra_mounts(cluster[part]), "%s:%d" % (address, port))
        write("%s/%s.yaml" % (MANIFESTS, name), yaml.safe_dump(pod), 0o600)


def write_etcd(node, address, cluster, initial):
    """initial: [(name, peer url)] of the members to begin with; one of them: a new cluster."""
    local = cluster["etcd"]["local"]
    name = local.get("imageTag") or TAGS["etcd"]
    image = next(i for i in images(cluster) if i.endswith("/etcd:" + name))
    flags = {"name": node, "data-dir": local["dataDir"], "advertise-client-urls": "https://%s:2379" % address,
             "listen-client-urls": "https://127.0.0.1:2379,https://%s:2379" % address, "listen-peer-urls": "https://%s:2380" % address,
             "initial-advertise-peer-urls": "https://%s:2380" % address, "initial-cluster": ",".join("%s=%s" % m for m in initial),
             "client-cert-auth": "true", "peer-client-cert-auth": "true", "cert-file": PKI + "/etcd/server.crt", "key-file": PKI + "/etcd/server.key",
             "trusted-ca-file": ETCD_CA + ".crt", "peer-cert-file": PKI + "/etcd/peer.crt", "peer-key-file": PKI + "/etcd/peer.key",
             "peer-trusted-ca-file": ETCD_CA + ".crt", "listen-metrics-urls": "http://127.0.0.1:2381", "snapshot-count": "10000"}
    if len(initial) > 1:
        flags["initial-cluster-state"] = "existing"
    flags.update(local["extraArgs"])
    mounts = [(local["dataDir"], local["dataDir"], "DirectoryOrCreate", False), (PKI + "/etcd", PKI + "/etcd", "DirectoryOrCreate", True)]
    os.makedirs(local["dataDir"], mode=0o700, exist_ok=True)
    write(MANIFESTS + "/etcd.yaml", yaml.safe_dump(_pod("etcd", image, flags, mounts, "https://%s:2379" % address)), 0o600)


def kubelet_files(kubelet, registration):
    """What `systemctl start kubelet` finds: its configuration and its flags."""
    document = dict({"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "staticPodPath": MANIFESTS}, **kubelet)
    write(KUBELET_DIR + "/config.yaml", yaml.safe_dump(document))
    flags = {"container-runtime-endpoint": registration["criSocket"], "pod-infra-container-image": "registry.k8s.io/pause:" + TAGS["pause"]}
    if MINOR < 27:
        flags["container-runtime"] = "remote"
    if registration["name"] != hostname():
        flags["hostname-override"] = registration["name"]
    flags.update(registration["kubeletExtraArgs"])
    taints = ",".join("%s=%s:%s" % (t["key"], t.get("value", ""), t["effect"]) for t in registration.get("taints") or [])
    if taints:
        flags["register-with-taints"] = taints
    write(KUBELET_DIR + "/kubeadm-flags.env", 'KUBELET_KUBEADM_ARGS="%s"\n' % " ".join("--%s=%s" % kv for kv in sorted(flags.items())))


def new_token():
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(secrets.choice(alphabet) for _ in range(6)) + "." + "".join(secrets.choice(alphabet) for _ in range(16))
