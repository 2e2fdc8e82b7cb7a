"""The verbs of the kit: each a few lines that call the library. `inv --help VERB` explains it.

What only one of them needs is imported there, so that `inv boot` does not wait for the others.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from invoke.context import Context
from invoke.tasks import task
from rich.console import Console

from guests.build import GUESTS, build_guest, write_guest
from harness import cli
from harness.boot import BootRequest
from harness.boot import boot as boot_machine
from harness.errors import HarnessError
from harness.guest import load_guest
from harness.machine.config import MachineConfig
from harness.report.terminal import show_bound, show_header, show_log, show_trouble, shown
from harness.rom import load_rom
from rom.backends import BACKENDS
from rom.backends import backend as backend_named
from rom.build import write_image
from rom.image import Image, build_image

ROOT = Path(__file__).parent
BUILD = ROOT / "build"

cli.exit_statuses_are_the_kits()

_BOOT_HELP = {
    "backend": f"the ROM's hypervisor side: {', '.join(BACKENDS)} (default bare)",
    "generation": "the interface's generation (default 3.0)",
    "guest": f"a guest of ours ({', '.join(GUESTS)}), or the file of a multiboot image or bzImage",
    "initrd": "an initial RAM disk for a foreign guest",
    "append": "the guest's command line",
    "machine": "QEMU's machine type: pc, isapc or q35",
    "memory": "RAM in MiB (default 32, and 128 for a foreign guest)",
    "smp": "number of processors (default 1)",
    "qemu": "the QEMU to use instead of qemu-system-i386 from PATH",
    "accel": "tcg or kvm (default tcg)",
    "timeout": "seconds until a guest that has not ended is given up (default 60)",
}


def _build(names: Iterable[str], generation: str, out: str) -> list[tuple[Image, Path]]:
    folder = Path(out) if out else BUILD
    images = [build_image(backend_named(name), generation) for name in names]
    return [(image, write_image(image, folder)) for image in images]


def _request(
    backend: str,
    generation: str,
    guest: str,
    config: MachineConfig,
    timeout: float,
    until: str,
) -> BootRequest:
    """Build what is ours, and put the request together."""
    [(_, rom)] = _build([backend], generation, "")
    path = write_guest(build_guest(guest), BUILD) if guest in GUESTS else Path(guest)
    return BootRequest(rom, path, config, timeout, until)


def _config(
    guest: str, initrd: str, append: str, machine: str, memory: int, smp: int, qemu: str, accel: str
) -> MachineConfig:
    return MachineConfig(
        machine=machine,
        memory=memory or (32 if guest in GUESTS else 128),
        smp=smp,
        qemu=qemu,
        accel=accel,
        initrd=Path(initrd) if initrd else None,
        append=append,
    )


@task(
    help={
        "backend": f"build only this one: {', '.join(BACKENDS)} (default all)",
        "generation": "the interface's generation (default 3.0)",
        "out": "the folder to build into (default build/)",
        "json": "write the figures to this file",
    }
)
def build(
    ctx: Context, backend: str = "", generation: str = "3.0", out: str = "", json: str = ""
) -> None:
    """Build BACKEND-GENERATION.rom with symbols, listing and manifest."""
    with cli.verb(json):
        console = Console()
        built = _build([backend] if backend else BACKENDS, generation, out)
        for image, path in built:
            block = image.manifest["block"]
            calls = image.manifest["calls"]
            provided = sum(call["type"] != "NONE" for call in calls)
            console.print(
                f"{shown(path)}  {len(image.content)} bytes, {provided} of {len(calls)} calls, "
                f"RAM {block['size']} bytes, build {image.build_id[:12]}",
                highlight=False,
                soft_wrap=True,
            )
        if json:
            cli.write_json(json, {"verdict": "pass", "roms": [i.manifest for i, _ in built]})


@task(
    help=_BOOT_HELP
    | {
        "until": "end a foreign guest well when this text is on its serial console",
        "count": "count how often the guest enters each call (takes tcg, and some time)",
        "json": "write the verdict, checks, events and bound calls to this file",
    }
)
def boot(
    ctx: Context,
    backend: str = "bare",
    generation: str = "3.0",
    guest: str = "checks",
    initrd: str = "",
    append: str = "",
    machine: str = "pc",
    memory: int = 0,
    smp: int = 1,
    qemu: str = "",
    accel: str = "tcg",
    timeout: float = 60.0,
    until: str = "",
    count: bool = False,
    json: str = "",
) -> None:
    """Build a ROM, boot it with a guest, run the guest's checks, and show what happened."""
    with cli.verb(json):
        config = _config(guest, initrd, append, machine, memory, smp, qemu, accel)
        config = replace(config, execution=count)
        request = _request(backend, generation, guest, config, timeout, until)
        with cli.progress(f"booting {request.guest.name}") as progress:
            report = boot_machine(request, progress, progress.show)
        console = Console()
        show_header(console, report.rom, report.machine, report.guest)
        if count or not report.guest["ours"]:
            show_bound(console, [asdict(call) for call in report.bound], report.bound_note)
        show_log(console, report.log)
        show_trouble(console, report.trouble)
        if json:
            cli.write_json(json, report.as_data())
        cli.end_with(report.log.verdict)


