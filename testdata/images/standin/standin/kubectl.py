"""kubectl: the invocations that docs/ON-NODE.md names, and `apply` for guests. Everything else is refused."""
import json
import os
import re
import sys
import time

import yaml

from . import client, jsonpath, resources
from .common import VERSION, Flags, Refusal, fail_once, read, say

# The one Go template that is used on ConfigMaps
DATA_TEMPLATE = '{{range $k,$v := .data}}{{$k}}{{"\\t"}}{{$v}}{{"\\n"}}{{end}}'
GLOBAL = {"kubeconfig": True, "request-timeout": True, "namespace": True}
NAMES = {"node": "nodes", "no": "nodes", "secret": "secrets", "configmap": "configmaps", "cm": "configmaps", "pod": "pods", "po": "pods",
         "daemonset": "daemonsets", "ds": "daemonsets", "deployment": "deployments", "namespace": "namespaces", "ns": "namespaces"}


def seconds(text):
    m = re.match(r"^(\d+(?:\.\d+)?)(ms|s|m|h)?$", text)
    if not m:
        raise Refusal("error: Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit "
                      "(e.g. 1s | 2m | 3h)")
    return float(m.group(1)) * {"ms": 0.001, None: 1, "s": 1, "m": 60, "h": 3600}[m.group(2)]


def resource(word):
    kind = NAMES.get(word.lower(), word.lower())
    if kind not in resources.RESOURCES:
        raise Refusal("error: the server doesn't have a resource type \"%s\"" % word)
    return kind


def path_of(kind, namespace, name=""):
    group = resources.GROUPS.get(kind)
    base = "/apis/%s/v1" % group if group else "/api/v1"
    if kind not in resources.CLUSTER_WIDE:
        base += "/namespaces/" + namespace
    return "%s/%s%s" % (base, kind, "/" + name if name else "")


class Command:
    def __init__(self, argv, known, words):
        self.flags = Flags(argv, dict(GLOBAL, **known), {"n": "namespace", "o": "output", "p": "patch", "f": "filename", "l": "selector"},
                           "error: unknown flag: %s\nSee 'kubectl --help' for usage.")
        self.words = self.flags.words[1:]
        low, high = words
        if not low <= len(self.words) <= high:
            raise Refusal("error: the stand-in does not know: kubectl %s" % " ".join(self.flags.words))
        config = self.flags.get("kubeconfig") or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
        if not self.flags.get("kubeconfig") and not os.path.exists(config):
            raise Refusal("The connection to the server localhost:8080 was refused - did you specify the right host or port?")
        timeout = seconds(self.flags.get("request-timeout", "0"))
        self.namespace = self.flags.get("namespace", "default")
        self.api = client.from_file(config, timeout or 30.0)

    def call(self, method, path, body=None):
        try:
            return self.api.call(method, path, body)
        except client.ApiError as e:
            if e.status == 401:
                raise Refusal("error: You must be logged in to the server (Unauthorized)") from None
            reason = e.body.get("reason", "InternalError")
            e.message = "Error from server (%s): %s" % (reason, e.message)
            raise


def output(c, value):
    form, _, template = c.flags.get("output", "").partition("=")
    if form == "jsonpath" and template:
        sys.stdout.write(jsonpath.evaluate(template, value))
    elif form == "go-template" and template == DATA_TEMPLATE:
        for k, v in sorted((value.get("data") or {}).items()):
            sys.stdout.write("%s\t%s\n" % (k, v))
    elif form == "name" and not template:
        for o in value.get("items", [value]):
            say("%s/%s" % (o.get("kind", "").lower(), o["metadata"]["name"]))
    elif form == "json" and not template:
        say(json.dumps(value, indent=4))
    elif not form and value.get("items") is not None and value.get("kind") == "NodeList":
        table(value["items"])
    else:
        raise Refusal("error: the stand-in does not know the output format \"%s\"" % c.flags.get("output", ""))
    sys.stdout.flush()


def table(nodes):
    say("%-12s %-10s %-16s %s" % ("NAME", "STATUS", "ROLES", "VERSION"))
    for n in nodes:
        ready = [x["status"] for x in n["status"]["conditions"] if x["type"] == "Ready"][0]
        words = ("Ready" if ready == "True" else "NotReady") + (",SchedulingDisabled" if n["spec"].get("unschedulable") else "")
        role = "control-plane" if "node-role.kubernetes.io/control-plane" in n["metadata"]["labels"] else "<none>"
        say("%-12s %-10s %-16s %s" % (n["metadata"]["name"], words, role, n["status"]["nodeInfo"]["kubeletVersion"]))


