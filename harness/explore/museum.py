"""The museum: real bugs of ROMs and kernels, put into our ROM's source, which the sweep must find.

An exhibit is data: what stands in a source file, and what stands there instead. Its ROM is built
anew from the edited source, booted, and swept where the bug has to show. A ROM that does not even
boot would prove nothing of the sweep, so every exhibit comes to `ready`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.explore.job import Beat, Job
from harness.explore.sweeper import Sweeper
from harness.explore.worker import Workers
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.machine.folder import OwnFolder
from harness.rom import Rom
from rom.backends import BACKENDS
from rom.build import write_file
from rom.image import Image, build_image

SOURCES = Path(__file__).parent.parent.parent / "rom"


@dataclass(frozen=True)
class Exhibit:
    """A bug of one backend. `source` is named from `rom/`; `old` stands there once.

    `jobs`: the parts of the sweep that have to find it, the first first. `history`: where the like
    of it was seen, and what came of it.
    """

    name: str
    backend: str
    source: str
    old: str
    new: str
    jobs: tuple[Job, ...]
    history: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.name}"

    @property
    def calls(self) -> frozenset[str]:
        """The calls that it concerns."""
        return frozenset(job.variant.partition("(")[0] for job in self.jobs)


@dataclass(frozen=True)
class ExhibitResult:
    """What the sweep said of an exhibit: the first complaint, or nothing at all."""

    name: str
    killer: str = ""
    complaint: str = ""
    cases: int = 0

    @property
    def killed(self) -> bool:
        """Whether the sweep found it."""
        return bool(self.complaint)

    def __str__(self) -> str:
        if self.killed:
            return f"{self.name}: {self.complaint} ({self.killer})"
        return f"{self.name}: the sweep does not find this bug any more, after {self.cases} cases"


def build(exhibit: Exhibit) -> Image:
    """The ROM with the bug. Raises HarnessError when the old text is not in its file just once."""
    text = (SOURCES / exhibit.source).read_text()
    if (count := text.count(exhibit.old)) != 1:
        raise HarnessError(
            f"The exhibit {exhibit.name!r} replaces a text that rom/{exhibit.source} has {count} "
            f"times, and not once; bring it in line with the source:\n{exhibit.old}"
        )
    backend = BACKENDS[exhibit.backend]
    with OwnFolder() as folder:
        edited = folder.path / Path(exhibit.source).name
        edited.write_text(text.replace(exhibit.old, exhibit.new))

        def files(names: Iterable[str | Path]) -> tuple[str | Path, ...]:
            return tuple(edited if name == exhibit.source else name for name in names)

        return build_image(
            replace(
                backend,
                open_files=files(backend.open_files),
                closed_files=files(backend.closed_files),
            )
        )


def visit(
    exhibit: Exhibit,
    config: MachineConfig,
    guest: GuestFile,
    beat: Beat = lambda points, cases: None,
) -> ExhibitResult:
    """Build and boot an exhibit, and sweep it up to the first failure. Raises HarnessError."""
    image, sound = build(exhibit), build_image(BACKENDS[exhibit.backend])
    wedges = image.wedge, sound.wedge
    patches = {}
    if len({(tuple(w.relocations), *w.assembly.labels.items()) for w in wedges}) == 1:
        # Nothing has moved: the bug comes in once the guest is up, or it may hit while that boots.
        both = zip(*(wedge.at(0) for wedge in wedges), strict=True)
        patches = {at: bytes([bad]) for at, (bad, good) in enumerate(both) if bad != good}
        image = sound
    with OwnFolder() as folder:
        sweeper = Sweeper(config, _written(image, folder.path), guest)
        try:
            sweeper.patch(patches)
            return _swept(exhibit, sweeper, beat)
        finally:
            sweeper.close()


def _written(image: Image, folder: Path) -> Rom:
    """A ROM for one machine: QEMU wants the image as a file, and nobody else wants the others."""
    path = folder / f"{image.name}.rom"
    write_file(path, image.content)
    parts = ((".rom", image.head.labels), (".wedge", image.wedge.assembly.labels))
    symbols = {name: (part, at) for part, labels in parts for name, at in labels.items()}
    return Rom(path, image.content, image.manifest, symbols)


def _swept(exhibit: Exhibit, sweeper: Sweeper, beat: Beat) -> ExhibitResult:
    cases = 0
    for job in exhibit.jobs:
        result = sweeper.sweep(job, 1, beat)
        cases += result.cases
        for outcome in result.failures:
            killer = f"{outcome.case}, at {outcome.place}" if outcome.place else str(outcome.case)
            return ExhibitResult(str(exhibit), killer, outcome.complaints[0], cases)
    return ExhibitResult(str(exhibit), cases=cases)


class Visitor:
    """A worker that visits exhibits; each has a machine of its own, that has ended afterwards."""

    def __init__(self, config: MachineConfig, guest: GuestFile) -> None:
        self._config, self._guest = config, guest

    def do(self, exhibit: Exhibit, beat: Beat) -> ExhibitResult:
        """Visit one."""
        return visit(exhibit, self._config, self._guest, beat)

    def close(self) -> None:
        """Nothing is left open."""


def visit_all(
    exhibits: Sequence[Exhibit],
    config: MachineConfig,
    guest: GuestFile,
    workers: int,
    progress: Callable[[str], None] = print,
) -> list[ExhibitResult]:
    """Visit exhibits, some of them side by side. Raises HarnessError."""
    found: list[ExhibitResult] = []
    if not exhibits:
        return found
    pool: Workers[Exhibit, ExhibitResult]
    with Workers(min(workers, len(exhibits)), partial(Visitor, config, guest)) as pool:
        for said in pool.do(exhibits):
            if isinstance(said, ExhibitResult):
                found.append(said)
                progress(f"{len(found)} of {len(exhibits)} bugs of the museum")
    return sorted(found, key=lambda result: [*map(str, exhibits)].index(result.name))


def concerned(
    exhibits: Iterable[Exhibit], backend: str, calls: Sequence[str] = ()
) -> list[Exhibit]:
    """The exhibits of a backend that concern one of these calls; with none named, all."""
    return [
        exhibit
        for exhibit in exhibits
        if exhibit.backend == backend
        if not calls or exhibit.calls.intersection(calls)
    ]
