"""The data file says what the matrix is; nothing in it is wrong, and nothing else says it."""

import re
from pathlib import Path

import pytest

from ci.matrix.pages import README, WORKFLOW, table, with_table, workflow, write_pages
from ci.matrix.plan import FILE, ROOT, read_plan
from harness.errors import HarnessError
from rom.backends import BACKENDS

PLAN = read_plan()


def changed(folder: Path, old: str, new: str) -> Path:
    """The data file with one text in it replaced."""
    text = FILE.read_text()
    assert old in text
    path = folder / "matrix.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_matrix_has_four_versions_three_machine_types_and_all_backends() -> None:
    assert [version.version for version in PLAN.versions] == ["5.2", "7.2", "10.0", "11.1"]
    assert PLAN.machines == ("pc", "isapc", "q35")
    assert set(PLAN.backends) == BACKENDS.keys()


def test_each_part_of_the_suite_that_a_cell_runs_is_there() -> None:
    for test in PLAN.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).exists()
        assert not name or f"def {name}(" in (ROOT / file).read_text()


def test_each_difference_names_a_test_that_there_is() -> None:
    for difference in PLAN.differences:
        file, _, name = difference.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(), difference.test


def test_each_test_that_a_machine_type_leaves_out_is_covered_by_a_difference() -> None:
    marks = re.compile(r'not_on\(machine="(\w+)", reason=.*?\ndef (\w+)\(', re.S)
    named = {(each.where, each.test.partition("::")[2]) for each in PLAN.differences}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for found in marks.findall(path.read_text()):
            assert found in named, f"{found} is missing in {FILE.name}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("machines =", "machines", "not TOML"),
        ("machines =", "machinery =", "machinery"),
        ('"bare"]', '"bear"]', "no backend bear"),
        ('version = "7.2"', 'version = "5.2"', "a version is there twice"),
        ('version = "7.2"', 'virsion = "7.2"', "virsion"),
        ('["pc", ', '["isapc", ', "a machine is there twice"),
        ("limit = ", "limit = -", "limit is no time"),
    ],
)
def test_a_data_file_that_is_not_sound_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(HarnessError, match=said) as caught:
        read_plan(changed(tmp_path, old, new))
    assert "matrix.toml" in str(caught.value)


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"none\.toml cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_a_part_of_the_matrix_is_one_machine_type_or_backend() -> None:
    part = PLAN.only("q35", "bare")
    assert (part.machines, part.backends, part.versions) == (("q35",), ("bare",), PLAN.versions)
    assert PLAN.only() == PLAN
    with pytest.raises(HarnessError, match="no machine 'microvm'"):
        PLAN.only("microvm")
    with pytest.raises(HarnessError, match="no backend 'lguest'"):
        PLAN.only(backend="lguest")


def test_the_readme_and_the_workflow_are_the_ones_made_from_the_data_file() -> None:
    stale = "is out of date: run python -m ci.matrix.pages"
    assert with_table(README.read_text(encoding="utf-8"), PLAN) == README.read_text(
        encoding="utf-8"
    ), f"README.md {stale}"
    assert WORKFLOW.read_text(encoding="utf-8") == workflow(PLAN), f"{WORKFLOW.name} {stale}"


def test_the_workflow_has_a_job_for_each_version() -> None:
    text = workflow(PLAN)
    assert 'qemu: ["5.2", "7.2", "10.0", "11.1"]' in text
    assert "ci/kit matrix --qemu ${{ matrix.qemu }}" in text
    assert "{{{" not in text


def test_the_table_has_a_row_for_each_version_and_each_difference() -> None:
    text = table(PLAN)
    for version in PLAN.versions:
        assert f"| {version.version} | {version.release} ({version.suites[0]}) |" in text
    for difference in PLAN.differences:
        assert f"- {difference.where}: {difference.what}" in text


def test_the_pages_are_written_in_their_places(tmp_path: Path) -> None:
    readme, flow = tmp_path / "README.md", tmp_path / "a" / "flow.yml"
    readme.write_text("top\n<!-- made from ci/matrix.toml -->\nSTALE\n<!-- end -->\nbottom\n")
    write_pages(readme, flow)
    text = readme.read_text()
    assert text.startswith("top\n<!-- made")
    assert text.endswith("<!-- end -->\nbottom\n")
    assert table(PLAN) in text
    assert "STALE" not in text
    assert flow.read_text() == workflow(PLAN)


def test_a_readme_without_the_place_for_the_table_is_refused() -> None:
    with pytest.raises(HarnessError, match=r"has no lines <!-- made from ci/matrix\.toml -->"):
        with_table("nothing here\n", PLAN)
