"""Certificates, by the openssl command, and TLS connections that are checked as the real clients check them."""
import base64
import hashlib
import os
import secrets
import ssl
import tempfile

from .common import Refusal, read, run, write

BARE = "[req]\ndistinguished_name=dn\n[dn]\n"
CLIENT, SERVER, BOTH = "clientAuth", "serverAuth", "serverAuth,clientAuth"


def _extensions(sans, usage):
    words = ["-addext", "keyUsage=critical,digitalSignature,keyEncipherment", "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "extendedKeyUsage=" + usage]
    if sans:
        words += ["-addext", "subjectAltName=" + ",".join(sans)]
    return words


def _subject(cn, orgs):
    return "".join("/O=" + o for o in orgs) + "/CN=" + cn


def san_list(names):
    """Names and addresses, in the form that openssl takes, each once."""
    out = []
    for n in names:
        kind = "IP" if all(c in "0123456789abcdefABCDEF.:" for c in n) and (":" in n or n.count(".") == 3) else "DNS"
        item = "%s:%s" % (kind, n)
        if item not in out:
            out.append(item)
    return out


def issue(ca, cn, orgs, sans, usage, crt, key, days=365):
    """A leaf from the CA whose files are ca.crt and ca.key. Elliptic keys: the stand-in makes many of them."""
    with tempfile.NamedTemporaryFile("w") as conf:
        conf.write(BARE)
        conf.flush()
        os.makedirs(os.path.dirname(crt), exist_ok=True)
        old = os.umask(0o077)
        try:
            run(["openssl", "req", "-config", conf.name, "-x509", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-subj", _subject(cn, orgs), "-set_serial", "0x" + secrets.token_hex(8),
                 "-days", str(days), "-sha256", *_extensions(san_list(sans), usage), "-keyout", key, "-out", crt])
        finally:
            os.umask(old)
        os.chmod(crt, 0o644)


def make_ca(path, cn):
    with tempfile.NamedTemporaryFile("w") as conf:
        conf.write(BARE)
        conf.flush()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        run(["openssl", "req", "-config", conf.name, "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + cn, "-days", "3650", "-sha256",
             "-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE",
             "-keyout", path + ".key", "-out", path + ".crt"])
        os.chmod(path + ".key", 0o600)


def make_csr(cn, orgs, key):
    with tempfile.NamedTemporaryFile("w") as conf:
        conf.write(BARE)
        conf.flush()
        os.makedirs(os.path.dirname(key), exist_ok=True)
        old = os.umask(0o077)
        try:
            return run(["openssl", "req", "-config", conf.name, "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", _subject(cn, orgs), "-keyout", key]).stdout
        finally:
            os.umask(old)


def sign_csr(ca, csr, days=365):
    """Signs a client certificate after the request's own signature was checked."""
    with tempfile.TemporaryDirectory() as d:
        write(d + "/csr", csr)
        write(d + "/ext", "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n")
        return run(["openssl", "x509", "-req", "-in", d + "/csr", "-CA", ca + ".crt", "-CAkey", ca + ".key", "-set_serial",
                    "0x" + secrets.token_hex(8), "-days", str(days), "-sha256", "-extfile", d + "/ext"]).stdout


def csr_subject(csr):
    p = run(["openssl", "req", "-noout", "-verify", "-subject", "-nameopt", "multiline"], data=csr)
    out = {}
    for line in p.stdout.splitlines():
        name, eq, value = line.partition("=")
        if eq:
            out.setdefault(name.strip(), []).append(value.strip())
    return out


def public_of_cert(pem):
    return run(["openssl", "x509", "-noout", "-pubkey"], data=pem).stdout


def public_of_key(path):
    return run(["openssl", "pkey", "-in", path, "-pubout"]).stdout


def ca_hash(pem):
    """kubeadm's pin of a CA: the SHA-256 of its SubjectPublicKeyInfo."""
    body = "".join(line for line in public_of_cert(pem).splitlines() if not line.startswith("---"))
    return "sha256:" + hashlib.sha256(base64.b64decode(body)).hexdigest()


def pair(crt, key):
    try:
        return public_of_cert(read(crt)) == public_of_key(key)
    except (OSError, Refusal):
        return False


def chains(ca_crt, crt):
    return run(["openssl", "verify", "-CAfile", ca_crt, crt], check=False).returncode == 0


def expired(crt):
    return run(["openssl", "x509", "-noout", "-checkend", "0", "-in", crt], check=False).returncode != 0


def server_context(crt, key, client_ca, required):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(crt, key)
    c.load_verify_locations(client_ca)
    c.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return c


def client_context(ca_pem=None, crt=None, key=None):
    """Checks the server's chain and name, unless there is no CA (discovery: pinned afterwards)."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_pem is None:
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
    else:
        c.load_verify_locations(cadata=ca_pem)
    if crt:
        c.load_cert_chain(crt, key)
    return c


def explain(e, host):
    """An ssl.SSLError in the words of Go's library."""
    text = str(e)
    if isinstance(e, ssl.SSLCertVerificationError):
        if "ostname" in text or "IP address mismatch" in text:
            return "tls: failed to verify certificate: x509: certificate is not valid for %s" % host
        if "expired" in text or "not yet valid" in text:
            return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"
        return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    return "remote error: tls: %s" % text
