"""etcdctl over the stand-in's members: the commands that docs/ON-NODE.md names, simple output."""
import json
import os
import time

from . import etcd
from .common import Flags, Refusal, fail_once, say, warn, write
from .kubectl import seconds

KNOWN = {"endpoints": True, "cacert": True, "cert": True, "key": True, "command-timeout": True, "dial-timeout": True, "cluster": False}


class Etcdctl:
    def __init__(self, flags):
        self.flags = flags
        self.endpoints = [e if "://" in e else "https://" + e for e in flags.get("endpoints", "").split(",") if e]
        if not self.endpoints:
            raise Refusal("Error: no available endpoints")
        for need in ("cacert", "cert", "key"):
            if not flags.get(need):
                raise Refusal("Error: context deadline exceeded: the server wants a client certificate (--%s)" % need)
        self.seconds = seconds(flags.get("command-timeout", "5s"))

    def call(self, endpoint, operation, body=None):
        return etcd.call(endpoint, operation, body, self.flags.get("cacert"), self.flags.get("cert"), self.flags.get("key"), self.seconds)

    def any(self, operation, body=None):
        last = None
        for e in self.endpoints:
            try:
                return self.call(e, operation, body)
            except Refusal as r:
                last = r
                if "deadline" not in r.message:
                    break
        raise Refusal("Error: " + last.message)

    def targets(self):
        if self.flags.get("cluster"):
            return [m["client"] for m in self.any("list")["members"] if m["started"]]
        return self.endpoints

    def member_list(self, _):
        for m in self.any("list")["members"]:
            say(", ".join([m["id"], "started" if m["started"] else "unstarted", m["name"], m["peer"], m["client"], "true" if m["learner"] else "false"]))

    def health(self, _):
        bad = False
        for e in self.targets():
            try:
                self.call(e, "health")
                say("%s is healthy: successfully committed proposal: took = 2.1ms" % e)
            except Refusal as r:
                bad = True
                warn("%s is unhealthy: failed to commit proposal: %s" % (e, r.message))
        if bad:
            raise Refusal("Error: unhealthy cluster")

    def status(self, _):
        bad = ""
        for e in self.targets():
            try:
                s = self.call(e, "status")
                say("%s, %s, %s, %d kB, %s, %s, 2, %d, %d, " % (e, s["id"], s["version"], s["size"] // 1000 + 20, "true" if s["leader"] else "false",
                                                               "true" if s["learner"] else "false", s["index"], s["index"]))
            except Refusal as r:
                bad = r.message
                warn("Failed to get the status of endpoint %s (%s)" % (e, r.message))
        if bad:
            raise Refusal("Error: " + bad)

    def member_remove(self, words):
        out = self.any("remove", {"id": words[0]})
        say("Member %s removed from cluster %s" % (words[0].rjust(16), out["cluster"]))

    def move_leader(self, words):
        for e in self.targets():
            if self.call(e, "status")["leader"]:
                out = self.call(e, "move-leader", {"id": words[0]})
                say("Leadership transferred from %s to %s" % (out["from"], words[0]))
                return
        raise Refusal("Error: no leader endpoint given at %s" % self.endpoints)

    def snapshot(self, words):
        state = self.any("snapshot")["state"]
        write(words[0], json.dumps({"saved": int(time.time()), "state": state}), 0o600)
        say("Snapshot saved at " + words[0])


def main(argv):
    if os.environ.get("ETCDCTL_API", "3") != "3":
        raise Refusal("No help topic for '%s'" % " ".join(argv))
    flags = Flags(argv, KNOWN, unknown="Error: unknown flag: %s")
    verbs = {("member", "list"): ("member_list", 0), ("endpoint", "health"): ("health", 0), ("endpoint", "status"): ("status", 0),
             ("member", "remove"): ("member_remove", 1), ("move-leader",): ("move_leader", 1), ("snapshot", "save"): ("snapshot", 1)}
    for words, (method, count) in verbs.items():
        if tuple(flags.words[:len(words)]) == words and len(flags.words) == len(words) + count:
            fail_once("etcdctl-" + "-".join(words), "Error: context deadline exceeded")
            try:
                return getattr(Etcdctl(flags), method)(flags.words[len(words):])
            except Refusal as r:
                raise r if r.message.startswith(("Error", "No ")) else Refusal("Error: " + r.message) from None
    raise Refusal("Error: the stand-in does not know: etcdctl %s" % " ".join(flags.words))
