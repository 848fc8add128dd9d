"""What analysis finds, and how a finding is told."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What is wrong."""

    VACUOUS = "vacuous"
    SHADOWED = "shadowed"
    REDUNDANT = "redundant"
    CONFLICTING = "conflicting"
    INFEASIBLE = "infeasible"
    INFEASIBLE_CATALOGUE = "infeasible_catalogue"
    DATE_GAP = "date_gap"
    DATE_OVERLAP = "date_overlap"
    OUTSIDE_LAW = "outside_law"
    UNKNOWN_REFERENCE = "unknown_reference"
    HALVES_DIFFER = "halves_differ"
    LAW_NOT_ENFORCED = "law_not_enforced"
    NOT_CHECKED = "not_checked"


SEVERITY: Final = {
    Kind.CONFLICTING: "error",
    Kind.INFEASIBLE: "error",
    Kind.UNKNOWN_REFERENCE: "error",
    Kind.HALVES_DIFFER: "error",
    Kind.NOT_CHECKED: "note",
}
"""Kind → how grave; a warning unless said."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a policy.

    Attributes:
        kind: what is wrong.
        rule_ids: the rules at fault, the one to look at first; with floors, the minimal core.
        zh, en: told in one sentence.
        severity: `error`, `warning` or `note`.
        witness: a case file in TOML that shows it, empty where no page does.
    """

    kind: Kind
    rule_ids: tuple[str, ...]
    zh: str
    en: str
    severity: str = "warning"
    witness: str = ""

    def told(self, language: str) -> str:
        """Return the sentence in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


def finding(
    kind: Kind, rule_ids: tuple[str, ...], zh: str, en: str, witness: str = "", severity: str = ""
) -> Finding:
    """Make a finding of the usual severity of its kind."""
    return Finding(kind, rule_ids, zh, en, severity or SEVERITY.get(kind, "warning"), witness)
