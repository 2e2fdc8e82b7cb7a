"""The timeline of a case: what is left out, the text, and the page."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from harness.report.steps import CaseTimeline, Fold, Step, around, folded
from harness.report.steps_html import timeline_page
from harness.report.steps_text import WIDTH, timeline_text

QUIET = Step("stub+0x1", "nop", virtual_if=False, real_if=True)
IN_HANDLER = replace(QUIET, where="handler+0x3", of_rom=False, handlers=(0x24,))


def steps(*numbers: int, step: Step = QUIET) -> tuple[Step, ...]:
    """40 steps at which nothing happens, but that something does at these numbers."""
    return tuple(replace(step, marks=("it does",)) if n in numbers else step for n in range(40))


def timeline(*steps: Step, arrivals: tuple[int, ...] = ()) -> CaseTimeline:
    return CaseTimeline("a case", (), steps, "It returned.", arrivals)


def numbers(items: list[tuple[int, Step] | Fold]) -> list[int]:
    return [item[0] for item in items if not isinstance(item, Fold)]


def test_what_happens_is_shown_with_what_is_before_and_after_it() -> None:
    items = folded(steps(20))
    assert numbers(items) == [0, 18, 19, 20, 21, 39]
    folds = [item for item in items if isinstance(item, Fold)]
    assert [(fold.first, len(fold.steps)) for fold in folds] == [(1, 17), (22, 17)]
    assert folds[0].what == "17 instructions: stub"


def test_a_lane_that_changes_is_something_that_happens() -> None:
    changed = [replace(QUIET, pending=(0x25,)) if n >= 20 else QUIET for n in range(40)]
    assert numbers(folded(changed)) == [0, 18, 19, 20, 21, 39]


def test_an_arrival_is_shown() -> None:
    assert 10 in numbers(folded(steps(), [10]))


def test_few_steps_are_not_left_out() -> None:
    assert numbers(folded([QUIET] * 5)) == [0, 1, 2, 3, 4]
    assert numbers(folded([QUIET] * 6)) == [0, 5]


def test_a_handlers_code_is_left_out_together_with_its_calls() -> None:
    call = replace(QUIET, handlers=(0x24,))
    way = [QUIET] * 9 + [IN_HANDLER] * 10 + [call] * 3 + [IN_HANDLER] * 10 + [call] * 9
    way = [replace(step, handlers=(0x24,)) for step in way]
    folds = [item.what for item in folded(way) if isinstance(item, Fold)]
    assert folds == [
        *("8 instructions: stub", "23 instructions of the handler", "8 instructions: stub")
    ]


def test_no_steps_give_no_items() -> None:
    assert folded([]) == []
    assert timeline_text(timeline())[-4].strip() == "It returned."
    ElementTree.fromstring(timeline_page(timeline()))


def test_around_an_arrival_begins_a_little_before_it() -> None:
    busy = folded(steps(*range(40)))
    assert numbers(around(busy, [20]))[:3] == [18, 19, 20]


def test_the_text_has_a_line_a_step_and_above_it_what_happened() -> None:
    step = Step("f", "cli", True, False, (0x25, 0x24), (9,), (4, 5), (0x21,), ("line 9 arrives",))
    lines = timeline_text(timeline(QUIET, step, QUIET, arrivals=(1,)))
    assert lines[2] == "      \N{RIGHTWARDS ARROW} line 9 arrives"
    assert lines[3].split() == ["1", "f", "cli", "set", "-", "25", "24", "9", "4", "5", "21"]
    assert lines[4].split() == ["2", "stub+0x1", "nop", "-", "set"]
    assert "      It returned." in lines


def test_the_text_has_a_width_and_plain_characters_where_it_must() -> None:
    long = Step("label" * 9, "instruction " * 9, True, True, (1, 2, 3), marks=("it is",))
    lines = timeline_text(timeline(*[long] * 3, *[QUIET] * 9), utf=False)
    assert max(map(len, lines)) <= WIDTH
    assert "\n".join(lines).isascii()


def test_what_a_part_leaves_out_at_its_end_is_said() -> None:
    way = timeline(*steps())
    assert "and so on, 40 instructions" in timeline_text(way, [(0, QUIET)])[2]
    assert not any("and so on" in line for line in timeline_text(way))


@pytest.fixture
def page() -> str:
    """The page of a case with characters in it that mark up."""
    odd = replace(IN_HANDLER, text="cmpl $<1>, \"&'", comment="a < b && c", marks=("<b>",))
    return timeline_page(
        CaseTimeline(
            title='case <1> & "2"',
            complaints=("it & <that>",),
            steps=(QUIET, odd, *steps(20), QUIET),
            ending="It hangs at <x>.",
            arrivals=(1,),
            facts=("build <3>",),
            command="inv explore --replay 'a & b.case'",
        )
    )


def test_the_page_is_well_formed_and_says_what_it_was_given(page: str) -> None:
    root = ElementTree.fromstring(page)
    text = "".join(root.itertext())
    for said in (
        *('case <1> & "2"', "it & <that>", "It hangs at <x>.", "build <3>"),
        *("inv explore --replay 'a & b.case'", "cmpl $<1>, \"&'", "# a < b && c"),
    ):
        assert said in text
    assert root.findtext(".//h1/span") == "fail"


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    for word in ("http", "//", "url(", "@import", "<script", "src=", "<link"):
        assert word not in page


def test_what_is_left_out_of_the_page_can_be_unfolded(page: str) -> None:
    details = ElementTree.fromstring(page).findall(".//details")
    assert [len(each.findall(".//tr")) for each in details] == [16, 18]


def test_the_lanes_show_for_how_long(page: str) -> None:
    set_for_two = [
        replace(QUIET, virtual_if=n in (1, 2), handlers=(2,) * (n > 2)) for n in range(5)
    ]
    svg = ElementTree.fromstring(timeline_page(timeline(*set_for_two))).find(".//svg")
    assert svg is not None
    [under] = [rect for rect in svg.iter("rect") if rect.get("class") == "virtual under"]
    assert under.get("width") == "20"
    [bar] = [group for group in svg.iter("g") if group.get("class") == "bar"]
    assert bar.findtext("title") == "the handler of vector 2 runs"
