from pathlib import Path

import pytest

from rom.source import Line, SourceError, generated, parse, read_source, strip_comment


def test_lines_of_a_file_carry_the_shown_name_and_their_number(tmp_path: Path) -> None:
    path = tmp_path / "x.s"
    path.write_text("nop\n\nret # end\n")
    assert read_source(path, "rom/x.s") == (
        Line("nop", "rom/x.s", 1),
        Line("", "rom/x.s", 2),
        Line("ret # end", "rom/x.s", 3),
    )


def test_a_missing_file_is_named_as_shown(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^rom/x\.s: cannot be read: No such file"):
        read_source(tmp_path / "none.s", "rom/x.s")


def test_a_file_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "x.s"
    path.write_bytes(b"nop\n\xff")
    with pytest.raises(SourceError, match=r"rom/x\.s: byte 4 is not UTF-8"):
        read_source(path, "rom/x.s")


def test_generated_lines_are_numbered_from_one() -> None:
    assert [line.number for line in generated(["nop", "ret"], "stubs")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("nop # why", "nop"),
        ("# all", ""),
        ('.ascii "a#b" # c', '.ascii "a#b"'),
        ('.ascii "a\\"#b" # c', '.ascii "a\\"#b"'),
        ("cmpb $'#', %al # c", "cmpb $'#', %al"),
        ("nop", "nop"),
    ],
)
def test_a_comment_ends_a_line_but_not_within_quotes(text: str, left: str) -> None:
    assert strip_comment(text) == left


def test_a_line_is_taken_apart_into_labels_and_statements() -> None:
    statement = parse('a: b:  nop ; .ascii "x;y:" # c')
    assert statement.labels == ("a", "b")
    assert statement.parts == ("nop", '.ascii "x;y:"')
    assert statement.words == ("nop", ".ascii")


def test_a_segment_prefix_is_not_a_label() -> None:
    assert parse("movl %ss:foo,%eax").labels == ()
