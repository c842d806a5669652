"""Reads and judges kubeadm's configuration files: kinds, versions, fields, values, defaults."""
import ipaddress
import re

import yaml

from .common import MINOR, VERSION, Refusal, hostname, own_address, warn
from .kubeadm_schema import COMPONENT_GROUPS, check

OLD = {"v1alpha1": "v1.11", "v1alpha2": "v1.12", "v1alpha3": "v1.14", "v1beta1": "v1.15", "v1beta2": "v1.22"}
TOKEN = re.compile(r"^([a-z0-9]{6})\.([a-z0-9]{16})$")
DNS_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
REPOSITORY = "registry.k8s.io" if MINOR >= 25 else "k8s.gcr.io"
TAGS = {"etcd": "3.5.9-0", "coredns": "v1.10.1", "pause": "3.9"}


def apis():
    """The config versions that this kubeadm reads, oldest first."""
    return [v for v, first, last in (("v1beta2", 15, 26), ("v1beta3", 22, 99), ("v1beta4", 31, 99)) if first <= MINOR <= last]


class UniqueLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """A key that stands twice in one map is an error, as in the strict decoders."""


def _mapping(loader, node):
    seen = set()
    for k, _ in node.value:
        key = loader.construct_object(k)
        if key in seen:
            raise Refusal("error converting YAML to JSON: yaml: unmarshal errors:\n  line %d: key \"%s\" already set in map" %
                          (k.start_mark.line + 1, key))
        seen.add(key)
    return loader.construct_mapping(node, True)


UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def documents(path, wanted):
    """{kind: document} of the file: what is wanted is judged, what belongs elsewhere is ignored with a warning."""
    try:
        with open(path, encoding="utf-8") as f:
            docs = [d for d in yaml.load_all(f, UniqueLoader) if d is not None]
    except OSError as e:
        raise Refusal("unable to read config from \"%s\": open %s: %s" % (path, path, (e.strerror or "").lower())) from None
    except yaml.YAMLError as e:
        raise Refusal("error converting YAML to JSON: yaml: %s" % str(e).replace("\n", " ")) from None
    out = {}
    for d in docs:
        if not isinstance(d, dict) or not d.get("kind") or not d.get("apiVersion"):
            raise Refusal("invalid configuration for GroupVersionKind /, Kind=: kind and apiVersion is mandatory information that must be specified")
        kind, (group, _, api) = d["kind"], str(d["apiVersion"]).rpartition("/")
        if kind in out:
            raise Refusal("invalid configuration: kind \"%s\" is specified twice in YAML file" % kind)
        if group == "kubeadm.k8s.io" and api not in apis():
            if api in OLD and api < apis()[0]:
                raise Refusal("your configuration file uses an old API spec: \"kubeadm.k8s.io/%s\" (kind: \"%s\"). Please use kubeadm %s instead and run "
                              "'kubeadm config migrate --old-config old.yaml --new-config new.yaml', which will write the new, similar spec using a newer "
                              "API version" % (api, kind, OLD[api]))
            raise Refusal("no kind \"%s\" is registered for version \"kubeadm.k8s.io/%s\" in scheme \"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/"
                          "scheme/scheme.go:31\"" % (kind, api))
        if kind not in wanted:
            warn("W config: Ignored YAML document with GroupVersionKind %s, Kind=%s" % (d["apiVersion"], kind))
            continue
        wrong = check(d, kind, api)
        if wrong:
            raise Refusal("error unmarshaling configuration schema.GroupVersionKind{Group:\"%s\", Version:\"%s\", Kind:\"%s\"}: %s" %
                          (group, api, kind, "; ".join(wrong)))
        out[kind] = d
    return out


# Values
def _address(errors, field, value):
    try:
        ipaddress.ip_address(value)
    except ValueError:
        errors.append("%s: Invalid value: \"%s\": ip address is not valid" % (field, value))


def _port(errors, field, value):
    if not 1 <= value <= 65535:
        errors.append("%s: Invalid value: \"%s\": port number is not valid" % (field, value))


def _subnets(errors, field, value):
    for item in filter(None, (value or "").split(",")):
        try:
            net = ipaddress.ip_network(item, strict=False)
        except ValueError:
            errors.append("%s: Invalid value: \"%s\": couldn't parse subnet" % (field, value))
            continue
        if field.endswith("serviceSubnet") and net.num_addresses < 10:
            errors.append("%s: Invalid value: \"%s\": subnet is too small" % (field, value))


def _endpoint(errors, field, value):
    host, _, port = value.rpartition(":") if value.count(":") == 1 else (value, "", "")
    if not host or not DNS_NAME.match(host) or (port and not port.isdigit()):
        errors.append("%s: Invalid value: \"%s\": endpoint is not valid" % (field, value))


