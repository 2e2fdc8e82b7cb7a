"""A guest's console as text that is safe to print while it comes."""

import pytest

from harness.machine.console import LiveText, readable

CASES = {
    "plain lines": (b"one\ntwo\n", "one\ntwo\n"),
    "a line without its end": (b"login: ", "login: "),
    "blank lines": (b"a\n\nb\n", "a\n\nb\n"),
    "a terminal's ends of lines": (b"a\r\nb\r\r\nc", "a\nb\nc"),
    "a line written over": (b"10%\r20%\r\n", "10%\n20%\n"),
    "colours": (b"\x1b[1;31mred\x1b[0m \x1b(Bplain\n", "red plain\n"),
    "a bell, a title and a backspace": (b"\x07a\x1b]b\x08\xc2\x9b\n", "ab\n"),
    "places on a screen": (
        b"\x1b[2J\x1b[1;1Htop\x1b[2;1Hnext\x1b[3;1H\x1b[4;1Hend",
        "top\nnext\nend",
    ),
    "letters of more than a byte": ("é ▔\n".encode(), "é ▔\n"),
    "no text at all": (b"\xff\xfe\n", "��\n"),
}


@pytest.mark.parametrize(("data", "text"), CASES.values(), ids=CASES)
def test_the_text_is_what_a_terminal_may_have(data: bytes, text: str) -> None:
    assert LiveText().feed(data) == text


@pytest.mark.parametrize(("data", "text"), CASES.values(), ids=CASES)
def test_it_does_not_matter_where_reads_cut_it(data: bytes, text: str) -> None:
    live = LiveText()
    cut = "".join(live.feed(data[at : at + 1]) for at in range(len(data)))
    assert cut + live.feed(b"", final=True) == text + "\n" * (text[-1] != "\n")


@pytest.mark.parametrize(("data", "text"), CASES.values(), ids=CASES)
def test_its_lines_are_those_of_the_whole(data: bytes, text: str) -> None:
    lines = [line.rstrip() for line in text.split("\n") if line]
    assert readable(data.decode(errors="replace")) == lines


def test_the_last_line_is_ended_at_the_end() -> None:
    live = LiveText()
    assert live.feed(b"a\nb\xc3") == "a\nb"
    assert live.feed(b"", final=True) == "�\n"
    assert LiveText().feed(b"", final=True) == ""


def test_a_sequence_without_end_holds_nothing_back() -> None:
    live = LiveText()
    assert live.feed(b"\x1b[" + b"0" * 100) == "0" * 100
    assert live.feed(b"text") == "text"
