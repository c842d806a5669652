#!/usr/bin/python3 -I
"""render.py DIR NAME=VALUE...: renders the *.tmpl files below DIR as an admin would by hand. It knows just the constructs
that the stand-in's own templates have; the program's renderer is another one, so that each tests the other."""
import os
import re
import sys

ACTION = re.compile(r"(?P<l>\s*\{\{-|\{\{)\s*(?P<w>.*?)\s*(?P<r>-\}\}\s*|\}\})", re.S)
OLD = 'or (not .SEALOS_SYS_KUBE_VERSION) (eq .SEALOS_SYS_KUBE_VERSION "") (not (semverCompare "^1.27.0" .SEALOS_SYS_KUBE_VERSION))'


def condition(words, env):
    if words == OLD:
        return int((env.get("SEALOS_SYS_KUBE_VERSION") or "v1.0.0").split(".")[1]) < 27
    m = re.fullmatch(r'eq \.(\w+) "(.*)"', words)
    if m:
        return env.get(m.group(1)) == m.group(2)
    m = re.fullmatch(r"\.(\w+)", words)
    if m:
        return bool(env.get(m.group(1)))
    sys.exit("render.py: if %s" % words)


def value(words, env):
    m = re.fullmatch(r'(?:default "(?P<d>[^"]*)" )?\.(?P<n>\w+)(?P<q> \| quote)?', words)
    if not m:
        sys.exit("render.py: %s" % words)
    v = env.get(m.group("n")) or m.group("d") or ""
    return '"%s"' % v if m.group("q") else v


def render(text, env):
    out, shown, at = [], [True], 0
    for m in ACTION.finditer(text):
        if all(shown):
            out.append(text[at:m.start()])
        at, words = m.end(), m.group("w")
        if words.startswith("if "):
            shown.append(condition(words[3:], env))
        elif words == "else":
            shown[-1] = not shown[-1]
        elif words == "end":
            shown.pop()
        elif all(shown):
            out.append(value(words, env))
    return "".join(out) + text[at:]


def main():
    env = dict(a.split("=", 1) for a in sys.argv[2:])
    for where, _, files in os.walk(sys.argv[1]):
        for f in files:
            if f.endswith(".tmpl"):
                with open(where + "/" + f, encoding="utf-8") as source, open((where + "/" + f)[:-5], "w", encoding="utf-8") as out:
                    out.write(render(source.read(), env))


main()
