"""An etcd member: it listens on 2379 for clients with certificates and says on 2380 who it is.
Its members' liveness is seen over the network: a member counts while its 2380 answers with its own id."""
import http.client
import json
import os
import secrets
import selectors
import socket
import ssl
import threading
import time

from . import store, tls
from .common import Refusal, fault, warn
from .server import JsonHandler, serve_tls

PEER_SECONDS = 3.0
HOST_PORT = 2379, 2380


def host_of(url):
    return url.split("//", 1)[1].rsplit(":", 1)[0].strip("[]")


def ask_peers(urls, enough=None):
    """{url: (member id, cluster id)} of the peers that answer; returns early once `enough` of them did."""
    out, buffers, sel = {}, {}, selectors.DefaultSelector()
    for u in urls:
        s = socket.socket(socket.AF_INET6 if ":" in host_of(u) else socket.AF_INET)
        s.setblocking(False)
        buffers[u] = b""
        s.connect_ex((host_of(u), int(u.rsplit(":", 1)[1].rstrip("/"))))
        sel.register(s, selectors.EVENT_READ, u)
    end = time.monotonic() + PEER_SECONDS
    while sel.get_map() and time.monotonic() < end and (enough is None or len(out) < enough):
        for key, _ in sel.select(max(0.0, end - time.monotonic())):
            try:
                got = key.fileobj.recv(200)
            except OSError:
                got = b""
            buffers[key.data] += got
            if not got or b"\n" in buffers[key.data]:
                sel.unregister(key.fileobj)
                key.fileobj.close()
                words = buffers[key.data].decode("ascii", "replace").split()
                if len(words) == 2:
                    out[key.data] = (words[0], words[1])
    for key in list(sel.get_map().values()):
        sel.unregister(key.fileobj)
        key.fileobj.close()
    sel.close()
    return out


def live_members(state, cluster, enough=None):
    """The ids of the members that answer as what they are."""
    urls = {m["peer"]: m for m in state["members"] if m["started"] and not m["learner"]}
    answers = ask_peers(list(urls), enough)
    return {urls[u]["id"] for u, a in answers.items() if a == (urls[u]["id"], cluster)}


def has_quorum(state, cluster):
    voters = [m for m in state["members"] if not m["learner"]]
    need = len(voters) // 2 + 1
    return len(live_members(state, cluster, need)) >= need


def local_member(port=2380):
    """(member id, cluster id) of the member on this machine, or None."""
    for answer in ask_peers(["https://127.0.0.1:%d" % port]).values():
        return answer
    return None


class Handler(JsonHandler):
    def do_POST(self):
        self.answer(lambda: self.operate(self.path, self.body()))

    def do_GET(self):
        self.answer(lambda: (200, {"health": "true"}) if self.server.quorum() else (503, {"health": "false"}))

    def operate(self, path, body):
        me = self.server
        if path == "/standin/status":
            return 200, me.status()
        if not me.quorum():
            return 503, {"error": "context deadline exceeded"}
        operation = {"/standin/health": me.health, "/standin/list": me.list, "/standin/add": me.add, "/standin/promote": me.promote,
                     "/standin/remove": me.drop, "/standin/move-leader": me.move_leader, "/standin/snapshot": me.snapshot}.get(path)
        if not operation:
            return 404, {"error": "unknown operation"}
        return operation(body)


class Member:
    """What the handler does; mixed into the server."""

    def quorum(self):
        return has_quorum(self.store.load(), self.cluster)

    def leader(self, state):
        live = live_members(state, self.cluster)
        if state["leader"] in live:
            return state["leader"]
        return sorted(live)[0] if live else ""

    def status(self):
        state = self.store.load()
        mine = [m for m in state["members"] if m["id"] == self.member]
        return {"id": self.member, "version": "3.5.9", "size": os.path.getsize(self.store.path), "leader": self.leader(state) == self.member,
                "learner": bool(mine and mine[0]["learner"]), "index": state["version"], "cluster": self.cluster}

    def health(self, _):
        return 200, {"health": "true"}

    def list(self, _):
        return 200, {"members": self.store.load()["members"]}

    def add(self, body):
        with self.store.change() as state:
            if any(m["peer"] == body["peer"] for m in state["members"]):
                return 412, {"error": "etcdserver: Peer URLs already exists"}
            if len(live_members(state, self.cluster)) < len(state["members"]):
                return 412, {"error": "etcdserver: unhealthy cluster"}
            m = {"id": secrets.token_hex(8).lstrip("0"), "name": "", "peer": body["peer"], "client": "", "learner": bool(body.get("learner")),
                 "started": False}
            state["members"].append(m)
            return 200, {"member": m, "members": state["members"]}

    def promote(self, body):
        with self.store.change() as state:
            for m in state["members"]:
                if m["id"] == body["id"] and m["learner"]:
                    if not m["started"] or m["peer"] not in ask_peers([m["peer"]]):
                        return 412, {"error": "etcdserver: can only promote a learner member which is in sync with leader"}
                    m["learner"] = False
                    return 200, {}
        return 404, {"error": "etcdserver: can only promote a learner member"}

    def drop(self, body):
        with self.store.change() as state:
            rest = [m for m in state["members"] if m["id"] != body["id"]]
            if len(rest) == len(state["members"]):
                return 404, {"error": "etcdserver: member not found"}
            voters = [m for m in rest if not m["learner"]]
            if len(live_members(dict(state, members=rest), self.cluster)) < len(voters) // 2 + 1:
                return 412, {"error": "etcdserver: re-configuration failed due to not enough started members"}
            state["members"] = rest
            if state["leader"] == body["id"]:
                state["leader"] = rest[0]["id"] if rest else ""
        return 200, {"cluster": self.cluster}

    def move_leader(self, body):
        with self.store.change() as state:
            if self.leader(state) != self.member:
                return 412, {"error": "no leader endpoint given"}
            if body["id"] not in live_members(state, self.cluster):
                return 412, {"error": "etcdserver: bad leader transferee"}
            state["leader"] = body["id"]
            return 200, {"from": self.member}

    def snapshot(self, _):
        return 200, {"state": self.store.load()}

    def watch(self):
        """A member that was removed ends, as a real one does."""
        while True:
            time.sleep(1)
            if not any(m["id"] == self.member for m in self.store.load()["members"]):
                warn("the member has been permanently removed from the cluster")
                os._exit(0)


