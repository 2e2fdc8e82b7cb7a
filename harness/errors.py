"""What the harness raises when it could not ask its question: no verdict on the ROM, status 2."""


class HarnessError(Exception):
    """One clear sentence: what is wrong, where, and what to do."""


class MissingTool(HarnessError):
    """A program that the harness needs is not installed.

    The message names the program and the Debian package that holds it.
    """

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"{program} was not found; install the Debian package {package}, "
            "or name the program to use."
        )
        self.program = program
        self.package = package


class MachineError(HarnessError):
    """The machine was asked for something it does not do, or its answer makes no sense."""


class MachineDied(MachineError):
    """QEMU ended while the harness still needed it.

    The message holds how it ended, the last console lines, QEMU's standard error and the command
    line that starts it again.
    """


class WaitTimeout(HarnessError):
    """A wait reached its limit; the sentence says for what, how long, and where things stand."""