def get(argv):
    c = Command(argv, {"raw": True, "output": True, "field-selector": True, "ignore-not-found": False}, (0, 2))
    if c.flags.get("raw"):
        if c.words or c.flags.get("raw") not in resources.OPEN:
            raise Refusal("error: the stand-in knows --raw with %s only" % ", ".join(resources.OPEN))
        try:
            got = c.api.call("GET", c.flags.get("raw"))
        except client.ApiError as e:
            raise Refusal("Error from server (InternalError): an error on the server (%s) has prevented the request from succeeding" %
                          json.dumps(e.message)) from None
        sys.stdout.write(got if isinstance(got, str) else json.dumps(got))
        return
    if not c.words:
        raise Refusal("error: You must specify the type of resource to get.")
    kind = resource(c.words[0])
    path = path_of(kind, c.namespace, c.words[1] if len(c.words) > 1 else "")
    if c.flags.get("field-selector"):
        path += "?fieldSelector=" + c.flags.get("field-selector")
    try:
        value = c.call("GET", path)
    except client.ApiError as e:
        if e.status == 404 and c.flags.get("ignore-not-found"):
            return
        raise
    output(c, value)


def create(argv):
    c = Command(argv, {"from-literal": True, "from-file": True}, (2, 2))
    if c.words[0] not in ("configmap", "cm", "namespace", "ns"):
        raise Refusal("error: the stand-in creates ConfigMaps and Namespaces only")
    kind, data = resource(c.words[0]), {}
    for flag in ("from-literal", "from-file"):
        if c.flags.get(flag):
            k, _, v = c.flags.get(flag).partition("=")
            data[k] = v if flag == "from-literal" else read(v)
    body = {"apiVersion": "v1", "kind": resources.RESOURCES[kind], "metadata": {"name": c.words[1]}}
    if data:
        body["data"] = data
    try:
        c.call("POST", path_of(kind, c.namespace), body)
    except client.ApiError as e:
        if e.status == 409:
            e.message = e.message.replace("Error from server", "error: failed to create %s" % c.words[0])
        raise
    say("%s/%s created" % (kind[:-1], c.words[1]))


def patch(argv):
    c = Command(argv, {"type": True, "patch": True, "patch-file": True}, (2, 2))
    if c.flags.get("type") != "merge":
        raise Refusal("error: the stand-in knows --type merge only")
    text = c.flags.get("patch")
    if text is None:
        source = c.flags.get("patch-file")
        if not source:
            raise Refusal("error: must specify --patch or --patch-file containing the contents of the patch")
        text = sys.stdin.read() if source in ("-", "/dev/stdin") else read(source)
    try:
        body = json.loads(text)
    except ValueError:
        raise Refusal("error: unable to parse \"%s\": yaml: invalid" % text) from None
    kind = resource(c.words[0])
    path = path_of(kind, c.namespace, c.words[1])
    old = c.call("GET", path)
    new = c.call("PATCH", path, body)
    say("%s/%s patched%s" % (kind[:-1], c.words[1], "" if old != new else " (no change)"))


def cordon(argv):
    """cordon and uncordon."""
    c = Command(argv, {}, (1, 1))
    path = path_of("nodes", "", c.words[0])
    on = c.flags.words[0] == "cordon"
    already = bool(c.call("GET", path)["spec"].get("unschedulable")) == on
    if not already:
        c.call("PATCH", path, {"spec": {"unschedulable": True if on else None}})
    say("node/%s %s%sed" % (c.words[0], "already " if already else "", c.flags.words[0]))


def drain(argv):
    c = Command(argv, {"ignore-daemonsets": False, "delete-emptydir-data": False, "force": False, "timeout": True}, (1, 1))
    for need in ("ignore-daemonsets", "delete-emptydir-data", "force"):
        if not c.flags.get(need):
            raise Refusal("error: unable to drain node \"%s\" due to error: the stand-in wants --%s" % (c.words[0], need))
    name, end = c.words[0], time.monotonic() + (seconds(c.flags.get("timeout", "0")) or 1e9)
    path = path_of("nodes", "", name)
    c.call("GET", path)
    c.call("PATCH", path, {"spec": {"unschedulable": True}})
    say("node/%s cordoned" % name)
    while True:
        pods = [p for p in c.call("GET", "/api/v1/pods")["items"] if p["spec"].get("nodeName") == name and
                not any(o.get("kind") == "DaemonSet" for o in p["metadata"].get("ownerReferences", []))]
        refused = ""
        for p in pods:
            m = p["metadata"]
            try:
                c.call("POST", "/api/v1/namespaces/%s/pods/%s/eviction" % (m["namespace"], m["name"]), {})
                say("evicting pod %s/%s" % (m["namespace"], m["name"]))
            except client.ApiError as e:
                if e.status == 429:
                    refused = "error when evicting pods/\"%s\" -n \"%s\" (will retry after 5s): %s" % (m["name"], m["namespace"], e.body["message"])
                elif e.status != 404:
                    raise
        if not refused:
            break
        if time.monotonic() > end:
            raise Refusal("%s\nerror: unable to drain node \"%s\" due to error: global timeout reached: %s" % (refused, name, c.flags.get("timeout")))
        time.sleep(0.3)
    say("node/%s drained" % name)


