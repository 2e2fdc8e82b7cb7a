"""What this kit wants of a ROM: to find it in memory, and to know what is in it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError

from harness.doctor.check import NOTE, Check, Group
from harness.doctor.field import raw
from harness.doctor.optionrom import signature
from harness.report.log import FAIL, PASS
from harness.rom import read_symbols
from rom.interface.headers import VROM_SIGNATURE

FIXED_HEADER = 0x80
"""Bytes by which the kit knows the image again in memory."""

_BUILD = "Build it again (inv build), or put the file beside the image that belongs to it."


def this_kit(path: Path, content: bytes, size: int) -> Group:
    """The checks of a file and of what stands beside it."""
    return Group("This kit can use it", tuple(_checks(path, content, size)))


def _checks(path: Path, content: bytes, size: int) -> Iterator[Check]:
    yield signature("kit/signature", content, "inv boot refuses it")
    yield _header(size)
    yield _guests(content)
    yield _manifest(path.with_suffix(".json"), content, size)
    yield _symbols(path.with_suffix(".elf"))


def _header(size: int) -> Check:
    value, wanted = f"{size} bytes", f"{FIXED_HEADER} at least"
    if size >= FIXED_HEADER:
        return Check("kit/header", PASS, None, value, wanted)
    detail = f"By less than {FIXED_HEADER} bytes the kit does not know the image in memory."
    return Check("kit/header", FAIL, None, value, wanted, detail, "Pad the image with zeros.")


def _guests(content: bytes) -> Check:
    wanted = VROM_SIGNATURE.to_bytes(4, "little")
    value = raw(content, 8, 4)
    if content[8:12] == wanted:
        return Check("kit/guests", PASS, 8, value, wanted.hex(" "))
    detail = "The kit's own guests find no VMI ROM in it; beside a foreign guest it boots."
    advice = "Name a guest (inv boot --guest FILE), or make it a VMI ROM."
    return Check("kit/guests", NOTE, 8, value, wanted.hex(" "), detail, advice)


def own_manifest(path: Path, content: bytes, size: int) -> Mapping[str, Any]:
    """The manifest beside the image, if it is this image's; else an empty one."""
    try:
        manifest = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if _belongs(manifest, content, size) else {}


def _belongs(manifest: object, content: bytes, size: int) -> bool:
    if not isinstance(manifest, dict) or size != len(content):
        return False
    return bool(manifest.get("build_id") == hashlib.sha256(content).hexdigest())


def _manifest(path: Path, content: bytes, size: int) -> Check:
    name, wanted = "kit/manifest", "the manifest of this image"
    if not path.exists():
        detail = "Without a manifest the kit boots it, and knows neither its calls nor its RAM."
        return Check(name, NOTE, None, f"no {path.name}", wanted, detail)
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        detail = f"{path.name} cannot be read: {error.strerror}."
        return Check(name, FAIL, None, path.name, wanted, detail, "Make it readable.")
    except (ValueError, RecursionError):
        detail = f"{path.name} beside it is no manifest."
        return Check(name, FAIL, None, path.name, wanted, detail, _BUILD)
    if _belongs(manifest, content, size):
        return Check(name, PASS, None, path.name, wanted)
    detail = f"{path.name} is not of this image: what the kit takes from it would be wrong."
    return Check(name, FAIL, None, path.name, wanted, detail, _BUILD)


def _symbols(path: Path) -> Check:
    name, wanted = "kit/symbols", "an ELF file with symbols"
    if not path.exists():
        detail = "Without symbols a debugger shows addresses in place of labels."
        return Check(name, NOTE, None, f"no {path.name}", wanted, detail)
    try:
        count = len(read_symbols(path))
    except OSError as error:
        detail = f"{path.name} cannot be read: {error.strerror}."
        return Check(name, FAIL, None, path.name, wanted, detail, "Make it readable.")
    except (ELFError, ValueError, LookupError, AttributeError, TypeError) as error:
        detail = f"{path.name} beside it is no ELF file: {error or type(error).__name__}."
        return Check(name, FAIL, None, path.name, wanted, detail, _BUILD)
    return Check(name, PASS, None, f"{count} symbols", wanted)
