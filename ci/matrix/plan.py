"""What the matrix is: `ci/matrix.toml`, read and checked."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from rom.backends import BACKENDS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "ci" / "matrix.toml"


@dataclass(frozen=True)
class Version:
    """A QEMU version and the suites of Debian that it comes from, the one that holds it first.

    version: upstream's, major and minor. release: what Debian calls that suite.
    """

    version: str
    suites: tuple[str, ...]
    release: str


@dataclass(frozen=True)
class Difference:
    """A difference in behaviour that is known and expected.

    what: a sentence. where: the versions or machine types that differ. test: the node id of the
    test that covers it.
    """

    what: str
    where: str
    test: str


@dataclass(frozen=True)
class Plan:
    """The whole matrix. tests: what runs in a cell, as arguments of pytest; limit: its seconds.

    container: the image in which a public forge runs it.
    """

    versions: tuple[Version, ...]
    machines: tuple[str, ...]
    backends: tuple[str, ...]
    tests: tuple[str, ...]
    limit: float
    container: str
    differences: tuple[Difference, ...]

    def only(self, machine: str = "", backend: str = "") -> "Plan":
        """The part for one machine type or backend, "" for all. Raises HarnessError."""
        if machine and machine not in self.machines:
            raise HarnessError(
                f"There is no machine {machine!r} in the matrix; give {', '.join(self.machines)}."
            )
        if backend and backend not in self.backends:
            raise HarnessError(
                f"There is no backend {backend!r} in the matrix; give {', '.join(self.backends)}."
            )
        return replace(
            self,
            machines=(machine,) if machine else self.machines,
            backends=(backend,) if backend else self.backends,
        )


def read_plan(file: Path = FILE) -> Plan:
    """Read the data file. Raises HarnessError, which names the file and the key, when it is not
    sound.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise HarnessError(f"{file} is not TOML: {error}.") from error
    try:
        plan = _plan(data)
        _check(plan)
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(
            f"{file} is not sound: {error}; see its head for what it says."
        ) from None
    return plan


def _plan(data: dict[str, Any]) -> Plan:
    return Plan(
        versions=tuple(Version(**_frozen(row)) for row in data.pop("qemu")),
        differences=tuple(Difference(**_frozen(row)) for row in data.pop("difference")),
        **_frozen(data),
    )


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def _check(plan: Plan) -> None:
    for name in ("versions", "machines", "backends", "tests"):
        if not getattr(plan, name):
            raise ValueError(f"there are no {name}")
    for what, found in (
        ("version", [version.version for version in plan.versions]),
        ("machine", list(plan.machines)),
        ("backend", list(plan.backends)),
    ):
        if len(set(found)) != len(found):
            raise ValueError(f"a {what} is there twice")
    if unknown := set(plan.backends) - BACKENDS.keys():
        raise ValueError(f"there is no backend {', '.join(sorted(unknown))}")
    if not plan.limit > 0:
        raise ValueError("limit is no time")
