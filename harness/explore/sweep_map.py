"""The map of a sweep from what it found: the rows of each call, and what became of what arrived."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.explore.case import NMI, shown_line
from harness.explore.code import Instruction, Labels, read_listing
from harness.explore.job import JobResult
from harness.explore.sweep import SweepReport
from harness.guest import GuestFile
from harness.report.grid import CallMap, Row, SweepMap, worst
from harness.rom import Rom

NMI_TEXT = shown_line(NMI)

ASLEEP = ", asleep"
"""Behind the place of an arrival in a HLT that has begun to wait."""


def sweep_map(
    report: SweepReport, rom: Rom, guest: GuestFile, pages: Sequence[Path] = ()
) -> SweepMap:
    """The map of a report; `pages` are those of its failures, in the same order, in one folder."""
    links: dict[tuple[str, str, str, str], str] = {}
    for outcome, path in zip(report.failures, pages, strict=False):
        where = (outcome.case.variant, outcome.case.start, outcome.place, outcome.arrival)
        links.setdefault(where, path.name)
    listing = read_listing(rom)
    rows = _Rows(rom, guest, listing)
    calls = []
    for name, figures in report.calls.items():
        results = [result for result in report.results if result.job.variant == name]
        columns = tuple(_columns(results))
        numbers = (figures.points, figures.cases, figures.failures)
        calls.append(
            CallMap(name, *numbers, columns, tuple(rows.of(name, results, columns, links)))
        )
    return SweepMap(
        title=f"{rom.manifest['name']}: every arrival point, depth {report.depth}",
        verdict=report.verdict,
        facts=tuple(_facts(report)),
        calls=tuple(calls),
        failures=tuple(
            (str(outcome.case), outcome.complaints, path.name)
            for outcome, path in zip(report.failures, pages, strict=False)
        ),
    )


def _facts(report: SweepReport) -> Iterator[str]:
    points = sum(result.points for result in report.results)
    cases = sum(result.cases for result in report.results)
    places = {place for result in report.results for place in result.places}
    inside = sum(not place.startswith("0x") and not place.endswith(ASLEEP) for place in places)
    yield (
        f"{points:,} points at {inside:,} instructions of the ROM, {cases:,} cases, "
        f"{len(report.failures)} failures. Build {report.build_id[:12]}."
    )
    second = ", after another anywhere in the call" if report.depth == 2 else ""
    yield (
        f"A row is an instruction; a column is what arrives right before it, line or NMI{second}, "
        "in a call made from the start above. Of several ways to an instruction the worst outcome "
        "is shown."
    )
    if report.stopped:
        yield "The sweep ended early, at the limit of failures."


def _columns(results: Sequence[JobResult]) -> Iterator[tuple[str, str]]:
    """A start and an arrival each: the lines by their numbers, the NMI last."""
    for result in results:
        arrivals = {arrival for cells in result.places.values() for arrival in cells}
        for arrival in sorted(arrivals, key=lambda text: (text == NMI_TEXT, len(text), text)):
            yield result.job.start, arrival


class _Rows:
    """Makes the places of a call rows in the order of the listing, its stub first."""

    def __init__(self, rom: Rom, guest: GuestFile, listing: Mapping[int, Instruction]) -> None:
        self._rom = rom
        self._listing = listing
        self._labels = Labels(guest.labels)
        self._stubs = {row["name"]: row["offset"] for row in rom.manifest["calls"]}

    def of(
        self,
        name: str,
        results: Sequence[JobResult],
        columns: Sequence[tuple[str, str]],
        links: Mapping[tuple[str, str, str, str], str],
    ) -> Iterator[Row]:
        stub = int(self._stubs[name.partition("(")[0]])
        places = dict.fromkeys(place for result in results for place in result.places)
        for place in sorted(places, key=lambda place: self._rank(place, stub)):
            found: dict[tuple[str, str], list[str]] = {}
            for result in results:
                for line, became in result.places.get(place, {}).items():
                    found.setdefault((result.job.start, line), []).append(became)
            cells = tuple(worst(found[key]) if key in found else None for key in columns)
            pages = {
                index: links[where]
                for index, (start, line) in enumerate(columns)
                if (where := (name, start, place, line)) in links
            }
            yield Row(*self._shown(place), cells, pages)

    def _shown(self, place: str) -> tuple[str, str, str]:
        """Label, distance from it, and text."""
        if place.startswith("0x"):
            name, beyond = self._labels.nearest(int(place, 16))
            return name, f"+{beyond:#x}" if beyond else "", ""
        plain = place.removesuffix(ASLEEP)
        label, plus, distance = plain.partition("+")
        instruction = self._listing.get(self._offset(plain), Instruction(""))
        return label, plus + distance, instruction.text + place[len(plain) :]

    def _offset(self, place: str) -> int:
        """The offset in the RAM block of a place in the ROM."""
        label, _, distance = place.partition("+")
        return self._rom.symbols[label][1] + int(distance or "0", 16)

    def _rank(self, place: str, stub: int) -> tuple[int, int, str]:
        """Where a row stands: from the stub on, then what lies before it, then the guest's code."""
        if place.startswith("0x"):
            return 2, int(place, 16), ""
        offset = self._offset(place.removesuffix(ASLEEP))
        return int(offset < stub), offset, place
