"""A figure beside its yardstick and its budget."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.report.log import FAIL, PASS

INSTRUCTIONS, RATIO = "instructions", "ratio"
"""Units: instructions executed; instructions of a workload by those of the same without a ROM."""

YARDSTICK = "native"
"""The backend that is each call's instruction: the fast calls' budgets are for the others."""

CALL_BUDGETS: Mapping[str, int] = {
    "instructions/DisableInterrupts": 2,
    "instructions/GetInterruptMask": 3,
    "instructions/EnableInterrupts": 4,
    "instructions/SetInterruptMask": 6,
    "instructions/SetInterruptMask-off": 6,
}
"""Instructions at the most, the RET included, with nothing pending."""

RATIO_BUDGETS: Mapping[str, float] = {YARDSTICK: 1.02}
"""Ratio at the most, by backend."""

ANY_RATIO_BUDGET = 1.05
"""The same for every other backend."""


@dataclass(frozen=True)
class Figure:
    """One thing that was counted. `name` is `instructions/CALL`, `workload/NAME` or `ratio/NAME`.

    `yardstick` is what the value is to be seen beside, in the same unit: the instructions that the
    call stands for, or the same workload without a ROM.
    """

    name: str
    backend: str
    value: float
    unit: str
    yardstick: float

    @property
    def budget(self) -> float | None:
        """The most that the value may be, or None."""
        if self.unit == RATIO:
            return RATIO_BUDGETS.get(self.backend, ANY_RATIO_BUDGET)
        return None if self.backend == YARDSTICK else CALL_BUDGETS.get(self.name)

    @property
    def verdict(self) -> str:
        """Whether it keeps its budget: pass, fail, or '' without one."""
        if self.budget is None:
            return ""
        return PASS if self.value <= self.budget else FAIL

    def as_data(self) -> dict[str, Any]:
        """The figure for a JSON file."""
        return asdict(self)
