"""Mutants of the interrupt path: what they change, what kills them, and why some survive."""

import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
from capstone import CS_ARCH_X86, CS_MODE_32, Cs

from harness.errors import HarnessError
from harness.explore import kit
from harness.explore.campaign import (
    Attempt,
    CampaignReport,
    Executioner,
    Measurement,
    MutantResult,
    _is_left,
    _keep_killed,
    _read,
)
from harness.explore.killers import killers
from harness.explore.museum import ExhibitResult
from harness.explore.mutants import Mutant, instructions, mutants, same_programs
from harness.explore.proof import Proof
from harness.explore.rig import Measured
from harness.explore.same import are_independent
from harness.explore.survivors import read_survivors
from harness.guest import GuestFile
from harness.machine.config import MachineConfig
from harness.rom import Rom
from rom.image import Image
from tests.mutation import mutated_image

SURVIVORS = Path(__file__).parents[2] / "docs/mutants.md"
BASE = 0xE4000
SAMPLE, SEED = 5, 4
ROUTINE = (
    "enter",
    "external",
    "external_masked",
    "IRET",
    "settle_again",
    "settle_enter",
    "drop_next",
)
"""Labels of code that each script comes by."""


def quiet(points: int, cases: int) -> None:
    pass


@pytest.fixture(scope="module")
def found(images: Mapping[str, Image]) -> Mapping[str, list[Mutant]]:
    """The mutants of each backend, where its block is in the test machine."""
    return {name: mutants(image, BASE) for name, image in images.items()}


def one(found: Mapping[str, list[Mutant]], key: str) -> Mutant:
    [mutant] = [mutant for mutant in found["bare"] if str(mutant) == key]
    return mutant


@pytest.mark.parametrize("backend", ["bare", "native"])
def test_a_mutant_changes_its_instruction_or_the_next_and_goes_by_a_key_of_its_own(
    images: Mapping[str, Image], found: Mapping[str, list[Mutant]], backend: str
) -> None:
    code = images[backend].wedge.at(BASE)
    sizes = {i.offset: len(i.data) for i in instructions(images[backend], BASE)}
    for mutant in found[backend]:
        size = sizes[mutant.offset]
        if mutant.change.startswith("swapped"):
            size += sizes[mutant.offset + size]
        assert len(mutant.data) == size
        assert code[mutant.offset : mutant.offset + size] != mutant.data
    keys = [str(mutant) for mutant in found[backend]]
    assert len(set(keys)) == len(keys)
    assert keys == [str(mutant) for mutant in mutants(images[backend], 0)]


def test_a_branch_that_is_swapped_leads_where_it_led(
    images: Mapping[str, Image], found: Mapping[str, list[Mutant]]
) -> None:
    key = "EnableInterrupts: cmpl $0, cpu(pending): swapped with jne enable_left"
    mutant = one(found, key)
    first, second = Cs(CS_ARCH_X86, CS_MODE_32).disasm(mutant.data, mutant.offset)
    assert (first.mnemonic, second.mnemonic) == ("jne", "cmp")
    assert int(first.op_str, 0) == images["bare"].wedge.assembly.labels["enable_left"]


def test_neighbours_of_two_blocks_are_not_swapped(found: Mapping[str, list[Mutant]]) -> None:
    keys = [str(mutant) for mutant in found["bare"]]
    assert not [key for key in keys if "swapped with sti" in key and key.startswith("enable_left")]
    assert "enable_left: jnz enable_pending: inverted" in keys
    assert "enable_left: jnz enable_pending: dropped" in keys


