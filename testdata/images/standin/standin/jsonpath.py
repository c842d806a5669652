"""The jsonpath of kubectl, as far as it is used, and strictly: anything else is an error."""
import json
import re

from .common import Refusal

TOKEN = re.compile(r"""\{range\s+(?P<range>[^}]*)\}|(?P<end>\{end\})|\{"(?P<text>(?:[^"\\]|\\.)*)"\}|\{(?P<path>\.[^}]*|@[^}]*)\}|(?P<plain>[^{}]+)""")
STEP = re.compile(r"""\.(?P<name>(?:[A-Za-z0-9_/-]|\\\.)+)|\[(?P<all>\*)\]|\[(?P<index>\d+)\]|\['(?P<quoted>[^']*)'\]"""
                  r"""|\[\?\(@\.(?P<field>[A-Za-z0-9_.]+)==(?P<quote>["'])(?P<value>[^"']*)(?P=quote)\)\]""")


def parse(template):
    """[(kind, argument, children)] of the template."""
    stack, at = [[]], 0
    while at < len(template):
        m = TOKEN.match(template, at)
        if not m:
            raise Refusal("error: error parsing jsonpath %s, unrecognized character in action at %d" % (template, at))
        at = m.end()
        if m.group("range") is not None:
            inner = []
            stack[-1].append(("range", steps(m.group("range").strip(), template), inner))
            stack.append(inner)
        elif m.group("end"):
            if len(stack) == 1:
                raise Refusal("error: error parsing jsonpath %s, not in range" % template)
            stack.pop()
        elif m.group("path") is not None:
            stack[-1].append(("path", steps(m.group("path"), template), None))
        elif m.group("text") is not None:
            stack[-1].append(("text", json.loads('"%s"' % m.group("text")), None))
        else:
            stack[-1].append(("text", m.group("plain"), None))
    if len(stack) != 1:
        raise Refusal("error: error parsing jsonpath %s, unclosed action" % template)
    return stack[0]


def steps(path, template):
    out, at = [], 1 if path.startswith("@") else 0
    while at < len(path):
        m = STEP.match(path, at)
        if not m:
            raise Refusal("error: error parsing jsonpath %s, unrecognized character in action: %s" % (template, path[at:]))
        at = m.end()
        out.append(m)
    return out


def select(values, path):
    for m in path:
        out = []
        for v in values:
            name = m.group("quoted") if m.group("quoted") is not None else m.group("name")
            if name is not None:
                name = name.replace("\\.", ".")
                if isinstance(v, dict) and name in v:
                    out.append(v[name])
            elif m.group("all"):
                out += v if isinstance(v, list) else list(v.values()) if isinstance(v, dict) else []
            elif m.group("index"):
                if isinstance(v, list) and int(m.group("index")) < len(v):
                    out.append(v[int(m.group("index"))])
            else:
                for item in v if isinstance(v, list) else []:
                    got = select([item], steps("." + m.group("field"), ""))
                    if got and str(got[0]) == m.group("value"):
                        out.append(item)
        values = out
    return values


def show(v):
    """A value as Go prints it there."""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (dict, list)):
        return json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "" if v is None else str(v)


def render(nodes, value):
    out = []
    for kind, argument, children in nodes:
        if kind == "text":
            out.append(argument)
        elif kind == "path":
            out.append(" ".join(show(v) for v in select([value], argument)))
        else:
            out += [render(children, item) for item in select([value], argument)]
    return "".join(out)


def evaluate(template, value):
    return render(parse(template), value)
