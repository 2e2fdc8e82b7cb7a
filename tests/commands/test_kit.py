"""`ci/kit`: on a machine that is ready it only starts the task."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.commands.verbs import CHECKOUT, Done, program, run

KIT = CHECKOUT / "ci/kit"
DEPENDS_ON_NOTHING = '[project]\nname = "fake"\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout that is ready, whose `inv` says how it was called."""
    root = tmp_path / "a checkout"
    (root / "ci").mkdir(parents=True)
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copy(KIT, root / "ci/kit")
    (root / "pyproject.toml").write_text(DEPENDS_ON_NOTHING)
    program(root / ".venv/bin/inv", 'printf "<%s>" "$@"; exit 7')
    content = (root / "pyproject.toml").read_bytes() + (root / "ci/kit").read_bytes()
    stamp = f"{root} {hashlib.sha256(content).hexdigest()}  -\n"
    (root / ".venv/ready").write_text(stamp)
    return root


def kit(tree: Path, *words: str) -> Done:
    """Run it with nothing on PATH that could install or make anything."""
    tools = tree / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "sha256sum", "mktemp", "tail", "rm", "flock", "env"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    return run([str(tree / "ci/kit"), *words], tree.parent, {"PATH": str(tools)})


def test_it_is_a_script_that_bash_can_read() -> None:
    done = subprocess.run(["bash", "-n", KIT], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert KIT.stat().st_mode & 0o111 == 0o111


def test_a_machine_that_is_ready_runs_the_task_and_answers_its_status(tree: Path) -> None:
    done = kit(tree, "boot", "--append", "two words", "")
    root = f"<--search-root><{tree}>"
    assert done.stdout == f"{root}<boot><--append><two words><>"
    assert (done.returncode, done.stderr) == (7, "")


def test_without_a_task_it_lists_them(tree: Path) -> None:
    assert kit(tree).stdout.endswith("<--list>")


@pytest.mark.parametrize("file", ["pyproject.toml", "ci/kit"])
def test_a_change_of_what_it_installs_makes_it_set_up_again(tree: Path, file: str) -> None:
    with (tree / file).open("a") as changed:
        changed.write("\n# changed\n")
    done = kit(tree, "boot")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Python 3.11 or newer was not found; install the Debian package python3" in done.stderr
