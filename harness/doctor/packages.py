"""The Python packages that the kit is built on, as its own metadata names them."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from harness.doctor.check import NOTE, Check
from harness.doctor.tools import dotted, numbers
from harness.report.log import FAIL, PASS

KIT = "wedge-kit"
OLDEST_PYTHON = (3, 11)

_REQUIREMENT = re.compile(r"^([\w.-]+)\s*([^;]*?)\s*(;.*extra.*)?$")
_BOUND = re.compile(r"(>=|<)\s*([\d.]+)")


def check_packages() -> Iterator[Check]:
    """A check for Python, for the kit itself, and for each package that it names."""
    version = sys.version_info[:3]
    wanted = f"{dotted(OLDEST_PYTHON)} or newer"
    verdict = PASS if version >= OLDEST_PYTHON else FAIL
    yield Check("machine/python", verdict, None, dotted(version), wanted, sys.executable)
    try:
        requirements = metadata.requires(KIT) or []
    except metadata.PackageNotFoundError:
        detail = f"{KIT} is not installed in this environment, so what it needs is not known."
        advice = "Run `ci/kit`, or `pip install -e .` in the checkout."
        yield Check(f"machine/{KIT}", FAIL, None, "not installed", "installed", detail, advice)
        return
    for requirement in requirements:
        if found := _REQUIREMENT.match(requirement):
            yield _check(found[1], found[2], bool(found[3]))


def _check(package: str, bounds: str, extra: bool) -> Check:
    name, wanted, bad = f"machine/{package}", bounds.replace(",", ", "), NOTE if extra else FAIL
    use = " It is for work on the kit itself." if extra else ""
    advice = f'Run `pip install "{package}{bounds}"`, or `ci/kit`.'
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        detail = f"{package} is not installed.{use}"
        return Check(name, bad, None, "not installed", wanted, detail, advice)
    for sign, bound in _BOUND.findall(bounds):
        if (numbers(version) < numbers(bound)) == (sign == ">="):
            detail = f"{package} {version} is not {sign} {bound}.{use}"
            return Check(name, bad, None, version, wanted, detail, advice)
    return Check(name, PASS, None, version, wanted)
