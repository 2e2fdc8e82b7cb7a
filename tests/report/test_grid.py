"""The map of a sweep as a page: a row an instruction, a colour and a sign an outcome."""

import xml.etree.ElementTree as ElementTree

import pytest

from harness.report.grid import (
    AT_ONCE,
    KINDS,
    LATER,
    RECORDED,
    WRONG,
    CallMap,
    Row,
    SweepMap,
    map_page,
    worst,
)

COLUMNS = (("clear", "line 4"), ("clear", "nmi"), ("set & <held>", "line 4"))
CALL = CallMap(
    name="Call<1>",
    points=2,
    cases=5,
    failures=1,
    columns=COLUMNS,
    rows=(
        Row("stub", "", "movl $<1>, %eax", (RECORDED, AT_ONCE, None), {}),
        Row("stub", "+0x5", "ret", (LATER, AT_ONCE, WRONG), {2: "a.html"}),
    ),
)
SWEEP = SweepMap(
    "a <sweep>", "fail", ("said & done",), (CALL,), (("a case", ("it & it",), "a.html"),)
)


@pytest.fixture(scope="module")
def root() -> ElementTree.Element:
    """The page, which is well formed."""
    return ElementTree.fromstring(map_page(SWEEP))


def test_a_row_is_an_instruction_and_a_cell_what_became_of_an_arrival(
    root: ElementTree.Element,
) -> None:
    rows = [["".join(td.itertext()) for td in tr] for tr in root.findall(".//section//tbody/tr")]
    assert rows == [
        ["stub", "movl $<1>, %eax", "\N{WHITE CIRCLE}", "\N{BLACK CIRCLE}", ""],
        [
            *("+0x5", "ret", "\N{CIRCLE WITH LEFT HALF BLACK}"),
            *("\N{BLACK CIRCLE}", "\N{MULTIPLICATION X}"),
        ],
    ]
    classes = [[td.get("class") for td in tr[2:]] for tr in root.findall(".//section//tbody/tr")]
    assert classes == [["r", "o", None], ["l", "o", "x"]]


def test_the_head_has_each_start_over_what_arrives(root: ElementTree.Element) -> None:
    starts, arrivals = root.findall(".//section//thead/tr")
    assert [(th.text, th.get("colspan")) for th in starts[1:]] == [
        *(("clear", "2"), ("set & <held>", "1"))
    ]
    assert [th.text for th in arrivals[1:]] == ["4", "NMI", "4"]
    assert len(root.findall(".//section//colgroup/col")) == 2 + len(COLUMNS)


def test_a_failure_leads_to_its_page(root: ElementTree.Element) -> None:
    assert [a.get("href") for a in root.findall(".//td[@class='x']/a")] == ["a.html"]
    failure = root.find(".//ol[@class='failures']/li")
    assert failure is not None
    assert "".join(failure.itertext()) == "a caseit & it"


def test_the_legend_has_every_kind(root: ElementTree.Element) -> None:
    text = "".join(root.find(".//ul[@class='legend']").itertext())  # type: ignore[union-attr]
    assert all(kind in text for kind in KINDS)


def test_the_index_leads_to_each_call(root: ElementTree.Element) -> None:
    ids = {section.get("id") for section in root.findall(".//section")}
    links = root.findall(".//table[@class='index']//a")
    assert [(a.text, str(a.get("href"))[1:] in ids) for a in links] == [("Call<1>", True)]


def test_the_map_needs_nothing_from_elsewhere() -> None:
    for word in ("http", "//", "url(", "@import", "<script", "src=", "<link"):
        assert word not in map_page(SWEEP)


def test_the_worst_outcome_wins() -> None:
    assert worst([AT_ONCE, WRONG, RECORDED]) == WRONG
    assert worst([AT_ONCE, RECORDED, LATER]) == RECORDED