def test_neighbours_that_nothing_can_tell_apart_are_not_swapped(
    images: Mapping[str, Image], found: Mapping[str, list[Mutant]]
) -> None:
    left_out = [str(mutant) for mutant in same_programs(images["bare"])]
    assert "note_line: btrl %ecx, %eax: swapped with movb %cl, %bh" in left_out
    assert not set(left_out) & {str(mutant) for mutant in found["bare"]}
    assert same_programs(images["native"]) == []


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ("89c1 89d3", True),  # movl %eax, %ecx; movl %edx, %ebx
        ("89c1 89ca", False),  # and movl %ecx, %edx
        ("85c0 39d1", False),  # both set flags
        ("890d00100000 891500200000", False),  # both store to the virtual CPU
        ("89442404 891500200000", True),  # one to the stack
        ("89442404 8b542404", False),  # the same place of the stack
        ("89442404 8b542408", True),
        ("50 89442404", False),  # a push moves the stack
        ("0e 830c2401", False),  # pushl %cs as well
        ("8b01 89d3", False),  # the guest's memory may fault
        ("fa 89d3", False),  # cli
    ],
)
def test_a_swap_is_the_same_program_when_the_two_share_nothing(code: str, same: bool) -> None:
    decoder = Cs(CS_ARCH_X86, CS_MODE_32)
    decoder.detail = True
    first, second = decoder.disasm(bytes.fromhex(code), 0)
    assert are_independent(first, second) is same


@pytest.mark.parametrize(
    "key",
    [
        "enter: movl $0, cpu(virtual_if): dropped",
        "EnableInterrupts: movl $IF, cpu(virtual_if): swapped with cmpl $0, cpu(pending)",
        "sysexit_esp0: cmpl $36, %edx: immediate + 1",
    ],
)
def test_an_image_with_a_mutant_runs_its_bytes_wherever_the_block_is(
    images: Mapping[str, Image], found: Mapping[str, list[Mutant]], key: str
) -> None:
    mutant, image = one(found, key), mutated_image(f"bare: {key}")
    code = bytearray(images["bare"].wedge.at(BASE))
    code[mutant.offset : mutant.offset + len(mutant.data)] = mutant.data
    assert image.wedge.at(BASE) == code
    assert sum(image.content) & 0xFF == 0
    assert image.build_id != images["bare"].build_id


@pytest.mark.parametrize("key", ["xen: IRET: cli: dropped", "bare: IRET: cli: doubled"])
def test_a_key_that_is_no_mutants_is_refused(key: str) -> None:
    with pytest.raises(pytest.UsageError, match="xen" if key.startswith("xen") else "no mutant"):
        mutated_image(key)


def test_what_was_killed_stays_so_for_the_build_and_a_survivor_is_tried_again(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes"
    results = [MutantResult("a"), MutantResult("a", "script"), MutantResult("b", late=True)]
    notes.write_text("".join(json.dumps(asdict(result)) + "\n" for result in results))
    _keep_killed(notes)
    assert list(_read(notes)) == [results[1]]


@pytest.mark.parametrize(
    ("result", "stages"),
    [
        (None, [""]),
        (MutantResult("a", "script"), []),
        (MutantResult("a"), ["late", "tested"]),
        (MutantResult("a", late=True), ["tested"]),
        (MutantResult("a", late=True, tested=True), []),
        (MutantResult("explained"), []),
    ],
)
def test_a_survivor_with_no_reason_is_tried_by_all_there_is(
    result: MutantResult | None, stages: list[str]
) -> None:
    wanted = [s for s in ("", "late", "tested") if result or not s]
    assert [s for s in wanted if _is_left(result, s, {"explained"})] == stages


def test_an_installed_package_has_no_tests_to_try_mutants_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "TESTS", tmp_path / "tests")
    assert kit.kit_tests("bare", tmp_path / "file", (), lambda: None) == []


def test_what_tests_reach_is_measured_again_once_one_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "TESTS", tmp_path)
    file, test = tmp_path / "tests.json", tmp_path / kit.FOLDERS[-1] / "test_a.py"
    test.parent.mkdir()
    test.touch()
    assert not kit.is_measured(file)
    file.touch()
    os.utime(file, (2, 2))
    for changed, held in ((1, True), (2, True), (3, False)):
        os.utime(test, (changed, changed))
        assert kit.is_measured(file) is held


@pytest.fixture(scope="module")
def executioner(roms: Mapping[str, Rom], wedge_guest: GuestFile) -> Iterator[Executioner]:
    """A worker of a campaign on `bare`."""
    made = Executioner(MachineConfig(), roms["bare"], wedge_guest)
    yield made
    made.close()


