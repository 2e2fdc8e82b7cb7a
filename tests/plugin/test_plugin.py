"""The plugin in a project of somebody else's, with an option ROM and a guest of their own."""

from pathlib import Path

import pytest

import harness
from tests.machine import toys

ROM_WRITES_R = """
    def test_the_rom_ran_before_the_guest(machine, wire):
        wire.run_to({entry:#x})
        assert machine.debug_console() == "R"
"""

EACH_FIXTURE = """
    import pytest

    def test_the_machine_starts_stopped(machine, monitor):
        assert machine.alive
        assert monitor is machine.monitor
        assert monitor.status() == "prelaunch"

    def test_the_injector_raises_an_interrupt_for_the_wire(wire, injector):
        wire.run_to({loop:#x})
        injector.raise_irq(5)
        assert wire.run_to({handler:#x}) == {handler:#x}

    def test_the_debugger_is_gdb(debugger):
        assert debugger.run_to({loop:#x}) == {loop:#x}
        assert "i386" in debugger.console("show architecture")

    def test_the_rom_has_neither_manifest_nor_symbols(wedge_rom, wedge_guest, machine_config):
        assert wedge_rom.content[:2] == b"\\x55\\xaa"
        assert not wedge_rom.manifest and not wedge_rom.symbols
        assert wedge_guest.kind == "multiboot" and not wedge_guest.is_ours
        assert machine_config.machine == "{machine}"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty folder with `toy.rom` and `guest` in it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(harness.__file__).parents[1]))
    toys.option_rom(pytester.path)
    toys.multiboot(pytester.path, toys.interruptible(5))
    return pytester


def write_tests(project: pytest.Pytester, text: str, **values: object) -> None:
    """Write a test file in which {names} stand for the guest's addresses."""
    places = {"entry": toys.ENTRY, "loop": toys.LOOP, "handler": toys.HANDLER}
    project.makepyfile(text.format(**places, **values))


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the project's tests in a process of their own."""
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=60)


def run_here(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run tests that start no machine: the same, and quicker."""
    return project.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


FILES = ("--wedge-rom", "toy.rom", "--wedge-guest", "guest")


def test_a_project_tests_its_own_rom_with_files_from_the_command_line(
    project: pytest.Pytester,
) -> None:
    write_tests(project, ROM_WRITES_R + EACH_FIXTURE, machine="pc")
    result = run(project, *FILES, "-rA")
    result.assert_outcomes(passed=5)
    result.stdout.no_fnmatch_line("*machine of*")


def test_a_project_names_its_files_and_machine_in_its_configuration(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "roms").mkdir()
    (project.path / "toy.rom").rename(project.path / "roms" / "mine.rom")
    project.makeini(
        "[pytest]\nwedge_rom = roms/mine.rom\nwedge_guest = guest\nwedge_machine = isapc\n"
    )
    write_tests(project, ROM_WRITES_R + EACH_FIXTURE, machine="isapc")
    monkeypatch.chdir(project.path / "roms")  # the names count from the project's root
    run(project, "..").assert_outcomes(passed=5)


def test_the_command_line_outranks_the_configuration(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nwedge_rom = no-such.rom\nwedge_guest = guest\nwedge_machine = q35\n")
    write_tests(project, EACH_FIXTURE, machine="pc")
    result = run_here(project, "--wedge-rom", "toy.rom", "--wedge-machine", "pc", "-k", "neither")
    result.assert_outcomes(passed=1, deselected=3)


@pytest.mark.parametrize(
    ("given", "missing", "setting"),
    [(FILES[2:], "--wedge-rom", "wedge_rom"), (FILES[:2], "--wedge-guest", "wedge_guest")],
)
def test_a_file_that_is_not_given_is_asked_for_by_its_option(
    project: pytest.Pytester, given: tuple[str, ...], missing: str, setting: str
) -> None:
    write_tests(project, ROM_WRITES_R)
    result = run_here(project, *given)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [f"*UsageError: * is not given; say {missing} FILE* {setting} in the configuration"]
    )


@pytest.mark.parametrize(
    ("option", "file", "sentence"),
    [
        ("--wedge-rom", "guest", "*HarnessError: *guest is no option ROM: it starts with 02 b0 *"),
        ("--wedge-qemu", "no-qemu", "*MissingTool: no-qemu was not found; install * *"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(
    project: pytest.Pytester, option: str, file: str, sentence: str
) -> None:
    write_tests(project, ROM_WRITES_R)
    result = run_here(project, *FILES, option, file)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_a_project_may_override_the_fixtures(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        from pathlib import Path

        import pytest

        from harness.guest import load_guest
        from harness.machine.config import MachineConfig
        from harness.rom import load_rom

        @pytest.fixture(scope="session")
        def wedge_rom():
            return load_rom(Path("toy.rom"))

        @pytest.fixture(scope="session")
        def wedge_guest():
            return load_guest(Path("guest"))

        @pytest.fixture(scope="session")
        def machine_config():
            return MachineConfig(machine="q35", memory=16)
        """
    )
    write_tests(project, ROM_WRITES_R + EACH_FIXTURE, machine="q35")
    run(project).assert_outcomes(passed=5)


def test_a_failing_test_shows_where_its_machine_stands(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        def test_that_fails(wire):
            wire.run_to({loop:#x})
            assert wire.registers()["eip"] == 0
        """,
    )
    result = run(project, *FILES)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- machine of machine -*",
            "QEMU is *",
            f"EIP={toys.LOOP:08x} *",
            "last lines of the debug console:",
            "  R",
            "command line: *-option-rom *toy.rom*",
        ]
    )


def test_each_option_is_explained(project: pytest.Pytester) -> None:
    result = run_here(project, "--help")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["guest ROMs on i386:", *(f"  --wedge-{name}=*" for name in ("rom", "guest", "qemu"))]
    )
    for name in ("report", "gdb", "seed", "again"):
        result.stdout.fnmatch_lines([f"  --wedge-{name}*"])
    result.stdout.fnmatch_lines(["  wedge_rom (string):*"])
