"""A client of the API, through a kubeconfig, as careful as the real ones: the server's name, its authority, its certificate."""
import base64
import http.client
import json
import os
import socket
import ssl
import tempfile
import urllib.parse

import yaml

from . import tls
from .common import Refusal

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ApiError(Refusal):
    def __init__(self, status, body):
        self.status, self.body = status, body if isinstance(body, dict) else {}
        super().__init__(self.body.get("message", str(body)))


class Unreachable(Refusal):
    pass


def load_yaml(path):
    with open(path, encoding="utf-8") as f:
        return yaml.load(f, LOADER)


def kubeconfig(path):
    """{server, ca, cert, key, token} of the current context."""
    try:
        d = load_yaml(path)
        if d.get("kind") != "Config" or d.get("apiVersion") != "v1":
            raise Refusal("error loading config file \"%s\": no kind \"Config\" is registered" % path)
        context = next(c["context"] for c in d["contexts"] if c["name"] == d["current-context"])
        cluster = next(c["cluster"] for c in d["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in d["users"] if u["name"] == context["user"])
    except FileNotFoundError:
        raise Refusal("error: stat %s: no such file or directory" % path) from None
    except (yaml.YAMLError, StopIteration, KeyError, TypeError, AttributeError):
        raise Refusal("error: error loading config file \"%s\": invalid configuration" % path) from None

    def value(section, name):
        if name + "-data" in section:
            return base64.b64decode(section[name + "-data"]).decode()
        if name in section:
            with open(section[name], encoding="ascii") as f:
                return f.read()
        return None
    try:
        return {"server": cluster["server"], "ca": value(cluster, "certificate-authority"), "cert": value(user, "client-certificate"),
                "key": value(user, "client-key"), "token": user.get("token")}
    except OSError as e:
        raise Refusal("error: unable to read %s for default: open %s: no such file or directory" % (e.filename, e.filename)) from None


def write_kubeconfig(server, ca_pem, user, crt=None, key=None, token=None, files=None):
    """The text of a kubeconfig as kubeadm writes them."""
    def b64(s):
        return base64.b64encode(s.encode()).decode()
    if token:
        who = {"token": token}
    elif files:
        who = {"client-certificate": files, "client-key": files}
    else:
        who = {"client-certificate-data": b64(crt), "client-key-data": b64(key)}
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": user + "@kubernetes",
        "clusters": [{"name": "kubernetes", "cluster": {"certificate-authority-data": b64(ca_pem), "server": server}}],
        "contexts": [{"name": user + "@kubernetes", "context": {"cluster": "kubernetes", "user": user}}],
        "users": [{"name": user, "user": who}]})


class Client:
    def __init__(self, config, seconds=10.0):
        self.config, self.seconds, self.connection = config, seconds, None
        url = urllib.parse.urlsplit(config["server"])
        if url.scheme != "https" or not url.hostname:
            raise Refusal("error: the server %s is not an https URL" % config["server"])
        self.host, self.port = url.hostname, url.port or 443

    def _context(self):
        if not self.config.get("cert"):
            return tls.client_context(self.config.get("ca"))
        with tempfile.NamedTemporaryFile("w") as f:  # load_cert_chain reads files only; mode 0600
            f.write(self.config["cert"] + "\n" + (self.config.get("key") or ""))
            f.flush()
            return tls.client_context(self.config.get("ca"), f.name)

    def _connect(self):
        self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.seconds, context=self._context())
        self.connection.connect()

    def server_ca(self):
        return self.config.get("ca")

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.config.get("token"):
            headers["Authorization"] = "Bearer " + self.config["token"]
        try:
            if not self.connection:
                self._connect()
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            r = self.connection.getresponse()
            data = r.read()
        except ssl.SSLError as e:
            self.close()
            if "UNKNOWN_CA" in str(e) or "BAD_CERTIFICATE" in str(e) or "CERTIFICATE_EXPIRED" in str(e):
                raise ApiError(401, {"message": "Unauthorized", "reason": "Unauthorized"}) from None
            raise Unreachable("Unable to connect to the server: " + tls.explain(e, self.host)) from None
        except socket.gaierror:
            self.close()
            raise Unreachable("Unable to connect to the server: dial tcp: lookup %s: no such host" % self.host) from None
        except ConnectionRefusedError:
            self.close()
            raise Unreachable("The connection to the server %s:%d was refused - did you specify the right host or port?" %
                              (self.host, self.port)) from None
        except TimeoutError:
            self.close()
            raise Unreachable("Unable to connect to the server: net/http: request canceled while waiting for connection "
                              "(Client.Timeout exceeded while awaiting headers)") from None
        except (OSError, http.client.HTTPException) as e:
            self.close()
            raise Unreachable("Unable to connect to the server: %s" % (os.strerror(e.errno) if getattr(e, "errno", None) else "EOF")) from None
        text = data.decode("utf-8", "replace")
        out = json.loads(text) if r.headers.get("Content-Type") == "application/json" else text
        if r.status >= 400:
            raise ApiError(r.status, out)
        return out

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def from_file(path, seconds=10.0):
    return Client(kubeconfig(path), seconds)