@task(
    help=_BOOT_HELP
    | {
        "at": "where to stop: init (VMI_Init, 32-bit), post (the ROM's 16-bit init) or ready",
        "commands": "a file of GDB commands to run instead of a prompt",
    }
)
def debug(
    ctx: Context,
    backend: str = "bare",
    generation: str = "3.0",
    guest: str = "checks",
    initrd: str = "",
    append: str = "",
    machine: str = "pc",
    memory: int = 0,
    smp: int = 1,
    qemu: str = "",
    accel: str = "tcg",
    timeout: float = 60.0,
    at: str = "init",
    commands: str = "",
) -> None:
    """Boot as `boot` does, and open GDB where VMI_Init begins, with symbols and sources."""
    from harness.debug import debug_session

    with cli.verb():
        config = _config(guest, initrd, append, machine, memory, smp, qemu, accel)
        request = _request(backend, generation, guest, config, timeout, "")
        status = debug_session(request, at, Path(commands) if commands else None)
        if status:
            raise SystemExit(cli.FAILED)


@task(
    positional=["node"],
    help={
        "node": "a test, file or folder, by pytest's node id (default: the whole suite)",
        "k": "run only the tests that this expression of pytest's -k selects",
        "workers": "processes to run side by side (default: one a core; 0: one alone)",
        "gdb": "one process, up to the first test that fails, and GDB where it failed",
        "repeat": "so many runs in a row, each with a new seed (default 1, with the tests' own)",
        "loaded": "so many of these, the last ones, while another run loads the machine",
        "seed": "the seed of random tests: the same seed, the same run",
        "json": "write the verdict, the counts and the runs to this file",
    },
)
def test(
    ctx: Context,
    node: str | None = None,
    k: str = "",
    workers: str = "auto",
    gdb: bool = False,
    repeat: int = 1,
    loaded: int = 0,
    seed: str = "",
    json: str = "",
) -> None:
    """Run the whole suite: the proof that what is promised holds. It leaves build/report."""
    from harness.suite.run import Selection, seed_of
    from harness.suite.runs import Runs, run_suite

    with cli.verb(json):
        selection = Selection(ROOT, node or "", k, workers, seed_of(seed))
        report = run_suite(selection, Runs(BUILD / "report", repeat, loaded, gdb), Console())
        if json:
            cli.write_json(json, report.as_data())
        cli.end_with(report.verdict)


@task(
    help={
        "backend": f"count on this one only: {', '.join(BACKENDS)} (default all)",
        "json": "write the verdict and the figures to this file",
    }
)
def bench(ctx: Context, backend: str = "", json: str = "") -> None:
    """Count what the calls cost in instructions, each figure beside its yardstick and budget."""
    from harness.bench.run import bench as bench_roms
    from harness.bench.table import show_bench

    with cli.verb(json):
        built = _build([backend] if backend else BACKENDS, "3.0", "")
        roms = {image.backend.name: path for image, path in built}
        checks, workloads = (write_guest(build_guest(name), BUILD) for name in ("checks", "bench"))
        with cli.progress("counting") as progress:
            report = bench_roms(roms, checks, workloads, MachineConfig(), progress)
        show_bench(Console(), report)
        if json:
            cli.write_json(json, report.as_data())
        cli.end_with(report.verdict)


