"""The judge: says of one reply what is unlawful, untrue, unexplained or worse than plain greed.

It gets plain dicts, reads facts and policy as text, and shares nothing with the product.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from loadtests.case import EMPTY, Case, Slate, plain_greedy, prepare
from loadtests.checks import (
    Page,
    Reply,
    malformed,
    mismatched,
    unexplained,
    unlawful,
    unmarked,
    untrue,
    wrongly_weighed,
)
from loadtests.statute import Law, Ledger

SHANGHAI: Final = timezone(timedelta(hours=8))  # no summer time since 1991
_CLOSE: Final = 1e-9  # relative: sums of floats, and the product's whole numbers


@dataclass(slots=True)
class Verdict:
    """What the judge found in one reply.

    Attributes:
        hard: violations that no reply may have, in words.
        untrue: statements of the reply that do not hold, in words.
        mismatches: where `relaxed` of the reply differs from the judge's count, in words.
        relaxed: soft rules given up: rule id → how much, as the judge counts.
        empty: slots left empty; fillable: of these, how many somebody could lawfully take.
        is_below: the plain greedy gives up no more, and is worth more.
        unexplained: candidates held back without a reason.
        withdrawn: slots the product's own verifier emptied.
    """

    hard: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    relaxed: dict[str, int] = field(default_factory=dict)
    empty: int = 0
    fillable: int = 0
    is_below: bool = False
    unexplained: int = 0
    withdrawn: int = 0


class Judge:
    """Judges replies by the facts and the policy.

    Args:
        ledger: the facts.
        law: the policy.
    """

    def __init__(self, ledger: Ledger, law: Law) -> None:
        self.ledger, self.law = ledger, law

    def judge(self, page: Page, reply: Reply) -> Verdict:
        """Judge a reply.

        Args:
            page: the request, see `pages.py`.
            reply: see `client.py`.
        """
        case = self.case(page, reply)
        verdict = Verdict(hard=list(malformed(case, page, reply)))
        verdict.withdrawn = len({s for one in reply["withdrawn"] for s in one["slots"]})
        if verdict.hard:
            return verdict  # what is no slate cannot be measured
        slate = [one["candidate"] if one["state"] == "filled" else EMPTY
                 for one in reply["placements"]]  # fmt: skip
        verdict.hard = [*unlawful(case, slate), *wrongly_weighed(case, reply)]
        verdict.hard += unmarked(case, reply)
        verdict.untrue = list(untrue(case, page, slate, reply))
        verdict.mismatches = list(mismatched(case, slate, reply))
        for (rule_id, _), count in case.breaks(slate).items():
            verdict.relaxed[rule_id] = verdict.relaxed.get(rule_id, 0) + count
        verdict.unexplained = unexplained(case, page, slate, reply)
        compare(case, slate, verdict)
        return verdict

    def case(self, page: Page, reply: Reply) -> Case:
        """Look a page up as of the instant of its reply."""
        instant = datetime.fromtimestamp(reply["instant_us"] / 1e6, UTC).astimezone(SHANGHAI)
        today = instant.date().isoformat()
        return prepare(page, self.ledger, self.law, today, aged=reply["facts_strict"])


def compare(case: Case, slate: Slate, verdict: Verdict) -> None:
    """Compare a slate with the plain greedy."""
    greedy = plain_greedy(case)
    given_up, greedy_given_up = case.measure(slate), case.measure(greedy)
    worth, greedy_worth = case.worth(slate), case.worth(greedy)
    verdict.empty = given_up[0]
    empty = [slot for slot in case.open if slate[slot] == EMPTY]
    filled = list(slate)
    for slot in empty:
        filled[slot] = _left_out(case, filled, slot)
    could = sum(filled[slot] != EMPTY for slot in empty)
    verdict.fillable = max(could, given_up[0] - greedy_given_up[0])
    verdict.is_below = greedy_given_up <= given_up and greedy_worth > worth * (1 + _CLOSE)


def _left_out(case: Case, slate: Slate, slot: int) -> int:
    """Return somebody left out who could lawfully take an empty slot, all else staying."""
    standing = [s for s, one in enumerate(slate) if one != EMPTY]
    sunk_above = any(slate[s] in case.sunk for s in standing if s < slot)
    normal_below = any(slate[s] not in case.sunk for s in standing if s > slot)
    offered = [
        one
        for one in range(len(case.candidates))
        if not (normal_below if one in case.sunk else sunk_above)
    ]
    return case.choose(slate, slot, offered)
