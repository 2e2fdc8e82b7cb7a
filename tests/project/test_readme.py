"""What the README shows is what there is: its examples run, and its output is real."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.rom import load_rom
from tests.commands.verbs import copy_of_checkout

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", README, re.S))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the README's files in it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
    )


def _inv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(folder, "-m", "invoke", "--search-root", str(ROOT), *arguments)


def test_the_readme_has_all_its_examples() -> None:
    assert FILES.keys() == {"cpuid.s", "mine.py", "hello.s", "hello.py", "test_mine.py"}


def test_a_call_of_ones_own_and_a_test_of_ones_own_work(folder: Path) -> None:
    built = _run(folder, "mine.py")
    assert built.stdout.strip() == "build/mine-3.0.rom", built.stderr
    symbols = load_rom(folder / "build/mine-3.0.rom").symbols
    assert "my_CPUID" in symbols
    assert _inv(folder, "build", "--backend", "bare").returncode == 0
    guest = folder / "build/checks.elf"
    script = "from guests.build import *; write_guest(build_guest('checks'), Path('build'))"
    assert _run(folder, "-c", script).returncode == 0
    options = ["--wedge-rom", "build/mine-3.0.rom", "--wedge-guest", str(guest)]
    tested = _run(folder, "-m", "pytest", "-p", "no:cacheprovider", *options, "test_mine.py")
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr


def test_a_guest_of_ones_own_boots(folder: Path) -> None:
    made = _run(folder, "hello.py")
    assert made.returncode == 0, made.stderr
    booted = _inv(folder, "boot", "--guest", "hello.elf", "--until", "hello, ROM")
    assert booted.returncode == 0, booted.stdout + booted.stderr
    assert "hello, ROM" in booted.stdout


def test_the_checks_and_the_picture_shown_are_those_that_boot_prints(tmp_path: Path) -> None:
    [shown] = re.findall(r"<!-- output: boot -->\n```\n(.*?)```", README, re.S)
    printed = _inv(tmp_path, "boot").stdout

    def anywhere(text: str) -> str:
        """Without what another QEMU, or its SeaBIOS, has otherwise."""
        text = re.sub(r"QEMU [\d.]+", "QEMU", text.replace(f"{ROOT}/", ""))
        return re.sub(r"\b(at [0-9A-F]{5}|idt  0x\w+)", "somewhere", text)

    def checks(text: str) -> list[str]:
        return [line for line in text.splitlines() if re.match(r" +(pass|fail) ", line)]

    def picture(text: str) -> list[str]:
        return text[text.index("the seed case") :].splitlines()[:7]

    shown, printed = anywhere(shown), anywhere(printed)
    outside = [line for line in checks(printed) if re.match(r"\S+ +(seed|tables)/", line.strip())]
    assert checks(shown) == outside
    assert f"the guest's own {len(checks(printed)) - len(outside)} checks" in README
    assert shown.splitlines()[:3] == printed.splitlines()[:3]
    assert picture(shown) == picture(printed)


def test_the_sweep_shown_is_the_one_that_explore_prints(tmp_path: Path) -> None:
    [shown] = re.findall(r"<!-- output: explore -->\n```\n(.*?)```", README, re.S)
    [words] = re.findall(r"^That was `inv explore (.*?)`", README, re.M)
    # In a copy: a sweep of the user's own may be under way in the checkout, or have left its map.
    copy = str(copy_of_checkout(tmp_path))
    explored = _run(tmp_path, "-m", "invoke", "--search-root", copy, "explore", *words.split())
    assert explored.returncode == 0, explored.stdout + explored.stderr

    def figures(text: str) -> list[str]:
        text = re.sub(r"\d+ cases a second", "some cases a second", text)
        text = re.sub(r"map: .*build/", "map: build/", text)
        return [line.rstrip() for line in text.strip().splitlines()]

    assert figures(shown) == figures(explored.stdout)


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_dependency_is_explained() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    table = README[README.index("## What it is built on") :]
    for name in re.findall(r'^    "([\w.-]+)>=', project, re.M):
        assert name in table, f"the README does not say why {name} is needed"
