"""The campaign: each mutant against all that reaches it, until something kills it."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import accumulate, chain, zip_longest
from pathlib import Path
from typing import IO, TypeVar

from harness.errors import HarnessError
from harness.explore.job import Beat
from harness.explore.killers import Killer, killers
from harness.explore.kit import START, KitTest, fail, kit_tests
from harness.explore.mutants import Mutant, mutants, same_programs
from harness.explore.rig import Measured, Rig
from harness.explore.worker import Workers
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom
from rom.backends import BACKENDS
from rom.build import write_file
from rom.image import Image, build_image

Task = TypeVar("Task")

RECENT = 6
"""Killers of the mutants before that are tried first: neighbours die of the same."""

FEW, HEAVY = 36, 3.0
"""Killers that each mutant has to survive, and the seconds from which one is not among them; the
others are for survivors that have no reason."""

TRIAL = 60.0
"""Seconds of the kit's own tests that a mutant has to survive, of those that reach it."""


@dataclass(frozen=True)
class Measurement:
    """A task: let a killer at the ROM as it is."""

    killer: int


@dataclass(frozen=True)
class Attempt:
    """A task: try to kill a mutant, by these killers in this order; `late`: the last there are."""

    mutant: int
    killers: tuple[int, ...]
    late: bool = False


@dataclass(frozen=True)
class Trial:
    """A task: let tests of the kit's own at a mutant, each a node id and its seconds."""

    mutant: int
    tests: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class MutantResult:
    """What became of a mutant. No killer: it survived, and `tried` says how many were at it.

    `tested`: no test of the kit's own is left to try; `late`: and no script or job.
    """

    mutant: str
    killer: str = ""
    complaint: str = ""
    tried: int = 0
    seconds: float = 0.0
    late: bool = False
    tested: bool = False

    @property
    def killed(self) -> bool:
        """Whether something told it from the ROM as it is."""
        return bool(self.killer)


@dataclass
class CampaignReport:
    """What became of all mutants. `seconds` is the time of this run, for `run` of the mutants;
    `left_out`: changes that are the same program, and so no mutants.
    """

    backend: str
    build_id: str
    results: list[MutantResult] = field(default_factory=list)
    seconds: float = 0.0
    run: int = 0
    left_out: int = 0

    @property
    def killed(self) -> int:
        """How many mutants were."""
        return sum(result.killed for result in self.results)

    @property
    def survivors(self) -> list[MutantResult]:
        """Those that nothing killed."""
        return [result for result in self.results if not result.killed]

    def text(self, reasons: Mapping[str, str]) -> str:
        """All mutants as a list: the survivors first, each with its reason, and then the rest."""
        lines = [f"{self.backend}, build {self.build_id}"]
        lines += [f"{self.killed} of {len(self.results)} mutants killed"]
        lines += [f"{self.left_out} changes left out, as the same program", "", "survivors"]
        for result in self.survivors:
            tried = f"{result.tried} killers tried" if result.tried else "nothing reaches it"
            lines.append(f"  {result.mutant}  ({tried})")
            lines.append(f"    {reasons.get(result.mutant, 'NOT EXPLAINED')}")
        lines += ["", "killers"]
        counts = Counter(result.killer for result in self.results if result.killed)
        lines += [f"  {count:5} {name}" for name, count in counts.most_common()]
        lines += ["", "killed"]
        for result in self.results:
            if result.killed:
                lines.append(f"  {result.mutant}\n    {result.killer}: {result.complaint}")
        return "\n".join(lines) + "\n"


