"""Following a serial console: all of it is searched, and what a reader can follow is shown."""

from harness.watch import CHUNK, SHOWN, Watch


class Console:
    """A console that grows as the test says."""

    def __init__(self) -> None:
        self.text = b""
        self.shown = b""

    def read(self, start: int, most: int) -> bytes:
        return self.text[start : start + most]

    def show(self, data: bytes) -> None:
        self.shown += data


def test_what_is_new_is_shown_once() -> None:
    console = Console()
    watch = Watch(console.read, "", console.show)
    for text in (b"", b"one", b"one\ntwo", b"one\ntwo"):
        console.text = text
        watch.look()
    assert console.shown == b"one\ntwo"
    assert (watch.length, watch.seen) == (7, False)


def test_a_text_is_found_wherever_looks_cut_it() -> None:
    text = "login é: "
    for cut in range(len(text.encode()) + 1):
        console = Console()
        watch = Watch(console.read, text, console.show)
        console.text = b"xlogin" + text.encode()[:cut]
        watch.look()
        assert watch.seen == (cut == len(text.encode()))
        console.text = b"xlogin" + text.encode()
        watch.look()
        assert watch.seen


def test_a_text_of_one_letter_is_found() -> None:
    console = Console()
    watch = Watch(console.read, "#", console.show)
    console.text = b"ab"
    watch.look()
    assert not watch.seen
    console.text = b"ab#"
    watch.look()
    assert watch.seen


def test_a_flood_is_searched_whole_and_shown_in_part() -> None:
    console = Console()
    watch = Watch(console.read, "needle", console.show)
    console.text = b"x" * (CHUNK - 3) + b"needle" + b"y" * CHUNK
    watch.look()
    assert watch.seen
    assert watch.length == len(console.text)
    left_out = len(console.text) - SHOWN
    assert console.shown == b"x" * SHOWN + b"\n[%d bytes are left out here]\n" % left_out
