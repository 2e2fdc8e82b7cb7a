"""What became of a case's last arrival, in a word or two: what the map of a sweep is drawn from."""

from harness.explore.case import NMI, Outcome
from harness.explore.run import FIRST_VECTOR, NMI_VECTOR, Run
from harness.report.grid import AT_ONCE, LATER, RECORDED, REQUESTED, WRONG


def became(run: Run, outcome: Outcome) -> str:
    """One of the words of `harness.report.grid`, for a run that was judged; none for no arrival."""
    if outcome.complaints:
        return WRONG
    if run.line is None:
        return ""
    vector = NMI_VECTOR if run.line == NMI else FIRST_VECTOR + run.line
    new = run.log[run.logged_before :]
    if vector in (entry.vector for entry in new):
        first = new[0].vector == vector
        # The ROM may move an NMI's return address, and HLT's is behind it.
        there = run.line == NMI or run.point.asleep or new[0].eip == run.point.state["eip"]
        return AT_ONCE if first and there else LATER
    return RECORDED if vector in run.stage.view.recorded(run.end.state) else REQUESTED