def test_a_sample_of_the_inverted_conditionals_is_killed_by_scripts(
    executioner: Executioner, found: Mapping[str, list[Mutant]]
) -> None:
    explained = read_survivors(SURVIVORS, "bare")
    inverted = [
        index
        for index, each in enumerate(found["bare"])
        if each.change == "inverted" and each.label in ROUTINE and str(each) not in explained
    ]
    scripts = tuple(i for i, each in enumerate(killers(lazy=True)) if each.job is None)
    results = [
        executioner.do(Attempt(index, scripts), quiet)
        for index in random.Random(SEED).sample(inverted, SAMPLE)
    ]
    survivors = [str(r) for r in results if not (isinstance(r, MutantResult) and r.killed)]
    assert survivors == []


def test_a_mutant_that_no_script_tells_is_killed_by_the_sweep(
    executioner: Executioner, found: Mapping[str, list[Mutant]]
) -> None:
    key = "EnableInterrupts: movl $IF, cpu(virtual_if): swapped with cmpl $0, cpu(pending)"
    index = found["bare"].index(one(found, key))
    jobs = {each.name: i for i, each in enumerate(killers(lazy=True)) if each.job is not None}
    result = executioner.do(Attempt(index, (jobs["EnableInterrupts from clear"],)), quiet)
    assert isinstance(result, MutantResult)
    assert result.complaint == "vector 24 is late: interrupts are enabled and it waits"


def test_what_a_script_reaches_is_seen_and_the_rom_itself_passes(
    executioner: Executioner, images: Mapping[str, Image]
) -> None:
    number = next(i for i, each in enumerate(killers(lazy=True)) if "no gate" in each.name)
    measured = executioner.do(Measurement(number), quiet)
    assert isinstance(measured, Measured)
    assert measured.complaint == ""
    labels = images["bare"].wedge.assembly.labels
    assert labels["enter_no_gate"] in measured.reached
    assert labels["SYSEXIT"] not in measured.reached


@pytest.mark.parametrize("backend", ["bare", "native"])
def test_each_survivor_that_is_explained_is_a_mutant(
    found: Mapping[str, list[Mutant]], backend: str
) -> None:
    explained = read_survivors(SURVIVORS, backend)
    keys = {str(mutant) for mutant in found[backend]}
    assert [key for key in explained if key not in keys] == []


def test_a_reason_is_that_of_the_items_below_it(tmp_path: Path) -> None:
    path = tmp_path / "mutants.md"
    path.write_text(
        "# T\n\nx\n\n## bare\n\nOne\nreason.\n\n- `a: b: c`\n- `d: e: f`\n\nTwo.\n- `g`\n"
    )
    reasons = {"a: b: c": "One reason.", "d: e: f": "One reason.", "g": "Two."}
    assert read_survivors(path, "bare") == reasons
    assert read_survivors(path, "native") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [("## bare\n- `a`\n", "has no reason"), ("## bare\nr\n- `a`\n- `a`\n", "is there twice")],
)
def test_a_survivor_without_a_reason_of_its_own_is_named(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "mutants.md").write_text(text)
    with pytest.raises(HarnessError, match=said):
        read_survivors(tmp_path / "mutants.md", "bare")


def test_a_survivor_that_nobody_explained_makes_the_verdict_fail() -> None:
    results = [MutantResult("a: b: c"), MutantResult("d: e: f", "script", "it hangs")]
    campaign = CampaignReport("bare", "0", results)
    museum = [ExhibitResult("bare: x", "Halt", "is late")]
    good = Proof(museum, campaign, {"a: b: c": "the same"})
    assert (good.verdict, good.killed, good.total) == ("pass", 2, 3)
    bad = Proof(museum, campaign, {})
    assert bad.verdict == "fail"
    assert "a: b: c" in bad.complaints[0]
    assert "NOT EXPLAINED" in campaign.text({})


def test_an_exhibit_that_survives_makes_the_verdict_fail() -> None:
    proof = Proof([ExhibitResult("bare: x", cases=9)])
    assert (proof.verdict, proof.killed, proof.total) == ("fail", 0, 1)
    assert "does not find this bug any more, after 9 cases" in proof.complaints[0]
