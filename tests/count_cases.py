"""count_cases.py CTEST-JUNIT.XML: prints "PASSED FAILED", counted in test cases where a program is cmocka's (which
prints its own summary) and in programs otherwise. A program that crashed counts as one failure more than its cases."""

import re
import sys
import xml.etree.ElementTree as tree


def last_count(word, text):
    found = re.findall(r"^\[ +" + word + r" +\] +(\d+) test\(s\)", text, re.M)
    return sum(map(int, found)) if found else None


passed = failed = 0
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    out = (case.findtext("system-out") or "") + (case.findtext("failure") or "")
    good, bad = last_count("PASSED", out), last_count("FAILED", out)
    if case.get("status") == "run":
        passed += good or 1
    else:
        passed += good or 0
        failed += bad or 1
print(passed, failed)
