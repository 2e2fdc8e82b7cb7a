"""What a run leaves when it is asked for a report: the page, and a folder for each failed test."""

import fcntl
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.results import RunResults
from harness.suite.folder import LONGEST_NAME, folder_name
from harness.suite.run import read_results
from harness.suite.seeds import fix_seed
from tests.machine import toys
from tests.plugin.test_plugin import FILES, project, run, run_here, write_tests

__all__ = ["project"]  # a fixture

REPORT = ("--wedge-report", "out")

ALL_KINDS = """
    import pytest

    def test_good(): pass
    def test_bad(): assert 1 == 2
    def test_left(): pytest.skip("not here")
    @pytest.mark.xfail(reason="as is known")
    def test_known(): assert False
    @pytest.fixture
    def broken(): raise RuntimeError("no fixture")
    def test_in_error(broken): pass
    @pytest.fixture
    def ends_badly():
        yield
        raise RuntimeError("no end")
    def test_passes_and_ends_badly(ends_badly): pass
"""


def results(project: pytest.Pytester) -> RunResults:
    """What the report of the run in the project says."""
    found = read_results(project.path / "out")
    assert found is not None
    return found


def folders(project: pytest.Pytester) -> list[str]:
    """The names of the folders of failures."""
    failures = project.path / "out" / "failures"
    return sorted(path.name for path in failures.iterdir()) if failures.exists() else []


def test_a_failed_test_leaves_its_machine_in_a_folder_from_any_worker(
    project: pytest.Pytester,
) -> None:
    write_tests(
        project,
        """
        def test_good(): pass

        def test_that_fails(wire):
            wire.run_to({loop:#x})
            assert wire.registers()["eip"] == 0
        """,
    )
    result = run(project, *FILES, *REPORT, "-n1", "--junitxml", "out.xml")
    result.assert_outcomes(passed=1, failed=1)
    [test] = results(project).of("fail")
    [machine] = test.machines
    assert machine.name == "machine"
    assert f"EIP={toys.LOOP:08x}" in machine.state
    assert "toy.rom" in machine.command_line
    assert "R" in machine.logs["the debug console's end"]
    folder = project.path / "out" / test.folder
    names = {path.name for path in folder.iterdir()}
    wanted = {"failure.txt", "machine.txt", "command-line.txt", "toy.rom", "guest", "debug.log"}
    assert wanted <= names
    assert (folder / "toy.rom").read_bytes() == (project.path / "toy.rom").read_bytes()
    command = f"pytest {test.node} --wedge-gdb --wedge-rom toy.rom --wedge-guest guest"
    assert test.command == command
    assert command in (folder / "failure.txt").read_text()
    result.stdout.fnmatch_lines([f"all that is needed: out/{test.folder}", f"*GDB*: {command}"])
    result.stdout.fnmatch_lines(["report: out/test.html"])
    xml = ET.parse(project.path / "out.xml")
    assert [found.get("value") for found in xml.iter("property")] == [str(folder)]


def test_each_kind_of_outcome_is_told(project: pytest.Pytester) -> None:
    write_tests(project, ALL_KINDS)
    run_here(project, *REPORT)
    found = results(project)
    assert (found.verdict, found.collected, found.note) == ("fail", 6, "")
    assert {test.node.partition("::test_")[2]: test.verdict for test in found.tests} == {
        "good": "pass",
        "bad": "fail",
        "left": "skip",
        "known": "skip",
        "in_error": "error",
        "passes_and_ends_badly": "error",
    }
    texts = " ".join(test.text for test in found.tests)
    for part in ("1 == 2", "not here", "as is known", "no fixture", "no end"):
        assert part in texts
    assert (project.path / "out" / "test.html").exists()


def test_a_file_that_cannot_be_read_is_an_error(project: pytest.Pytester) -> None:
    write_tests(project, "import no_such_module")
    run_here(project, *REPORT)
    [test] = results(project).tests
    assert (test.verdict, results(project).verdict) == ("error", "fail")
    assert "no_such_module" in test.text


