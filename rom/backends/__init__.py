"""One module a hypervisor: how its ROM translates the calls, and only what it adds itself."""

from collections.abc import Mapping

from rom.backends.backend import Backend
from rom.backends.bare import BARE
from rom.backends.native import NATIVE
from rom.errors import RomError

BACKENDS: Mapping[str, Backend] = {backend.name: backend for backend in (NATIVE, BARE)}


class UnknownBackend(RomError):
    """No backend has that name."""


def backend(name: str) -> Backend:
    """The backend of that name. Raises UnknownBackend, which lists those there are."""
    if name not in BACKENDS:
        raise UnknownBackend(f"there is no backend {name!r}; choose from {', '.join(BACKENDS)}")
    return BACKENDS[name]


__all__ = ["BACKENDS", "Backend", "UnknownBackend", "backend"]
