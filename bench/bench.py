"""What the benchmarks share: measured runs of a program, generated Clusterfiles, tables."""

import os
import statistics
import subprocess
import sys
import time


class Run:
    """One run of a program: wall and CPU seconds (its own children included), largest resident set in MB."""

    def __init__(self, argv, stdin=None, ok=(0,), env=None):
        self.argv = argv
        with open(stdin or os.devnull, "rb") as source, open("stdout", "wb") as out, open("stderr", "wb") as err:
            before = time.monotonic()
            child = subprocess.Popen(argv, stdin=source, stdout=out, stderr=err, env=env)
            _, status, usage = os.wait4(child.pid, 0)
            self.wall = time.monotonic() - before
        child.returncode = self.code = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024
        self.ok = self.code in ok
        with open("stdout", "rb") as out, open("stderr", "rb") as err:
            self.out, self.err = out.read(), err.read()

    def why(self):
        said = self.err.decode(errors="replace").strip().split("\n")[-1]
        return f"exit {self.code}: {said[:100]}"


class Row:
    """Several runs of one program, shown by their medians and the span of the wall times."""

    def __init__(self, name, runs, note=""):
        self.name, self.note = name, note
        good = [r for r in runs if r.ok]
        self.failed = None if good else runs[-1].why()
        if good:
            self.wall = statistics.median(r.wall for r in good)
            self.low, self.high = min(r.wall for r in good), max(r.wall for r in good)
            self.cpu = statistics.median(r.cpu for r in good)
            self.rss = max(r.rss for r in good)


def table(title, rows, unit="s"):
    scale, digits = (1000, 1) if unit == "ms" else (1, 2)
    print(f"\n{title}")
    head = ["", f"wall, {unit}", "(span)", f"CPU, {unit}", "memory, MB", ""]
    lines = [head]
    for r in rows:
        if r.failed:
            lines.append([r.name, "-", "", "-", "-", r.failed])
        else:
            f = lambda x: f"{x * scale:.{digits}f}"
            lines.append([r.name, f(r.wall), f"{f(r.low)}-{f(r.high)}", f(r.cpu), f"{r.rss:.1f}", r.note])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print("  " + "  ".join(c.ljust(w) if i in (0, 5) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())
    sys.stdout.flush()


def ratio(rows, mine, theirs, what="wall"):
    """A line that compares two rows, where both ran."""
    found = {r.name: r for r in rows if not r.failed}
    if mine in found and theirs in found:
        a, b = getattr(found[mine], what), getattr(found[theirs], what)
        print(f"  {what}: {mine} is {a / b:.2f} x {theirs}" if a * 3 > b else f"  {what}: {mine} is 1/{b / a:.0f} of {theirs}")


def clusterfile(path, addresses, key, image):
    """One master, the rest workers, each with an entry of its own, as generators write them."""
    with open(path, "w") as f:
        f.write("apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata:\n  name: bench\nspec:\n")
        f.write(f"  image:\n    - {image}\n  ssh:\n    user: root\n    pk: {key}\n  hosts:\n")
        for i, ip in enumerate(addresses):
            role = "node" if i else "master"
            f.write(f"    - ips:\n        - {ip}:22\n      roles:\n        - {role}\n        - amd64\n")