def test_an_interrupted_run_leaves_what_it_knew(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        def test_1(): assert False
        def test_2(): raise KeyboardInterrupt
        def test_3(): pass
        """,
    )
    project.inline_run("-p", "no:cacheprovider", *REPORT, no_reraise_ctrlc=True)
    found = results(project)
    assert found.counts["fail"] == 1
    assert "interrupted" in found.note
    assert "2 of 3 tests did not run" in found.note


def test_the_next_run_begins_anew(project: pytest.Pytester) -> None:
    write_tests(project, ALL_KINDS)
    run_here(project, *REPORT)
    name = "test_the_next_run_begins_anew.test_bad"
    assert name in folders(project)
    run_here(project, *REPORT, "-k", "good")
    assert folders(project) == []
    assert results(project).counts["pass"] == 1


def test_a_run_beside_another_leaves_that_ones_folders(project: pytest.Pytester) -> None:
    write_tests(project, "def test_bad(): assert False")
    folder = project.path / "out"
    other = folder / "failures" / "test_a_run_beside_another_leaves_that_ones_folders.test_bad"
    other.mkdir(parents=True)
    with (folder / ".running").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        run_here(project, *REPORT)
    assert folders(project) == [other.name, f"{other.name}.2"]


def test_a_report_that_cannot_be_written_costs_no_test(project: pytest.Pytester) -> None:
    (project.path / "out").write_text("a file")
    write_tests(project, ALL_KINDS)
    result = run_here(project, *REPORT)
    result.assert_outcomes(passed=2, failed=1, errors=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["no report: *out cannot be written to: *"])


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("tests/interrupts/test_order.py::test_x", "interrupts.test_order.test_x"),
        ("test_x.py::TestIt::test_y[a/../b c]", "test_x.TestIt-test_y-a-..-b-c"),
        ("tests/../../x.py::y", "x.y"),
        ("::", "test"),
    ],
)
def test_a_folders_name_is_safe(node: str, name: str) -> None:
    assert folder_name(node) == name


def test_long_names_of_folders_are_cut_and_differ() -> None:
    names = [folder_name(f"tests/test_x.py::test_y[{'long' * 100}{end}]") for end in "ab"]
    assert len(set(names)) == 2
    assert {len(name) for name in names} == {LONGEST_NAME}


def test_without_a_terminal_gdb_says_what_it_would_do(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        def test_that_fails(wire):
            wire.run_to({loop:#x})
            assert wire.registers()["eip"] == 0

        def test_not_reached(): pass
        """,
    )
    result = run(project, *FILES, "--wedge-gdb")
    result.assert_outcomes(failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "At a terminal, GDB would now open on the machine of machine:",
            "  target remote *gdb.sock",
        ]
    )


def test_gdb_wants_one_process(project: pytest.Pytester) -> None:
    write_tests(project, ALL_KINDS)
    result = run_here(project, "--wedge-gdb", "-n1")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*GDB wants the tests in one process; give -n 0"])


@settings(derandomize=True, max_examples=5, database=None)
@given(st.integers())
def draw(drawn: list[int], number: int) -> None:
    drawn.append(number)


def test_the_same_seed_is_the_same_run() -> None:
    def drawn(number: int) -> list[int]:
        fix_seed(draw, number)
        numbers: list[int] = []
        draw(numbers)
        return numbers

    five = drawn(5)
    assert drawn(6) != five
    assert drawn(5) == five


def test_the_seed_of_a_run_is_that_of_each_random_test(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        from hypothesis import given, strategies as st

        @given(st.integers())
        def test_random(number): pass

        def test_seed(wedge_seed):
            assert wedge_seed == test_random._hypothesis_internal_use_seed == 5
        """,
    )
    run_here(project, "--wedge-seed", "5").assert_outcomes(passed=2)
