"""Print the test files in which something was skipped, from the JUnit XML of a run of pytest.

What skips lacks a library here, so only these files say more where every extra is installed.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

files = set()
for case in ET.parse(sys.argv[1]).iter("testcase"):  # noqa: S314 - our own
    if case.find("skipped") is not None:
        parts = (case.get("classname") or case.get("name") or "").split(".")
        while parts and not Path(*parts).with_suffix(".py").is_file():
            parts.pop()
        if not parts:
            sys.exit(f"no file of {case.attrib}")
        files.add(str(Path(*parts).with_suffix(".py")))
sys.stdout.write("".join(f"{file}\n" for file in sorted(files)))