def delete(argv):
    c = Command(argv, {"ignore-not-found": False, "wait": True, "filename": True}, (0, 2))
    if c.flags.get("filename"):
        for o in manifest(c.flags.get("filename")):
            kind, namespace = kind_of(o), o["metadata"].get("namespace", c.namespace)
            c.call("DELETE", path_of(kind, namespace, o["metadata"]["name"]))
            say("%s \"%s\" deleted" % (kind[:-1], o["metadata"]["name"]))
        return
    if len(c.words) != 2:
        raise Refusal("error: the stand-in deletes one object by name")
    kind = resource(c.words[0])
    try:
        c.call("DELETE", path_of(kind, c.namespace, c.words[1]))
    except client.ApiError as e:
        if e.status == 404 and c.flags.get("ignore-not-found"):
            return
        raise
    say("%s \"%s\" deleted" % (kind[:-1], c.words[1]))


def label(argv):
    c = Command(argv, {"overwrite": False}, (3, 20))
    kind, name, labels = resource(c.words[0]), c.words[1], {}
    for w in c.words[2:]:
        if w.endswith("-"):
            labels[w[:-1]] = None
        elif "=" in w:
            k, _, v = w.partition("=")
            labels[k] = v
        else:
            raise Refusal("error: at least one label update is required")
    path = path_of(kind, c.namespace, name)
    old = c.call("GET", path)["metadata"].get("labels", {})
    for k, v in labels.items():
        if v is not None and old.get(k, v) != v and not c.flags.get("overwrite"):
            raise Refusal("error: '%s' already has a value (%s), and --overwrite is false" % (k, old[k]))
    c.call("PATCH", path, {"metadata": {"labels": labels}})
    say("%s/%s labeled" % (kind[:-1], name))


# apply
def manifest(source):
    try:
        text = sys.stdin.read() if source == "-" else read(source)
        return [d for d in yaml.load_all(text, client.LOADER) if d]
    except OSError:
        raise Refusal("error: the path \"%s\" does not exist" % source) from None
    except yaml.YAMLError as e:
        raise Refusal("error: error parsing %s: error converting YAML to JSON: yaml: %s" % (source, str(e).replace("\n", " "))) from None


def kind_of(o):
    for plural, kind in resources.RESOURCES.items():
        group = resources.GROUPS.get(plural)
        if o.get("kind") == kind and o.get("apiVersion") == ("%s/v1" % group if group else "v1") and o.get("metadata", {}).get("name"):
            return plural
    raise Refusal("error: resource mapping not found for name: \"%s\" namespace: \"\" from STDIN: no matches for kind \"%s\" in version \"%s\"\nensure CRDs "
                  "are installed first" % (o.get("metadata", {}).get("name", ""), o.get("kind"), o.get("apiVersion")))


def apply(argv):
    c = Command(argv, {"filename": True}, (0, 0))
    if not c.flags.get("filename"):
        raise Refusal("error: must specify one of -f and -k")
    objects = [(o, kind_of(o)) for o in manifest(c.flags.get("filename"))]
    if not objects:
        raise Refusal("error: no objects passed to apply")
    for o, kind in objects:
        name, namespace = o["metadata"]["name"], o["metadata"].get("namespace", c.namespace)
        try:
            c.call("POST", path_of(kind, namespace), o)
            word = "created"
        except client.ApiError as e:
            if e.status != 409:
                raise
            c.call("PATCH", path_of(kind, namespace, name), o)
            word = "configured"
        say("%s/%s %s" % (kind[:-1], name, word))


def main(argv):
    verbs = {"get": get, "create": create, "patch": patch, "cordon": cordon, "uncordon": cordon, "drain": drain, "delete": delete, "label": label,
             "apply": apply}
    verb = next((w for w in argv if w in verbs), "")
    if argv == ["version", "--client", "-o", "json"]:
        say(json.dumps({"clientVersion": {"gitVersion": VERSION}}))
        return None
    if not verb:
        raise Refusal("error: the stand-in does not know: kubectl %s" % " ".join(argv))
    fail_once("kubectl-" + verb, "Unable to connect to the server: net/http: TLS handshake timeout")
    return verbs[verb](argv)
