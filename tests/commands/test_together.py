"""Verbs that run at the same time in one checkout do each other no harm."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rom.build import write_file
from tests.commands.verbs import Inv


def test_boots_and_a_build_at_once_all_hold(inv: Inv) -> None:
    verbs = (("boot",), ("build",), ("boot",), ("build", "--backend", "bare"))
    with ThreadPoolExecutor(len(verbs)) as pool:
        done = [pool.submit(inv, *words) for words in verbs]
    for verb in done:
        assert verb.result().returncode == 0, verb.result().stderr
        assert verb.result().stderr == ""


def test_a_file_is_whole_whoever_writes_it_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "image.rom"
    contents = [bytes([number]) * 100_000 for number in range(4)]
    path.write_bytes(contents[0])

    def write_and_read(content: bytes) -> set[bytes]:
        found = set()
        for _ in range(50):
            write_file(path, content)
            found.add(path.read_bytes())
        return found

    with ThreadPoolExecutor(len(contents)) as pool:
        for found in pool.map(write_and_read, contents):
            assert found <= set(contents)
    assert list(tmp_path.iterdir()) == [path]