class Executioner:
    """A worker of the campaign."""

    def __init__(self, config: MachineConfig, rom: Rom, guest: GuestFile) -> None:
        self._rig = Rig(config, rom, guest)
        self._rom = rom
        self._killers = killers(rom.manifest["lazy"])
        self._recent: list[int] = []
        self._deadly: Counter[str] = Counter()
        self._mutants: Sequence[Mutant] = ()

    def close(self) -> None:
        """End the machines."""
        self._rig.close()

    def do(self, task: Measurement | Attempt | Trial, beat: Beat) -> Measured | MutantResult:
        """Measure a killer, or kill a mutant."""
        if isinstance(task, Measurement):
            return self._rig.measure(task.killer, self._killers[task.killer])
        if not self._mutants:
            self._mutants = mutants_of(self._rom, self._rig.block)
        mutant = self._mutants[task.mutant]
        started = time.monotonic()
        if isinstance(task, Trial):
            return self._try(mutant, task.tests, beat)
        recent = [killer for killer in self._recent if killer in task.killers]
        order = [*recent, *(killer for killer in task.killers if killer not in recent)]
        for tried, number in enumerate(order, 1):
            beat(0, 0)
            killer, patch = self._killers[number], {mutant.offset: mutant.data}
            complaint = self._rig.attempt(killer, patch, beat)
            if complaint and self._rig.attempt(killer, patch, beat):  # and no chance of one moment
                self._recent = [number, *(k for k in self._recent if k != number)][:RECENT]
                seconds = round(time.monotonic() - started, 2)
                return MutantResult(str(mutant), killer.name, complaint, tried, seconds)
        seconds = round(time.monotonic() - started, 2)
        return MutantResult(str(mutant), "", "", len(order), seconds, task.late, task.late)

    def _try(self, mutant: Mutant, tests: Sequence[tuple[str, float]], beat: Beat) -> MutantResult:
        """Those that killed before come first, as many as there is time for."""
        started = time.monotonic()
        order = sorted(tests, key=lambda test: -self._deadly[test[0]])
        until = accumulate(seconds + START for _, seconds in order)
        names = [name for (name, _), at in zip(order, until, strict=True) if at < TRIAL]
        key, tick = f"{self._rom.manifest['backend']}: {mutant}", partial(beat, 0, 0)
        failure = fail(key, names, tick) if names else None
        if failure is not None:  # again, as above; too slow may be the machine
            failure = fail(key, [failure.test] if failure.test in names else names, tick)
        name, text = (failure.test, failure.text) if failure else ("", "")
        self._deadly[name] += 1
        seconds = round(time.monotonic() - started, 2)
        return MutantResult(str(mutant), name, text, len(names), seconds, tested=True)


def mutants_of(rom: Rom, base: int = 0) -> list[Mutant]:
    """The mutants of a ROM of ours. Raises HarnessError when it is not built from this source."""
    return mutants(_image_of(rom), base)


def _image_of(rom: Rom) -> Image:
    name = rom.manifest["backend"]
    image = build_image(BACKENDS[name], rom.manifest["generation"])
    if image.build_id != rom.manifest["build_id"]:
        raise HarnessError(
            f"{rom.path} is build {rom.manifest['build_id']} of {name}, and the source makes "
            f"{image.build_id}; build it anew."
        )
    return image


def campaign(
    rom: Rom,
    guest: GuestFile,
    folder: Path,
    config: MachineConfig,
    workers: int = 0,
    fresh: bool = False,
    only: Callable[[Mutant], bool] = lambda mutant: True,
    explained: Container[str] = (),
    progress: Callable[[str], None] = print,
) -> CampaignReport:
    """Try to kill all mutants of a ROM.

    only: picks some of them. explained: keys of those whose survival has a reason. What was done is
    noted in the folder, so that a campaign that was interrupted goes on there, and what was killed
    is not tried again at the same build; fresh: begin anew. Raises HarnessError.
    """
    backend, build_id = rom.manifest["backend"], rom.manifest["build_id"]
    report = CampaignReport(backend, build_id, left_out=len(same_programs(_image_of(rom))))
    every = mutants_of(rom)
    chosen = {str(mutant): index for index, mutant in enumerate(every) if only(mutant)}
    folder.mkdir(parents=True, exist_ok=True)
    notes = folder / f"{backend}-{build_id[:12]}-mutants.progress"
    if fresh:
        notes.unlink(missing_ok=True)
    found = {result.mutant: result for result in _read(notes) if result.mutant in chosen}
    started = time.monotonic()
    pool: Workers[Measurement | Attempt | Trial, Measured | MutantResult]
    count = min(workers or os.cpu_count() or 1, max(len(chosen), 1))
    with notes.open("a") as file, Workers(count, partial(Executioner, config, rom, guest)) as pool:

        def run(tasks: Sequence[Attempt | Trial]) -> None:
            for said in pool.do(_spread(tasks, count)):
                if isinstance(said, MutantResult):
                    before = found[said.mutant].tried if said.mutant in found else 0
                    found[said.mutant] = said = replace(said, tried=said.tried + before)
                    _note(file, said)
                    report.run += 1
                    report.seconds = time.monotonic() - started
                    progress(_shown(report, found.values(), len(tasks)))

        def left(stage: str) -> list[str]:
            return [name for name in chosen if _is_left(found.get(name), stage, explained)]

        reach: list[Measured] = []

        def attempt(names: Sequence[str], late: bool) -> None:
            if names and not reach:
                reach.extend(_measured(pool, killers(rom.manifest["lazy"]), progress))
            numbers = [chosen[name] for name in names]
            run([Attempt(each, _against(every[each], reach)[late], late) for each in numbers])

        attempt(left(""), late=False)
        if names := left("tested"):  # they take less time than the scripts and jobs that are left
            progress("looking what the kit's own tests reach")
            measured = folder / f"{backend}-{build_id[:12]}-tests.json"
            path = {mutant.offset for mutant in every}
            tests = kit_tests(backend, measured, path, lambda: None)
            if tests:
                run([_trial(chosen[name], every, tests) for name in names])
            else:
                progress("an installed package has no tests/, so these mutants are not tried by it")
        attempt(left("late"), late=True)
    _keep_killed(notes)
    report.results = [found[name] for name in chosen]
    return report