def _registration(errors, doc, out):
    reg = dict(doc.get("nodeRegistration") or {})
    reg["name"] = (reg.get("name") or hostname()).lower()
    if not DNS_NAME.match(reg["name"]) or len(reg["name"]) > 253:
        errors.append("nodeRegistration.name: Invalid value: \"%s\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters" % reg["name"])
    socket = reg.get("criSocket") or "unix:///var/run/containerd/containerd.sock"
    if "://" not in socket:
        warn("W initconfiguration.go:120] Usage of CRI endpoints without URL scheme is deprecated and can cause kubelet errors in the future.")
        socket = "unix://" + socket
    if not socket.startswith("unix:///"):
        errors.append("nodeRegistration.criSocket: Invalid value: \"%s\": only URL scheme \"unix\" is supported" % socket)
    reg["criSocket"] = socket
    policy = reg.get("imagePullPolicy") or "IfNotPresent"
    if policy not in ("Always", "IfNotPresent", "Never"):
        errors.append("nodeRegistration.imagePullPolicy: Invalid value: \"%s\": invalid pull policy" % policy)
    reg["imagePullPolicy"] = policy
    for t in reg.get("taints") or []:
        if t.get("effect") not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
            errors.append("nodeRegistration.taints: Unsupported value: \"%s\"" % t.get("effect"))
    reg["kubeletExtraArgs"] = arguments(reg.get("kubeletExtraArgs"))
    out["nodeRegistration"] = reg


def arguments(args):
    """extraArgs of either form, as a map."""
    if isinstance(args, list):
        return {a["name"]: a.get("value", "") for a in args}
    return dict(args or {})


def _advertise(errors, doc):
    at = dict(doc.get("localAPIEndpoint") or {})
    at["advertiseAddress"] = at.get("advertiseAddress") or own_address()
    at["bindPort"] = at.get("bindPort") or 6443
    _address(errors, "localAPIEndpoint.advertiseAddress", at["advertiseAddress"])
    _port(errors, "localAPIEndpoint.bindPort", at["bindPort"])
    return at


def refuse(errors):
    if errors:
        raise Refusal(errors[0] if len(errors) == 1 else "[%s]" % ", ".join(errors))


def minor_of(version):
    m = re.match(r"^v?1\.(\d+)\.\d+([-+].*)?$", version)
    if not m:
        raise Refusal("unable to fetch Kubernetes version: could not fetch a Kubernetes version from the internet: version \"%s\" doesn't match "
                      "patterns for neither semantic version nor labels (stable, latest, ...)" % version)
    return int(m.group(1))


def cluster_config(doc, errors):
    """ClusterConfiguration with its defaults."""
    c = {k: v for k, v in (doc or {}).items() if v is not None}
    c["kubernetesVersion"] = c.get("kubernetesVersion") or VERSION
    if minor_of(c["kubernetesVersion"]) < MINOR - 1:
        raise Refusal("this version of kubeadm only supports deploying clusters with the control plane version >= 1.%d.0. Current version: %s" %
                      (MINOR - 1, c["kubernetesVersion"]))
    c["imageRepository"] = c.get("imageRepository") or REPOSITORY
    c["clusterName"] = c.get("clusterName") or "kubernetes"
    if (c.get("certificatesDir") or "/etc/kubernetes/pki") != "/etc/kubernetes/pki":
        errors.append("certificatesDir: the stand-in keeps certificates in /etc/kubernetes/pki only")
    net = dict(c.get("networking") or {})
    net["serviceSubnet"] = net.get("serviceSubnet") or "10.96.0.0/12"
    net["dnsDomain"] = net.get("dnsDomain") or "cluster.local"
    for f in ("serviceSubnet", "podSubnet"):
        _subnets(errors, "networking." + f, net.get(f))
    if not DNS_NAME.match(net["dnsDomain"]):
        errors.append("networking.dnsDomain: Invalid value: \"%s\": not a DNS domain" % net["dnsDomain"])
    c["networking"] = net
    if c.get("controlPlaneEndpoint"):
        _endpoint(errors, "controlPlaneEndpoint", c["controlPlaneEndpoint"])
    for n in (c.get("apiServer") or {}).get("certSANs") or []:
        if not (DNS_NAME.match(n.removeprefix("*.")) or _is_address(n)):
            errors.append("apiServer.certSANs: Invalid value: \"%s\": altname is not a valid IP address, DNS label or a DNS label with subdomain wildcards" % n)
    for part in ("apiServer", "controllerManager", "scheduler"):
        c[part] = dict(c.get(part) or {}, extraArgs=arguments((c.get(part) or {}).get("extraArgs")))
    etcd = dict(c.get("etcd") or {})
    if etcd.get("external") and etcd.get("local"):
        errors.append("etcd: Invalid value: \"\": .etcd.local and .etcd.external are mutually exclusive")
    if etcd.get("external"):
        errors.append("etcd.external: the stand-in has no external etcd")
    local = dict(etcd.get("local") or {})
    local["dataDir"] = local.get("dataDir") or "/var/lib/etcd"
    if not local["dataDir"].startswith("/"):
        errors.append("etcd.local.dataDir: Invalid value: \"%s\": path is not absolute" % local["dataDir"])
    local["extraArgs"] = arguments(local.get("extraArgs"))
    c["etcd"] = {"local": local}
    return c


