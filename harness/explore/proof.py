"""What proves the sweep itself: the bugs of the museum, and all mutants of the interrupt path."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.explore.campaign import CampaignReport, campaign, write_report
from harness.explore.exhibits import EXHIBITS
from harness.explore.museum import ExhibitResult, concerned, visit_all
from harness.explore.survivors import read_survivors
from harness.explore.sweep import SweepRequest, names_of
from harness.guest import load_guest
from harness.report.log import FAIL, PASS
from harness.rom import load_rom


@dataclass
class Proof:
    """What became of the bugs that were put into a ROM.

    `reasons`: why a mutant may survive, by its key. `path`: where the list of the mutants is.
    """

    exhibits: list[ExhibitResult] = field(default_factory=list)
    campaign: CampaignReport | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None

    @property
    def killed(self) -> int:
        """How many bugs were found."""
        of_campaign = self.campaign.killed if self.campaign else 0
        return sum(result.killed for result in self.exhibits) + of_campaign

    @property
    def total(self) -> int:
        """How many there were."""
        return len(self.exhibits) + (len(self.campaign.results) if self.campaign else 0)

    @property
    def complaints(self) -> list[str]:
        """Sentences about what was not found and should have been."""
        found = [str(result) for result in self.exhibits if not result.killed]
        survivors = self.campaign.survivors if self.campaign else []
        for result in survivors:
            if result.mutant not in self.reasons:
                found.append(f"a mutant survives that nobody has explained: {result.mutant}")
        return found

    @property
    def verdict(self) -> str:
        """Whether all was found, but for what has a reason."""
        return FAIL if self.complaints else PASS

    def as_data(self) -> dict[str, Any]:
        """For a JSON file, as the command line's contract has it, and each bug of the museum's."""
        return {
            "mutants_killed": self.killed,
            "mutants": self.total,
            "museum": {result.name: result.complaint for result in self.exhibits},
            "survivors": [result.mutant for result in self.campaign.survivors]
            if self.campaign
            else [],
        }


def prove(
    request: SweepRequest,
    survivors: Path | None = None,
    progress: Callable[[str], None] = print,
) -> Proof:
    """Visit the exhibits that concern the calls of a sweep.

    survivors: the file that explains the mutants that survive; with it, try all mutants as well.
    Raises HarnessError.
    """
    rom, guest = load_rom(request.rom), load_guest(request.guest)
    backend = rom.manifest["backend"]
    workers = request.workers or os.cpu_count() or 1
    exhibits = concerned(EXHIBITS, backend, names_of(request.calls))
    proof = Proof(visit_all(exhibits, request.config, guest, workers, progress))
    if survivors is not None:
        proof.reasons = read_survivors(survivors, backend)
        proof.campaign = campaign(
            *(rom, guest, request.folder, request.config, workers, request.fresh),
            explained=proof.reasons,
            progress=progress,
        )
        proof.path = write_report(proof.campaign, request.folder, proof.reasons)
    return proof
