"""A guest floods its console: memory and disk stay bounded, and its last words are kept."""

import re
import time
from pathlib import Path

import pytest

from harness.machine import logs
from harness.machine.config import DEBUG_LOG, SERIAL_LOG
from harness.machine.logs import Logs
from tests.commands.toys import say
from tests.faults.kit import Kit
from tests.machine import toys
from tests.machine.conftest import Boot

FLOOD = 100 * 1000 * 1000
BLOCK = 512  # bytes, in which a file's room is counted (stat(2))


def room(folder: Path) -> int:
    """Bytes that the files of a folder take on the disk."""
    return sum(path.stat().st_blocks * BLOCK for path in folder.iterdir())


def test_a_flood_of_100_mb_leaves_its_end_in_bounded_room(tmp_path: Path) -> None:
    flooded = Logs(tmp_path, (SERIAL_LOG,))
    line = b"the guest has gone wild, line %07d\n"
    block = 1 << 14  # lines
    most = 0
    with (tmp_path / SERIAL_LOG).open("wb", buffering=0) as log:  # as QEMU holds it
        for number in range(0, FLOOD // len(line % 0), block):
            log.write(b"".join(line % n for n in range(number, number + block)))
            flooded.trim()
            most = max(most, room(tmp_path))
        log.write(b"the last words\n")
    size = (tmp_path / SERIAL_LOG).stat().st_size
    assert size > FLOOD
    assert most <= logs.MOST + 2 * block * len(line % 0)
    text = flooded.text(SERIAL_LOG)
    assert text.endswith("\nthe last words\n")
    assert len(text) == logs.KEPT
    assert flooded.part(SERIAL_LOG, size - 6, 100) == b"words\n"
    flooded.end(tmp_path / "kept")
    kept = (tmp_path / "kept" / SERIAL_LOG).read_bytes()
    assert re.match(rb"\[\d{8} bytes are left out here\]\n", kept)
    assert kept.endswith(b"\nthe last words\n")
    assert len(kept) <= logs.MOST


def test_a_guest_that_floods_is_held_in_bounds_while_it_runs(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST", 1 << 17)
    monkeypatch.setattr(logs, "KEPT", 1 << 14)
    monkeypatch.setattr(logs, "TRIM_EVERY", 0.02)
    # mov $0x100000, %esi; mov $0xe9, %dx; mov $0x80000, %ecx; rep outsb: half a MiB
    flood = bytes.fromhex("fc be00001000 66bae900 b900000800 f36e") + toys.debug_print("\nbye\n")
    machine = boot(flood + toys.SPIN)
    machine.wire().run_to(toys.ENTRY + len(flood), timeout=60)
    folder = machine.gdb_socket.parent
    deadline = time.monotonic() + 20
    while room(folder) > 1 << 18 and time.monotonic() < deadline:  # what came last is trimmed next
        time.sleep(0.02)
    assert (folder / DEBUG_LOG).stat().st_size == (1 << 19) + len("\nbye\n")
    assert room(folder) <= 1 << 18
    assert machine.debug_console().endswith("\nbye\n")
    assert "last lines of the debug console:" in machine.picture()


def test_a_line_that_never_ends_is_shown_in_part(kit: Kit) -> None:
    answer = kit.boot(say("x" * 1000 + " good bye") + toys.RESET, until="nothing of the kind")
    assert answer.status == 1
    assert f"\n  ... {'x' * 191} good bye\n" in answer.said
    assert "x" * 192 not in answer.said
