"""The house rules that a program can check, over all of the project's own files."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("rom", "guests", "harness", "ci", "tests", "tasks.py")
FLOORS = ("rom", "guests", "harness", "ci", "tasks")
"""The rooms from the ground up: each may import what is below it."""

MAY_IMPORT = {
    "rom/interface": ("rom.interface", "rom.errors"),
    "harness/machine": ("harness.machine", "harness.errors"),
    "harness/report": ("harness.report",),
    "ci": ("ci", "harness", "rom"),
}


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def _ours(text: str) -> list[str]:
    words = (line.split() for line in text.splitlines())
    found = [line[1] for line in words if len(line) > 1 and line[0] in ("import", "from")]
    return [name for name in found if name.split(".")[0] in FLOORS]


def test_ruff_finds_nothing() -> None:
    _run("ruff", "check", "--no-cache", *ROOMS)


def test_the_files_are_formatted() -> None:
    _run("ruff", "format", "--check", "--no-cache", *ROOMS)


def test_mypy_strict_finds_nothing() -> None:
    _run("mypy", *ROOMS)


@pytest.mark.parametrize("floor", range(len(FLOORS) - 1))
def test_no_import_runs_up_a_floor(floor: int) -> None:
    above = FLOORS[floor + 1 :]
    for path in (ROOT / FLOORS[floor]).rglob("*.py"):
        for name in _ours(path.read_text()):
            assert name.split(".")[0] not in above, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = MAY_IMPORT[room]
    for path in (ROOT / room).rglob("*.py"):
        for name in _ours(path.read_text()):
            fits = any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)
            assert fits, f"{path.relative_to(ROOT)} imports {name}"


def test_no_source_file_has_two_subjects() -> None:
    for room in ("rom", "harness", "guests", "ci"):
        for suffix in ("py", "s"):
            for path in (ROOT / room).rglob(f"*.{suffix}"):
                lines = len(path.read_text().splitlines())
                assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines; split it"
