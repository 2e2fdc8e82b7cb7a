"""The JUnit XML of the whole matrix: what pytest wrote for each cell, in one file."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from ci.matrix.cell import Result
from harness.report.log import ERROR

BOOT = "boot: "
"""What begins the name of a failure that is a check of the boot, of which pytest knows nothing."""


def merged(cells: Sequence[Result], folder: Path) -> bytes:
    """The suites of all cells. One for the cell itself comes before: pytest does not know whether
    the cell could be asked at all, and how its boot went.
    """
    root = ET.Element("testsuites", name="matrix")
    for cell in cells:
        root.append(_own(cell))
        try:
            root.extend(ET.parse(folder / f"{cell.report}.xml").getroot().iter("testsuite"))
        except (OSError, ET.ParseError):
            continue  # no test ran; why is in the cell's own suite
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _own(cell: Result) -> ET.Element:
    name = f"{cell.qemu} {cell.machine} {cell.backend}"
    failed = [failure for failure in cell.failures if failure.startswith(BOOT)]
    suite = ET.Element("testsuite", name=f"{name}: boot", time=str(cell.seconds), tests="1")
    suite.set("errors", str(int(cell.verdict == ERROR)))
    suite.set("failures", str(int(bool(failed) and cell.verdict != ERROR)))
    case = ET.SubElement(suite, "testcase", classname=name, name="boot", time=str(cell.seconds))
    if cell.verdict == ERROR:
        ET.SubElement(case, "error", message=cell.detail)
    elif failed:
        ET.SubElement(case, "failure", message="; ".join(failed))
    return suite