def _is_address(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def init_config(path):
    docs = documents(path, ("InitConfiguration", "ClusterConfiguration", *COMPONENT_GROUPS))
    if "InitConfiguration" not in docs and "ClusterConfiguration" not in docs:
        raise Refusal("no InitConfiguration or ClusterConfiguration kind was found in the YAML file")
    errors, out = [], {}
    init = docs.get("InitConfiguration", {})
    out["cluster"] = cluster_config(docs.get("ClusterConfiguration"), errors)
    _registration(errors, init, out)
    out["localAPIEndpoint"] = _advertise(errors, init)
    out["skipPhases"] = init.get("skipPhases") or []
    out["bootstrapTokens"] = init.get("bootstrapTokens")
    for t in out["bootstrapTokens"] or []:
        if not TOKEN.match(t.get("token") or ""):
            errors.append("bootstrapTokens.token: Invalid value: \"\": the bootstrap token is not of the form '[a-z0-9]{6}.[a-z0-9]{16}'")
    kubelet = docs.get("KubeletConfiguration", {})
    out["kubelet"], out["proxy"] = kubelet, docs.get("KubeProxyConfiguration", {})
    refuse(errors)
    return out


def join_config(path):
    docs = documents(path, ("JoinConfiguration",))
    if "JoinConfiguration" not in docs:
        raise Refusal("no JoinConfiguration found in the supplied config")
    errors, out, doc = [], {}, docs["JoinConfiguration"]
    _registration(errors, doc, out)
    out["caCertPath"] = doc.get("caCertPath") or "/etc/kubernetes/pki/ca.crt"
    out["skipPhases"] = doc.get("skipPhases") or []
    discovery = doc.get("discovery") or {}
    token, file = discovery.get("bootstrapToken"), discovery.get("file")
    if not token and not file:
        errors.append("discovery: Invalid value: \"\": bootstrapToken or file must be set")
    elif token and file:
        errors.append("discovery: Invalid value: \"\": bootstrapToken and file cannot both be set")
    elif file:
        errors.append("discovery.file: the stand-in discovers by tokens only")
    else:
        _token_discovery(errors, token)
        out["discovery"] = token
        out["tlsToken"] = discovery.get("tlsBootstrapToken") or token.get("token")
        if out["tlsToken"] and not TOKEN.match(out["tlsToken"]):
            errors.append("discovery.tlsBootstrapToken: Invalid value: \"\": the bootstrap token is not of the form '[a-z0-9]{6}.[a-z0-9]{16}'")
    out["controlPlane"] = None
    if "controlPlane" in doc and doc["controlPlane"] is not None:
        key = doc["controlPlane"].get("certificateKey")
        if key and not re.match(r"^[0-9a-f]{64}$", key):
            errors.append("controlPlane.certificateKey: Invalid value: \"\": certificate key is not a hex encoded 32-byte key")
        out["controlPlane"] = {"localAPIEndpoint": _advertise(errors, doc["controlPlane"]), "certificateKey": key}
    refuse(errors)
    return out


def _token_discovery(errors, d):
    if not TOKEN.match(d.get("token") or ""):
        errors.append("discovery.bootstrapToken.token: Invalid value: \"\": the bootstrap token is not of the form '[a-z0-9]{6}.[a-z0-9]{16}'")
    endpoint = d.get("apiServerEndpoint") or ""
    if not endpoint:
        errors.append("discovery.bootstrapToken.apiServerEndpoint: Required value: APIServerEndpoint is not set")
    elif not re.match(r"^(\[[0-9a-fA-F:]+\]|[^:/]+):[0-9]+$", endpoint):
        errors.append("discovery.bootstrapToken.apiServerEndpoint: Invalid value: \"%s\": address %s: missing port in address" % (endpoint, endpoint))
    hashes = d.get("caCertHashes") or []
    if not hashes and not d.get("unsafeSkipCAVerification"):
        errors.append("discovery.bootstrapToken: Invalid value: \"\": using token-based discovery without caCertHashes can be insecure. Set "
                      "unsafeSkipCAVerification to continue")
    for h in hashes:
        if not re.match(r"^sha256:[0-9a-f]{64}$", h):
            errors.append("discovery.bootstrapToken.caCertHashes: invalid hash \"%s\", expected \"format:value\"" % h)


def images(cluster):
    """What `kubeadm config images list` prints, in its order."""
    repository, version = cluster["imageRepository"], cluster["kubernetesVersion"]
    version = version if version.startswith("v") else "v" + version
    own = cluster["etcd"]["local"]
    dns = cluster.get("dns") or {}
    dns_repository = dns.get("imageRepository") or (repository + "/coredns" if repository == REPOSITORY and MINOR >= 21 else repository)
    return ["%s/%s:%s" % (repository, c, version) for c in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")] + [
        "%s/pause:%s" % (repository, TAGS["pause"]),
        "%s/etcd:%s" % (own.get("imageRepository") or repository, own.get("imageTag") or TAGS["etcd"]),
        "%s/coredns:%s" % (dns_repository, dns.get("imageTag") or TAGS["coredns"])]
