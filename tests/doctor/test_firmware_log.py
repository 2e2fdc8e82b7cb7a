"""SeaBIOS's log: its lines are found, and told apart by where the ROM is."""

from harness.doctor import firmware

LOG = """\
SeaBIOS (version 1.16.2-debian-1.16.2-1)
BUILD: gcc
SeaBIOS (version 1.16.2-debian-1.16.2-1)
Scan for option roms
Running option rom at c280:0003
pmm call arg1=0
Running option rom at c000:0003
Found option rom with bad checksum: loc=0x000c0000 len=6144 sum=1
WARNING - Unable to allocate resource at deploy_romfile:179!
Space available for UMB: c5800-e3800, f5500-f5990
enter handle_19:
Booting from Hard Disk...
"""


def meanings(base: int | None) -> dict[str, str]:
    return {said.line: said.meaning for said in firmware.said(LOG, base)}


def test_the_lines_about_option_roms_are_quoted_once_and_in_order() -> None:
    told = [line for line in LOG.splitlines() if "BUILD" not in line and "Disk" not in line]
    assert [said.line for said in firmware.said(LOG, None)] == list(dict.fromkeys(told))


def test_this_rom_is_told_from_another() -> None:
    said = meanings(0xC2800)
    assert "this ROM's 16-bit init" in said["Running option rom at c280:0003"]
    assert "another ROM" in said["Running option rom at c000:0003"]


def test_the_numbers_are_read() -> None:
    assert firmware.version(LOG) == "1.16.2-debian-1.16.2-1"
    assert firmware.runs(LOG) == [(0xC280, 3), (0xC000, 3)]
    assert firmware.bad_sums(LOG) == [(0xC0000, 6144, 1)]
    assert firmware.refused_for_room(LOG) == "deploy_romfile:179"
    assert firmware.free_memory(LOG) == (0xC5800, 0xE3800)


def test_a_lack_of_memory_for_something_else_is_none_of_the_roms() -> None:
    assert firmware.refused_for_room("WARNING - Unable to allocate resource at usb_init:7!") == ""


def test_a_log_of_nothing_gives_nothing() -> None:
    assert firmware.said("", None) == ()
    assert firmware.version("") == ""
    assert firmware.free_memory("") is None


def test_control_sequences_are_left_out() -> None:
    [said] = firmware.said("\x1b[2JSpace available for UMB: c5800-e3800, f5500-f5990", None)
    assert "\x1b" not in said.line