def find_cluster(flags, peer_url):
    """The cluster that a new member was added to, by asking the others that its manifest names."""
    others = [item.split("=", 1)[1] for item in flags.get("initial-cluster", "").split(",") if "=" in item]
    for _, cluster in ask_peers([u for u in others if u != peer_url]).values():
        for m in store.Store(cluster).load()["members"]:
            if m["peer"] == peer_url:
                return cluster, m["id"]
    raise Refusal("error validating peerURLs: member count is unequal")


def open_member(flags):
    """(store, cluster, member): this machine's member, made where there is none yet."""
    data, name, peer = flags["data-dir"], flags["name"], flags["initial-advertise-peer-urls"]
    known = store.member_of(data)
    if not known and flags.get("initial-cluster-state") == "existing":
        cluster, member = find_cluster(flags, peer)
    elif not known:
        cluster, member = secrets.token_hex(8), secrets.token_hex(8).lstrip("0")
        store.Store(cluster).create({"id": member, "name": name, "peer": peer, "client": flags["advertise-client-urls"], "learner": False,
                                     "started": True})
    else:
        cluster, member = known["cluster"], known["id"]
    s = store.Store(cluster)
    with s.change() as state:
        mine = [m for m in state["members"] if m["id"] == member]
        if not mine:
            raise Refusal("the member has been permanently removed from the cluster")
        mine[0].update(name=name, client=flags["advertise-client-urls"], started=True)
    store.set_member(data, cluster, member)
    return s, cluster, member


def listen_peer(address, answer):
    s = socket.create_server((address, HOST_PORT[1]), backlog=64)
    while True:
        c, _ = s.accept()
        with c:
            try:
                c.sendall(answer)
            except OSError:
                pass


def pod(flags, _manifest):
    """The etcd container of the static pod."""
    for need in ("data-dir", "name", "initial-advertise-peer-urls", "advertise-client-urls", "cert-file", "key-file", "trusted-ca-file",
                 "listen-client-urls", "peer-cert-file", "peer-key-file", "peer-trusted-ca-file"):
        if need not in flags:
            raise Refusal("etcd: --%s is missing" % need)
    for crt, key, ca in (("cert-file", "key-file", "trusted-ca-file"), ("peer-cert-file", "peer-key-file", "peer-trusted-ca-file")):
        if not tls.pair(flags[crt], flags[key]) or not tls.chains(flags[ca], flags[crt]):
            raise Refusal("etcd: tls: %s does not match its key or its authority" % flags[crt])
    own = host_of(flags["initial-advertise-peer-urls"])
    with socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET) as probe:
        try:
            probe.bind((own, 0))
        except OSError:
            raise Refusal("listen tcp %s:2380: bind: cannot assign requested address" % own) from None
    if fault("etcd") is not None:
        raise Refusal("etcd: panic: freepages: failed to get all reachable pages")
    s, cluster, member = open_member(flags)
    for a in {own, "127.0.0.1"}:
        threading.Thread(target=listen_peer, args=(a, ("%s %s\n" % (member, cluster)).encode()), daemon=True).start()
    context = tls.server_context(flags["cert-file"], flags["key-file"], flags["trusted-ca-file"], True)
    serve_tls("", HOST_PORT[0], Handler, context, Member, store=s, cluster=cluster, member=member, background="watch")


def call(endpoint, operation, body=None, ca=None, crt=None, key=None, seconds=5.0):
    """A client's request; the answer's JSON. Raises Refusal with etcd's words."""
    host = host_of(endpoint)
    try:
        context = tls.client_context(open(ca, encoding="ascii").read(), crt, key)
        c = http.client.HTTPSConnection(host, int(endpoint.rsplit(":", 1)[1].rstrip("/")), timeout=seconds, context=context)
        c.request("POST", "/standin/" + operation, json.dumps(body or {}))
        r = c.getresponse()
        out = json.loads(r.read())
    except FileNotFoundError as e:
        raise Refusal("open %s: no such file or directory" % e.filename) from None
    except ssl.SSLError as e:
        raise Refusal("context deadline exceeded: %s" % tls.explain(e, host)) from None
    except (OSError, ValueError, http.client.HTTPException):
        raise Refusal("context deadline exceeded") from None
    if r.status != 200:
        raise Refusal(out.get("error", "unknown"))
    return out


