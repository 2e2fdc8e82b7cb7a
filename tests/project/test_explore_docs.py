"""What the page on the sweep shows is what there is: its examples run."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.rom import Rom

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explore.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", PAGE, re.S))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
    )


def test_a_sweep_from_python_holds(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILES["mine_explored.py"])
    done = run(tmp_path, "mine.py")
    assert done.stdout.split() == ["pass", "0"], done.stderr


@pytest.mark.parametrize(("name", "said"), [("a.case", "arrives at"), ("a.events", "4 events")])
def test_the_replay_files_hold_once_they_name_the_build(
    roms: Mapping[str, Rom], tmp_path: Path, name: str, said: str
) -> None:
    build_id = roms["bare"].manifest["build_id"]
    (tmp_path / name).write_text(FILES[name].replace("BUILD", build_id))
    explored = run(
        *(tmp_path, "-m", "invoke", "--search-root", str(ROOT), "explore", "--replay", name)
    )
    assert explored.returncode == 0, explored.stdout + explored.stderr
    assert said in explored.stdout


def test_every_file_that_the_page_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