@task(
    iterable=["call"],
    help={
        "backend": f"the ROM's hypervisor side: {', '.join(BACKENDS)} (default bare)",
        "call": "sweep only this call, or `interrupts`, `descriptors` (repeatable, or with commas)",
        "depth": "arrivals in a case: 1, or 2 for the interrupt calls (default 1)",
        "json": "write the verdict and the figures to this file",
        "replay": "go to the case or script of this file: in GDB at a terminal, else run it",
        "picture": "with --replay of a case: run it and draw it, at a terminal too",
        "workers": "QEMUs side by side (default one a core)",
        "limit": "end at this many failures (default 10)",
        "fresh": "begin anew, whatever an interrupted sweep has done",
        "mutants": "try each small change of the interrupt path as well, which takes a while",
    },
)
def explore(
    ctx: Context,
    call: list[str],
    backend: str = "bare",
    depth: int = 1,
    json: str = "",
    replay: str = "",
    picture: bool = False,
    workers: int = 0,
    limit: int = 10,
    fresh: bool = False,
    mutants: bool = False,
) -> None:
    """Raise interrupts at every arrival point of the calls, and check what becomes of them."""
    from harness.explore.picture import picture_sweep
    from harness.explore.proof import Proof, prove
    from harness.explore.sweep import SweepRequest
    from harness.explore.sweep import sweep as sweep_calls
    from harness.explore.table import show_sweep

    with cli.verb(json):
        if replay:
            _replay(Path(replay), json, picture)
            return
        [(_, rom)] = _build([backend], "3.0", "")
        guest = write_guest(build_guest("checks"), BUILD)
        calls = tuple(name.strip() for names in call for name in names.split(","))
        request = SweepRequest(
            rom,
            guest,
            BUILD / "explore",
            calls=calls,
            depth=depth,
            workers=workers,
            limit=limit,
            fresh=fresh,
        )
        with cli.progress("exploring") as progress:
            report = sweep_calls(request, progress)
            parts = (load_rom(rom), load_guest(guest), request.config)
            timelines, page = picture_sweep(report, request.folder, *parts)
            proof = Proof()
            if not report.stopped:
                proof = prove(request, ROOT / "docs/mutants.md" if mutants else None, progress)
        show_sweep(Console(), report, proof, timelines, page)
        verdict = "pass" if report.verdict == proof.verdict == "pass" else "fail"
        if json:
            data = report.as_data() | proof.as_data() | {"verdict": verdict, "map": str(page)}
            cli.write_json(json, data)
        cli.end_with(verdict)


def _replay(file: Path, json: str, picture: bool) -> None:
    """Go to the case, or play the script, of a replay file; in GDB at a terminal."""
    from harness.explore.replay import check_build, debug_replay, read
    from harness.explore.rerun import rerun

    replay = read(file)
    [(image, path)] = _build([replay.backend], "3.0", "")
    check_build(replay, image.build_id, file)
    rom = load_rom(path)
    guest = load_guest(write_guest(build_guest("checks"), BUILD))
    if sys.stdin.isatty() and not (json or picture):
        if debug_replay(replay, rom, guest, MachineConfig()):
            raise SystemExit(cli.FAILED)
        return
    data = rerun(Console(), replay, file, rom, guest)
    if json:
        cli.write_json(json, {"build_id": image.build_id} | data)
    cli.end_with(data["verdict"])


@task(
    positional=["file"],
    help={
        "file": "an option ROM of any kind (without one: is this machine ready?)",
        "boot": "boot QEMU with it, too, and show what SeaBIOS's log says and what is in memory",
        "json": "write the verdict and the checks to this file",
    },
)
def doctor(ctx: Context, file: str | None = None, boot: bool = False, json: str = "") -> None:
    """Say whether this machine is ready; or why a BIOS or a guest would ignore a ROM."""
    from harness.doctor.examine import examine
    from harness.doctor.machine import this_machine
    from harness.doctor.show import show_diagnosis

    with cli.verb(json):
        if boot and not file:
            raise HarnessError("A boot needs a ROM to look at; name its file.")
        with cli.progress("looking") as progress:
            diagnosis = examine(Path(file), boot, progress) if file else this_machine(BUILD)
        show_diagnosis(Console(), diagnosis)
        if json:
            cli.write_json(json, diagnosis.as_data())
        cli.end_with(diagnosis.verdict)


@task(
    iterable=["qemu"],
    help={
        "qemu": "only this version, or the QEMU of this path (repeatable; default all versions)",
        "machine": "only this machine type",
        "backend": f"only this one: {', '.join(BACKENDS)}",
        "workers": "cells side by side (default one a core)",
        "remove": "remove the QEMUs that were fetched, and run nothing",
        "json": "write the verdict and the cells to this file",
    },
)
def matrix(
    ctx: Context,
    qemu: list[str],
    machine: str = "",
    backend: str = "",
    workers: int = 0,
    remove: bool = False,
    json: str = "",
) -> None:
    """Boot and test on several QEMU versions and machine types, on each backend."""
    from ci.matrix.plan import read_plan
    from ci.matrix.prefix import cache_folder, remove_prefixes
    from ci.matrix.run import MatrixRequest, run_matrix
    from ci.matrix.table import show_matrix

    with cli.verb(json):
        console = Console()
        if remove:
            for folder in remove_prefixes(cache_folder()):
                console.print(f"removed {folder}", highlight=False, soft_wrap=True)
            return
        plan = read_plan().only(machine, backend)
        request = MatrixRequest(plan, cache_folder(), BUILD / "report", tuple(qemu), workers)
        with cli.progress("the matrix") as progress:
            report = run_matrix(request, progress)
        show_matrix(console, report)
        if json:
            cli.write_json(json, report.as_data())
        cli.end_with(report.verdict)
