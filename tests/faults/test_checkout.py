"""The checkout is read-only, or has an awkward name, or several suites run in it at once."""

import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.guest import GuestFile
from harness.rom import Rom
from tests.commands.verbs import Done, Inv, copy_of_checkout, program, run
from tests.faults.unprivileged import closed, plain
from tests.machine.toys import EXIT_42, multiboot

SUITE = """
from pathlib import Path

import pytest

from guests.build import build_guest, write_guest
from harness.guest import load_guest
from harness.rom import load_rom
from rom.backends import BACKENDS
from rom.build import write_image
from rom.image import build_image

BUILD = Path(__file__).parents[1] / "build"

@pytest.fixture
def wedge_rom():
    return load_rom(write_image(build_image(BACKENDS["native"]), BUILD))

@pytest.fixture
def wedge_guest():
    return load_guest(write_guest(build_guest("checks"), BUILD))

def test_a_call_answers(booted):
    assert booted.call("GetCR0")["eax"] & 1
"""


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, roms: Mapping[str, Rom], wedge_guest: GuestFile
) -> Path:
    """A copy of the checkout in which `inv build` and `inv boot` have run."""
    copy = copy_of_checkout(tmp_path_factory.mktemp("checkout"))
    (copy / "build").mkdir()
    for path in (*roms["bare"].path.parent.iterdir(), wedge_guest.path):
        shutil.copy(path, copy / "build")
    return copy


def closed_to(inv: Inv, root: Path, *words: str) -> Done:
    """A verb in a checkout that it may not write."""
    command = plain(inv.of(root).command(*words))
    with closed(root, 0o555):
        return run(command, inv.folder, inv.environment())


def test_a_read_only_checkout_boots_what_is_built(inv: Inv, root: Path) -> None:
    done = closed_to(inv, root, "boot")
    assert (done.returncode, done.stderr) == (0, "")
    assert "pass " in done.stdout


def test_a_read_only_checkout_without_a_build_names_what_cannot_be_written(
    inv: Inv, root: Path
) -> None:
    done = closed_to(inv, root, "bench", "--backend", "native")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {root}/build/bench.elf: cannot be written: Permission")
    assert len(done.stderr.splitlines()) == 1


def test_a_read_only_checkout_begins_no_matrix(inv: Inv, root: Path) -> None:
    begun = inv.folder / "begun"
    qemu = program(inv.folder / "qemu", f"touch '{begun}'")
    done = closed_to(inv, root, "matrix", "--qemu", str(qemu), "--machine", "pc")
    assert not begun.exists()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {root}/build/report/matrix.html: cannot be written: Per")


def test_all_paths_may_have_spaces_and_letters_that_are_not_ascii(inv: Inv, root: Path) -> None:
    temporary = inv.temporary / "ü b"
    temporary.mkdir()
    toy = multiboot(inv.folder, EXIT_42, "gäst 1")
    words = ("boot", "--guest", toy, "--json", "dät a.json")
    done = inv.of(root)(*words, TMPDIR=str(temporary), LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 1, done.stderr  # the guest says 42
    assert "gäst 1" in done.stdout
    assert '"verdict": "fail"' in (inv.folder / "dät a.json").read_text()
    assert list(temporary.iterdir()) == []
    temporary.rmdir()


def test_four_suites_at_once_in_one_checkout_all_pass(inv: Inv, root: Path) -> None:
    (root / "tests").mkdir(exist_ok=True)
    (root / "tests/test_it.py").write_text(SUITE)
    for left in (root / "build").iterdir():
        left.unlink()
    less = [word for name in ("cacheprovider", "hypothesispytest") for word in ("-p", f"no:{name}")]
    command = [sys.executable, "-m", "pytest", "-q", *less, "tests"]
    with ThreadPoolExecutor(4) as pool:
        suites = [pool.submit(run, command, root, inv.environment()) for _ in range(4)]
    for suite in suites:
        assert suite.result().returncode == 0, suite.result().stdout
    names = sorted(path.name for path in (root / "build").iterdir())
    assert names == ["checks.elf", *(f"native-3.0.{end}" for end in ("elf", "json", "lst", "rom"))]
