"""What a person sees of a boot: ROM, machine, each check, and the seed case as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from harness.report.log import FAIL, PASS, Log
from harness.report.timeline import timeline

_COLOUR = {PASS: "green", FAIL: "bold red"}


def shown(path: str | Path) -> str:
    """A path as short as it is clear: relative where it lies below the current folder."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


def show_header(
    console: Console, rom: Mapping[str, Any], machine: Mapping[str, Any], guest: Mapping[str, Any]
) -> None:
    """Three lines: the ROM and where it was found, the machine, the guest."""
    name = rom.get("name", "ROM")
    size = f"{rom['size']} bytes"
    found = f"at {rom['base']:05X}" if "base" in rom else "place not known"
    line = f"[bold]{name}[/]  {escape(shown(rom['path']))}  {size}, {found}"
    if rom.get("block_base"):
        block = rom["block"]
        line += f", RAM at {rom['block_base']:05X}: {block['size']} bytes on {block['pages']} "
        line += "page" if block["pages"] == 1 else "pages"
        if rom["blocks"] > 1:
            line += f" for each of {rom['blocks']} processors"
    console.print(line, highlight=False, soft_wrap=True)
    processors = f"{machine['smp']} processor" + ("s" if machine["smp"] > 1 else "")
    console.print(
        f"[bold]machine[/]  {machine['machine']}, {machine['memory']} MiB, {processors}, "
        f"QEMU {machine['qemu']}, {machine['accel']}",
        highlight=False,
    )
    line = f"[bold]guest[/]  {escape(shown(guest['path']))}, {guest['kind']}"
    if "bound" in guest:
        line += f", {guest['bound']} of {guest['calls']} calls bound"
    console.print(line, highlight=False, soft_wrap=True)


def show_bound(console: Console, calls: Sequence[Mapping[str, Any]], note: str) -> None:
    """The calls that the guest asked for, one a line; those that the ROM does not provide dim.

    calls: `number`, `name`, `type`, `asked` and `calls` each, the last None when not counted.
    note: why nothing is known, when there are none.
    """
    rows = [call for call in calls if call["asked"] or call["calls"]]
    console.print("\n[bold]calls that the guest asked for[/]", highlight=False)
    if not rows:
        console.print(f"  {note or 'none'}", markup=False, highlight=False, soft_wrap=True)
        return
    width = max(len(call["name"]) for call in rows)
    for call in rows:
        line = f"  {call['number']:3}  {call['name']:{width}}  {call['type']:8}"
        if call["calls"] is not None and call["type"] != "NONE":
            line += f"  {call['calls']:11,}"
        style = "dim" if call["type"] == "NONE" else ""
        console.print(line.rstrip(), style=style, markup=False, highlight=False, soft_wrap=True)


def show_log(console: Console, log: Log) -> None:
    """Each check with its verdict, then the timeline, then the count."""
    console.print()
    for check in log.checks:
        colour = _COLOUR.get(check.verdict, "bold yellow")
        detail = f"  [dim]{escape(check.detail)}[/]" if check.detail else ""
        console.print(
            f"  [{colour}]{check.verdict:5}[/] {escape(check.id)}{detail}",
            highlight=False,
            soft_wrap=True,
        )
    if log.events:
        console.print("\n[bold]the seed case[/]", highlight=False)
        blocks = "utf" in console.encoding.lower()
        for line in timeline(log.events, blocks):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    failed = sum(check.verdict != PASS for check in log.checks)
    colour = _COLOUR.get(log.verdict, "bold yellow")
    console.print(
        f"\n[{colour}]{log.verdict}[/]  {len(log.checks)} checks, {failed} failed", highlight=False
    )


def show_trouble(console: Console, trouble: str) -> None:
    """Where the machine stands, for a run that went wrong."""
    if trouble:
        console.print("\n[bold]what happened[/]", highlight=False)
        console.print(trouble, markup=False, highlight=False, soft_wrap=True)