def _trial(number: int, every: Sequence[Mutant], tests: Sequence[KitTest]) -> Trial:
    """The tests that reach a mutant."""
    mutant = every[number]
    places = range(mutant.offset, mutant.offset + len(mutant.data))
    able = (test for test in tests if not test.reached.isdisjoint(places))
    return Trial(number, tuple((test.name, test.seconds) for test in able))


def _is_left(result: MutantResult | None, stage: str, explained: Container[str]) -> bool:
    """Whether a mutant is to be tried: after the first stage, only a survivor with no reason."""
    if result is None or not stage:
        return result is None
    done = result.late if stage == "late" else result.tested
    return not (result.killed or done or result.mutant in explained)


def write_report(report: CampaignReport, folder: Path, reasons: Mapping[str, str]) -> Path:
    """Write the list of all mutants, and answer where."""
    path = folder / f"{report.backend}-mutants.txt"
    write_file(path, report.text(reasons).encode())
    return path


def _measured(
    pool: Workers[Measurement | Attempt | Trial, Measured | MutantResult],
    all_killers: Sequence[Killer],
    progress: Callable[[str], None],
) -> list[Measured]:
    """What each killer reaches. Raises HarnessError for one that the ROM as it is does not pass."""
    found: list[Measured] = []
    for said in pool.do([Measurement(number) for number in range(len(all_killers))]):
        if isinstance(said, Measured):
            if said.complaint:
                name = all_killers[said.killer].name
                raise HarnessError(f"The ROM itself does not pass {name}: {said.complaint}.")
            found.append(said)
            progress(f"looking what {len(found)} of {len(all_killers)} killers reach")
    return found


def _against(mutant: Mutant, reach: Sequence[Measured]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The killers that reach a mutant: a few that reach much in little time, scripts and jobs by
    turns; and the rest.
    """
    places = range(mutant.offset, mutant.offset + len(mutant.data))
    able = [each for each in reach if not each.reached.isdisjoint(places)]
    able.sort(key=lambda each: each.seconds / len(each.reached))
    light = [each for each in able if each.seconds < HEAVY]
    turns = ([each.killer for each in light if each.sweeps is kind] for kind in (False, True))
    pairs = chain.from_iterable(zip_longest(*turns))
    few = tuple(killer for killer in pairs if killer is not None)[:FEW]
    return few, tuple(each.killer for each in able if each.killer not in few)


def _spread(tasks: Sequence[Task], workers: int) -> list[Task]:
    """Tasks in an order in which each worker has neighbours one after another."""
    size = -(-len(tasks) // workers) if workers else 0
    shares = [tasks[i * size : (i + 1) * size] for i in range(workers)]
    return [task for at in range(size) for share in shares for task in share[at : at + 1]]


def _shown(report: CampaignReport, results: Collection[MutantResult], tasks: int) -> str:
    killed = sum(result.killed for result in results)
    rate = report.run / report.seconds if report.seconds else 0.0
    left = max(tasks - report.run, 0) / rate if rate else 0.0
    return f"{len(results)} mutants, {killed} killed, {rate:.1f} a second, about {left:.0f} s left"


def _note(file: IO[str], result: MutantResult) -> None:
    file.write(json.dumps(asdict(result)) + "\n")
    file.flush()


def _keep_killed(notes: Path) -> None:
    """What was killed stays so for this build; what survived is tried again the next time."""
    last = {result.mutant: result for result in _read(notes)}
    lines = [json.dumps(asdict(result)) for result in last.values() if result.killed]
    write_file(notes, "".join(f"{line}\n" for line in lines).encode())


def _read(notes: Path) -> Iterator[MutantResult]:
    """What an interrupted campaign has done; a line that was cut off is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        for line in notes.read_text().splitlines():
            yield MutantResult(**json.loads(line))
