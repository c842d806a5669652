"""What the stand-in's commands share: messages, files, processes, and the hooks by which tests make them fail or wait."""
import os
import socket
import subprocess
import sys
import time

from . import version

VERSION = version.VERSION
MINOR = int(VERSION.split(".")[1])
KUBE = "/etc/kubernetes"
PKI = KUBE + "/pki"
MANIFESTS = KUBE + "/manifests"
KUBELET_DIR = "/var/lib/kubelet"
POD_STATE = "/run/standin/pods"
API_DIR = "/run/lab-api"  # the lab mounts one directory there in every node


class Refusal(Exception):
    """A command's refusal: its message for stderr and its exit code."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.message, self.code = message, code


def say(*words):
    print(*words, flush=True)


def warn(*words):
    print(*words, file=sys.stderr, flush=True)


def read(path, mode="r"):
    with open(path, mode) as f:
        return f.read()


def write(path, data, mode=0o644):
    """Replaces a file in one step."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    temporary = "%s/.%s.%d.%d" % (directory, os.path.basename(path), os.getpid(), time.monotonic_ns())
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)
    os.chmod(temporary, mode)
    os.rename(temporary, path)


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def run(argv, data=None, check=True):
    p = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and p.returncode != 0:
        raise Refusal("%s: %s: exit status %d" % (argv[0], (p.stderr or p.stdout).strip(), p.returncode))
    return p


def systemctl(*words):
    return run(["systemctl", *words], check=False)


def fault(name):
    """The content of /run/lab-fail/NAME, which is used up by being read, or None. A number N means N times."""
    path = "/run/lab-fail/" + name
    try:
        text = read(path).strip()
    except OSError:
        return None
    if text.isdigit() and int(text) > 1:
        write(path, "%d\n" % (int(text) - 1))
    else:
        remove(path)
    return text


def fail_once(name, message, code=1):
    if fault(name) is not None:
        raise Refusal(message, code)


def hold(name):
    """Waits while /run/lab-hold-NAME is there. /run/lab-held-NAME tells the test that the place was reached."""
    path = "/run/lab-hold-" + name
    if os.path.exists(path):
        write("/run/lab-held-" + name, "%d\n" % os.getpid())
        while os.path.exists(path):
            time.sleep(0.05)
        remove("/run/lab-held-" + name)


def wait_for(condition, seconds, step=0.1):
    """True as soon as condition() is; False after that many seconds."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(step)


def hostname():
    return socket.gethostname().lower()


def machine_id():
    try:
        return read("/etc/machine-id").strip()
    except OSError:
        return ""


def own_address():
    """The address that the default route leaves from; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def alive(pid, word):
    try:
        return word.encode() in read("/proc/%d/cmdline" % pid, "rb")
    except OSError:
        return False


class Flags:
    """A strict reader of command lines: what is not in `known` is an unknown flag.
    known: name -> True (takes a value) or False (a switch); short: letter -> name."""

    def __init__(self, argv, known, short=None, unknown=None):
        self.values, self.words = {}, []
        short = short or {}
        i = 0
        while i < len(argv):
            a = argv[i]
            i += 1
            if a == "--":
                self.words += argv[i:]
                break
            if not a.startswith("-") or a == "-":
                self.words.append(a)
                continue
            name, eq, value = a.lstrip("-").partition("=")
            if not a.startswith("--"):
                name = short.get(name, "-" + name)
            if name not in known:
                word = "--" + name if a.startswith("--") else a
                raise Refusal(unknown % word if unknown else "error: unknown flag: %s" % word)
            if known[name] and not eq:
                if i >= len(argv):
                    raise Refusal("error: flag needs an argument: --%s" % name)
                value = argv[i]
                i += 1
            self.values[name] = value if known[name] else (value or "true")

    def get(self, name, default=None):
        return self.values.get(name, default)


def main_wrapper(function, argv):
    try:
        return function(argv) or 0
    except Refusal as r:
        if r.message:
            warn(r.message)
        return r.code
    except BrokenPipeError:
        return 1
