"""The two 8259s as part of a state: read without a change, and written back by their ports."""

from dataclasses import replace

import pytest

from harness.explore.stage import Point, Stage
from harness.explore.state import Pics, by_rank, parse_pics

PRINTED = (
    "pic1: irr=02 imr=f0 isr=04 hprio=0 irq_base=28 rr_sel=1 elcr=0c fnm=0\r\n"
    "pic0: irr=11 imr=01 isr=06 hprio=0 irq_base=20 rr_sel=0 elcr=00 fnm=0\r\n"
)


def test_the_monitors_text_gives_both_controllers() -> None:
    assert parse_pics(PRINTED) == Pics(irr=0x211, isr=0x406, imr=0xF001, reads_isr=2)


def test_the_lines_of_the_second_controller_rank_between_1_and_3() -> None:
    assert by_rank([3, 9, 0, 7, 15, 1, 8]) == [0, 1, 8, 9, 15, 3, 7]


@pytest.mark.parametrize(
    "pics",
    [
        Pics(),
        Pics(irr=0x28, isr=0x02),
        Pics(irr=0x1000, isr=0x0224),
        Pics(irr=0x20, isr=0x20, imr=0xC0, reads_isr=1),
    ],
    ids=["at rest", "held back", "second controller", "once more"],
)
def test_a_state_of_the_8259s_comes_back_as_it_was(bare_stage: Stage, pics: Pics) -> None:
    begin = bare_stage.begin(bare_stage.variants["GetInterruptMask"], "set")
    bare_stage.place(Point(replace(begin, pics=pics)), ())
    assert bare_stage.capture().pics == pics


def test_a_state_that_was_written_back_reads_the_same(bare_stage: Stage) -> None:
    begin = bare_stage.begin(bare_stage.variants["Halt"], "clear, 5 and 3 pending")
    bare_stage.place(Point(begin), ())
    assert bare_stage.capture() == begin
