"""The lanes of a timeline as SVG: time to the right, the flags as waves, all else as bars."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from harness.report.page import element, tag
from harness.report.steps import Fold, Shown, Step, number_of

STEP, GAP = 10.0, 24.0
"""Width of a step, and of a stretch that is left out."""

TITLES = 92.0
"""Width of what stands left of the lanes."""

LANE, BETWEEN = 16.0, 7.0
"""Height of a lane or a bar, and what is free above each lane."""

LABEL = 15.0
"""Height of a line of labels above the lanes."""

CHARACTER = 6.3
"""Width of a character of a label."""

LEAST_ROOM = 4
"""Characters of a label that are shown at the least when it is cut."""

STYLE = """\
svg { display: block; width: 100%; height: auto; margin: 1rem 0; }
svg text { font: 10.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  fill: var(--ink); }
svg .title { fill: var(--dim); } svg .gap { fill: var(--band); } svg .mid { text-anchor: middle; }
svg .rule { stroke: var(--rule); stroke-width: 1; } svg .end { text-anchor: end; }
svg .wave { fill: none; stroke-width: 2; } svg .virtual { stroke: var(--once); }
svg .real { stroke: var(--real); } svg .under { stroke: none; opacity: .16; }
svg .virtual.under { fill: var(--once); } svg .real.under { fill: var(--real); }
svg rect.code { fill: var(--band); stroke: var(--rule); } svg rect.guest { fill: var(--paper); }
svg rect.pending { fill: var(--recorded); } svg rect.requested { fill: var(--waits); }
svg rect.service { fill: var(--later); } svg rect.handler { fill: var(--once); }
svg .bar text { fill: #000; } svg .bar rect { stroke: var(--paper); stroke-width: 1; }
svg .mark { stroke: var(--dim); stroke-width: 1; stroke-dasharray: 2 2; }
svg .arrives { stroke: var(--failed); stroke-width: 1.6; stroke-dasharray: none; }
svg text.arrival { fill: var(--failed); font-weight: 700; }
"""

Item = Shown | Fold


def lanes(items: Sequence[Item], arrivals: Sequence[int]) -> str:
    """The picture of a timeline of which these items are shown, as an `svg` element."""
    return _Lanes(items, arrivals).draw()


class _Lanes:
    """The drawing; `y` is how far down it has come."""

    def __init__(self, items: Sequence[Item], arrivals: Sequence[int]) -> None:
        self._items = items
        self._arrivals = arrivals
        self._steps = [item.steps[0] if isinstance(item, Fold) else item[1] for item in items]
        self._edges = [TITLES]
        for item in items:
            self._edges.append(self._edges[-1] + (GAP if isinstance(item, Fold) else STEP))
        self._y = 0.0

    def draw(self) -> str:
        labels = [*self._labels()]
        top = self._y
        body = [*self._code()]
        body += self._wave("virtual IF", "virtual", lambda step: step.virtual_if)
        body += self._wave("real IF", "real", lambda step: step.real_if)
        body += self._bars("pending", "pending", "vector {:x} is recorded", lambda s: s.pending)
        body += self._bars("requested", "requested", "line {} is requested", lambda s: s.requested)
        body += self._bars("in service", "service", "line {} is in service", lambda s: s.in_service)
        body += self._handlers()
        back = [*self._gaps(top), *self._lines(top)]
        width = max(self._edges[-1], labels_end(labels)) + 4
        size = f"0 0 {width:g} {self._y + 4:g}"
        content = "\n".join([*back, *body, *(text for _, text in labels)])
        return tag(
            "svg", f"\n{content}\n", viewBox=size, role="img", style=f"max-width:{width:g}px"
        )

    def _labels(self) -> Iterator[tuple[float, str]]:
        """What happened, above where it did, on as many lines as keep them apart."""
        ends: list[float] = []
        for index, mark in self._marks():
            x = self._edges[index]
            level = next((i for i, end in enumerate(ends) if end <= x), len(ends))
            end = x + CHARACTER * (len(mark) + 2)
            ends[level : level + 1] = [end]
            kind = "arrival" if mark.endswith("arrives") else None
            yield end, element("text", mark, x=x + 2, y=LABEL * level + 10, class_=kind)
        self._y = LABEL * len(ends) + 2

    def _marks(self) -> Iterator[tuple[int, str]]:
        for index, item in enumerate(self._items):
            if not isinstance(item, Fold):
                yield from ((index, mark) for mark in item[1].marks)

    def _lines(self, top: float) -> Iterator[str]:
        for index in dict.fromkeys(index for index, _ in self._marks()):
            x = self._edges[index]
            arrives = number_of(self._items[index]) in self._arrivals
            yield tag("line", x1=x, x2=x, y1=0, y2=top, class_="rule")
            kind = "mark arrives" if arrives else "mark"
            yield tag("line", x1=x, x2=x, y1=top, y2=self._y, class_=kind)

    def _gaps(self, top: float) -> Iterator[str]:
        for index, item in enumerate(self._items):
            if isinstance(item, Fold):
                x, height = self._edges[index], self._y - top
                title = element("title", item.what)
                yield tag("rect", title, x=x, y=top, width=GAP, height=height, class_="gap")

    def _next(self, title: str, height: float = LANE) -> str:
        self._y += BETWEEN + height
        return element("text", title, x=TITLES - 8, y=self._y - 4, class_="title end")

    def _spans(self, key: Callable[[Step], object]) -> Iterator[tuple[float, float, int]]:
        """The stretches with one key: from, to, and the index of the first step."""
        for _, group in groupby(range(len(self._steps)), lambda index: key(self._steps[index])):
            indices = list(group)
            yield self._edges[indices[0]], self._edges[indices[-1] + 1], indices[0]

    def _code(self) -> Iterator[str]:
        """Where the processor is: the label of the code."""
        yield self._next("code")
        for first, last, index in self._spans(lambda step: step.where.partition("+")[0]):
            step = self._steps[index]
            kind = "code" if step.of_rom else "code guest"
            yield self._bar(first, last, step.where.partition("+")[0], step.where, kind)

    def _bar(self, first: float, last: float, text: str, title: str, kind: str) -> str:
        y, width = self._y - LANE, last - first
        box = tag("rect", x=first, y=y, width=width, height=LANE, class_=kind)
        room = int(width / CHARACTER)
        if len(text) > room:
            text = text[: room - 1] + "\N{HORIZONTAL ELLIPSIS}" if room >= LEAST_ROOM else ""
        shown = element("text", text, x=first + width / 2, y=y + 11.5, class_="mid") if text else ""
        content = element("title", title) + box + shown
        return tag("g", content, class_=None if "code" in kind else "bar")

    def _wave(self, title: str, kind: str, flag: Callable[[Step], bool]) -> Iterator[str]:
        yield self._next(title)
        low, high = self._y - 2, self._y - LANE + 2
        path = ""
        for first, last, index in self._spans(flag):
            on = flag(self._steps[index])
            y = high if on else low
            path += f"{'V' if path else f'M{first:g},'}{y:g}H{last:g}"
            if on:
                width, height = last - first, low - high
                yield tag(
                    "rect", x=first, y=high, width=width, height=height, class_=f"{kind} under"
                )
        yield tag("path", d=path, class_=f"wave {kind}")

    def _bars(
        self, title: str, kind: str, said: str, values: Callable[[Step], tuple[int, ...]]
    ) -> Iterator[str]:
        """A bar for each value of a lane, as long as it is among them."""
        found = dict.fromkeys(value for step in self._steps for value in values(step))
        if not found:
            yield self._next(title)
            yield tag("line", x1=TITLES, x2=self._edges[-1], y1=self._y, y2=self._y, class_="rule")
        for number, value in enumerate(found):
            yield self._next("" if number else title)
            if number:
                self._y -= BETWEEN - 1
            text = said.format(value)

            def among(step: Step, value: int = value) -> bool:
                return value in values(step)

            for first, last, index in self._spans(among):
                if among(self._steps[index]):
                    yield self._bar(first, last, text.split()[1], text, kind)

    def _handlers(self) -> Iterator[str]:
        deepest = max((len(step.handlers) for step in self._steps), default=0)
        for level in range(max(deepest, 1)):
            yield self._next("" if level else "handler")
            if level:
                self._y -= BETWEEN - 1

            def running_to(step: Step, level: int = level) -> tuple[int, ...]:
                return step.handlers[: level + 1]

            for first, last, index in self._spans(running_to):
                running = self._steps[index].handlers
                if len(running) > level:
                    text = f"{running[level]:x}"
                    title = f"the handler of vector {text} runs"
                    yield self._bar(first, last, text, title, "handler")


def labels_end(labels: Sequence[tuple[float, str]]) -> float:
    """How far to the right the labels come."""
    return max((end for end, _ in labels), default=0.0)
