#!/usr/bin/python3 -I
"""verdicts.py --api v1beta3 --version v1.28.0 --address0 A --address1 A --node0 CMD --node1 CMD [--real] TABLE...
Replays the tables of testdata/verdicts on two machines. CMD runs the program on its stdin there as root (an ssh command line). The first
machine has CAs, service-account keys and the audit policy in place, both have runtime, images and hosts entries. --real: rows say what the real kubeadm does."""
import argparse
import copy
import json
import os
import re
import shlex
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
IGNORE = "--ignore-preflight-errors=SystemVerification"
LOOK = "find /etc/kubernetes /var/lib/etcd /var/lib/kubelet -type f 2>/dev/null | sort"
HASH = "openssl x509 -in /etc/kubernetes/pki/ca.crt -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'"
SHARED = "ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key sa.key sa.pub"
KEYS = {"name", "do", "run", "node", "edit", "text", "without_ignore", "before", "after", "verdict", "reason", "leaves", "real", "minor"}


def merge(old, patch):
    if not isinstance(patch, dict):
        return patch
    out = dict(old) if isinstance(old, dict) else {}
    for k, v in patch.items():
        if v is None:
            out.pop(k, None)
        else:
            out[k] = merge(out.get(k), v)
    return out


class Machines:
    def __init__(self, options):
        self.commands = [shlex.split(options.node0), shlex.split(options.node1)]

    def sh(self, node, program):
        p = subprocess.run(self.commands[node], input=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return p.returncode, p.stdout


class Replay:
    def __init__(self, options):
        self.options, self.machines, self.token = options, Machines(options), None
        with open(HERE + "/../../testdata/verdicts/base.yaml", encoding="utf-8") as f:
            self.base = yaml.safe_load(f)
        self.words = {"API": options.api, "VERSION": options.version, "ADDRESS0": options.address0, "ADDRESS1": options.address1,
                      "EVIL_HASH": "sha256:" + "0" * 64, "TOKEN": "abcdef.0123456789abcdef", "HASH": "sha256:" + "1" * 64}

    def fill(self, text):
        return re.sub(r"\$([A-Z_0-9]+)\b", lambda m: self.words.get(m.group(1), m.group(0)), text)

    def live(self):
        """A token of the cluster, once there is one."""
        if self.token is None:
            rc, out = self.machines.sh(0, HASH + "\nkubeadm token create --ttl 30m --description verdicts 2>/dev/null\n")
            lines = out.split()
            if rc != 0 or len(lines) != 2:
                return
            self.token = lines[1]
            identity, secret = self.token.split(".")
            forged = identity + "." + ("0" if secret[0] != "0" else "1") + secret[1:]
            self.words.update(HASH=lines[0], TOKEN=self.token, TOKEN_ID=identity, FORGED_TOKEN=forged)

    def share(self):
        """Node 1 gets what a control-plane node must have, as the reconciler puts it there."""
        rc, out = self.machines.sh(0, "tar -C /etc/kubernetes/pki -c %s | base64 -w0\n" % SHARED)
        assert rc == 0, out
        return "mkdir -p /etc/kubernetes/pki; echo %s | base64 -d | tar -C /etc/kubernetes/pki -x; cp /tmp/verdict/policy /etc/kubernetes/audit-policy.yml" % out.strip()

    def file(self, row, kinds):
        if "text" in row:
            return self.fill(row["text"])
        docs = {k: copy.deepcopy(self.base[k]) for k in kinds}
        for kind, patch in (row.get("edit") or {}).items():
            if patch is None:
                docs.pop(kind, None)
            else:
                docs[kind] = merge(docs.get(kind, self.base.get(kind, {})), patch)
        return self.fill(yaml.safe_dump_all(docs.values()))

    def command(self, row):
        """(node, file, command line)."""
        do = row["do"]
        ignore = "" if row.get("without_ignore") else IGNORE
        if do == "run":
            text = self.file(row, ("InitConfiguration", "ClusterConfiguration")) if "edit" in row else ""
            return row.get("node", 0), text, self.fill(row["run"])
        if do in ("images", "init"):
            text = self.file(row, ("InitConfiguration", "ClusterConfiguration"))
            line = "kubeadm config images list --config /tmp/verdict/file.yaml" if do == "images" else \
                "kubeadm init --config /tmp/verdict/file.yaml --skip-certificate-key-print --skip-token-print " + ignore
            return row.get("node", 0), text, line
        if do == "join-master":
            row = dict(row, edit=merge({"JoinConfiguration": {"controlPlane": {"localAPIEndpoint": {"advertiseAddress": "$ADDRESS1", "bindPort": 6443}}}},
                                       row.get("edit") or {}))
        return row.get("node", 1), self.file(row, ("JoinConfiguration",)), "kubeadm join --config /tmp/verdict/file.yaml " + ignore

    def play(self, row):
        """None, or what is wrong."""
        unknown = set(row) - KEYS
        if unknown:
            return "unknown keys: %s" % ", ".join(unknown)
        if row["do"] not in ("images",):
            self.live()
        node, text, line = self.command(row)
        before = row.get("before") or ":"
        before = self.share() if before == "SHARE" else before
        program = "\n".join((
            "mkdir -p /tmp/verdict; [ -e /tmp/verdict/policy ] || cp /etc/kubernetes/audit-policy.yml /tmp/verdict/policy 2>/dev/null",
            "cat >/tmp/verdict/file.yaml <<'END-OF-FILE'\n%s\nEND-OF-FILE" % text.rstrip("\n"), "( %s\n)" % before if "cd " in before else before,
            LOOK + " >/tmp/verdict/was", "( %s\n) >/tmp/verdict/out 2>&1 </dev/null" % line, "rc=$?", LOOK + " >/tmp/verdict/is",
            "echo \"rc=$rc\"", "cmp -s /tmp/verdict/was /tmp/verdict/is && echo same || echo changed", "cat /tmp/verdict/out", row.get("after") or ":", ""))
        _, out = self.machines.sh(node, program)
        m = re.search(r"^rc=(\d+)\n(same|changed)\n", out, re.M)
        if not m:
            return "the machine says: " + out
        said = out[m.end():]
        verdict = row["real"] if self.options.real and "real" in row else row["verdict"]
        if (m.group(1) == "0") != (verdict == "accepted"):
            return "not %s (exit %s):\n%s" % (verdict, m.group(1), said)
        if verdict == row["verdict"] and "reason" in row and not re.search(self.fill(row["reason"]), said):
            return "the reason does not match %r:\n%s" % (row["reason"], said)
        if verdict == "refused" and row.get("leaves") != "something" and m.group(2) != "same":
            return "refused, but files changed:\n" + said
        return None

    def applies(self, row):
        if self.options.real and row.get("real") == "skip":
            return False
        m = re.fullmatch(r"(>=|<)(\d+)", row.get("minor", ">=0"))
        minor = int(self.options.version.split(".")[1])
        return minor >= int(m.group(2)) if m.group(1) == ">=" else minor < int(m.group(2))


def main():
    p = argparse.ArgumentParser()
    for name in ("api", "version", "address0", "address1", "node0", "node1"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--real", action="store_true")
    p.add_argument("tables", nargs="+")
    replay = Replay(p.parse_args())
    good = bad = 0
    for table in replay.options.tables:
        with open(table, encoding="utf-8") as f:
            rows = yaml.safe_load(f)
        for row in rows:
            if not replay.applies(row):
                continue
            wrong = replay.play(row)
            if wrong:
                bad += 1
                print("FAILED %s: %s: %s" % (os.path.basename(table), row["name"], wrong), flush=True)
            else:
                good += 1
    print(json.dumps({"as they should be": good, "otherwise": bad}))
    sys.exit(1 if bad else 0)


main()
