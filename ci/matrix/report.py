"""What the matrix found, as data."""

from dataclasses import asdict, dataclass, field
from typing import Any

from ci.matrix.cell import Result
from ci.matrix.plan import Plan
from harness.report.log import verdict_of


@dataclass
class MatrixReport:
    """What the matrix found; `packages` says what each QEMU is in full, `note` why the run did not
    come to its end.
    """

    plan: Plan
    cells: list[Result] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""

    @property
    def verdict(self) -> str:
        """The verdict of the whole: the worst of the cells."""
        return verdict_of(cell.verdict for cell in self.cells)

    def as_data(self) -> dict[str, Any]:
        """The report for a JSON file, as the command line's contract has it, and more."""
        return {
            "verdict": self.verdict,
            "seconds": round(self.seconds, 2),
            "qemu": self.packages,
            "cells": [asdict(cell) for cell in self.cells],
            "differences": [asdict(difference) for difference in self.plan.differences],
        }
