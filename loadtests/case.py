"""One page as the judge sees it: who may stand where, what is counted, a plain way to fill it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import log2
from typing import Any, Final, TypeAlias

from loadtests.reading import as_said, factor, is_sunk, is_supported, may_stand_from
from loadtests.statute import NO_THEME, Known, Law, Ledger, Rule, View

LEVELS: Final = range(1, 7)
EMPTY: Final = -1
CAPPING: Final = ("theme_cap", "group_cap", "quota")
Slate: TypeAlias = list[int]
"""Candidate of each slot, `EMPTY` for none."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many of any one theme in each of some runs of positions.

    Attributes:
        rule: the rule that says so.
        most: at most so many.
        runs: slots of the page from 0; what stands above has positions below 0.
        today: ISO date.
    """

    rule: Rule
    most: int
    runs: tuple[range, ...]
    today: str

    def counts(self, one: Known) -> bool:
        """Tell whether a candidate is counted at all."""
        if self.rule["type"] == "quota":
            return as_said(self.rule["of"], one, self.today, unknown=True)
        is_apart = self.rule.get("unknown") == "alone" and not one.row.get(self.rule["by"])
        is_of_kind = not self.rule.get("kinds") or one.kind in self.rule["kinds"]
        return is_of_kind and not is_apart

    def labels(self, one: Known) -> frozenset[str]:
        """Return under what a candidate is counted; a quota knows one group alone."""
        if self.rule["type"] == "group_cap":
            return frozenset((one.row.get(self.rule["by"], ""),))
        return frozenset((NO_THEME,)) if self.rule["type"] == "quota" else one.themes

    def themes(self, standing: Mapping[int, Known], run: range) -> Counter[str]:
        """Count the themes of what stands in a run."""
        return Counter(
            theme
            for position in run
            if position in standing and self.counts(standing[position])
            for theme in self.labels(standing[position])
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A page, ready to be judged.

    Attributes:
        view: the page.
        rules: the rules that bind it.
        open: slots to fill, in order.
        candidates: facts of each.
        begins: rule id → for each candidate the first slot the rule lets it stand in.
        sunk: candidates that stand below all others.
        factors: rule id → for each candidate the factor on its utility.
        scored: utility of each after all factors.
        others: position → what the caller put there, in reserved slots or above the page.
        caps: what is counted.
    """

    view: View
    rules: list[Rule]
    open: list[int]
    candidates: list[Known]
    begins: dict[str, list[int]]
    sunk: set[int]
    factors: dict[str, list[float]]
    scored: list[float]
    others: dict[int, Known]
    caps: list[Cap]

    def begin(self, candidate: int) -> int:
        """Return the first slot that no rule forbids a candidate."""
        return max((starts[candidate] for starts in self.begins.values()), default=0)

    def breaks(self, slate: Slate) -> Counter[tuple[str, str]]:
        """Count what a slate gives up: (rule id, theme or "") → how much over or short.

        What others put over a cap is not the slate's fault; what it adds is.
        """
        found: Counter[tuple[str, str]] = Counter()
        ours = {s: self.candidates[one] for s, one in enumerate(slate) if one != EMPTY}
        for cap in self.caps:
            for run in cap.runs:
                before = cap.themes(self.others, run)
                for theme, own in cap.themes(ours, run).items():
                    limit = max(cap.most, before[theme])
                    found[cap.rule["id"], theme] += max(own + before[theme] - limit, 0)
        for rule in self._floors():
            top = range(min(rule.get("first_slots", len(slate)), len(slate)))
            high = [(self.others | ours)[s] for s in top if s in ours or s in self.others]
            have = sum(self._serves(rule, one) for one in high)
            least = rule.get("least") or -(-_part(rule["least_share"], len(top)) // 1)
            found[rule["id"], ""] += max(int(least) - have, 0)
        return +found

    def _floors(self) -> list[Rule]:
        floors = [r for r in self.rules if r.get("least") or r.get("least_share")]
        return [r for r in floors if "first_slots" not in r or self.view.first_slot == 0]

    def _serves(self, rule: Rule, one: Known) -> bool:
        if rule["type"] == "quota":
            return as_said(rule["of"], one, self.view.today, unknown=False)
        return is_supported(rule, one, self.view)

    def measure(self, slate: Slate) -> tuple[int, ...]:
        """Return what a slate gives up: empty slots, then breaks by level, the precious first."""
        level_of = {rule["id"]: level(rule) for rule in self.rules}
        by_level: Counter[int] = Counter()
        for (rule_id, _), count in self.breaks(slate).items():
            by_level[level_of[rule_id]] += count
        empty = sum(slate[slot] == EMPTY for slot in self.open)
        return (empty, *(by_level[one] for one in LEVELS))

    def worth(self, slate: Slate) -> float:
        """Return the sum of the scored utilities of a slate, each by what its slot is worth."""
        placed = ((slot, one) for slot, one in enumerate(slate) if one != EMPTY)
        return sum(self.scored[one] * round(2**16 / log2(slot + 2)) for slot, one in placed)

    def full(self, slate: Slate, slot: int) -> list[tuple[Cap, set[str]]]:
        """Return the themes of which one more in a slot would break a cap, cap by cap."""
        ours = {s: self.candidates[one] for s, one in enumerate(slate) if one != EMPTY}
        standing = self.others | ours
        return [
            (
                cap,
                {
                    theme
                    for run in cap.runs
                    if slot in run
                    for theme, count in cap.themes(standing, run).items()
                    if count >= cap.most
                },
            )
            for cap in self.caps
        ]

    def choose(self, slate: Slate, slot: int, offered: Iterable[int]) -> int:
        """Return whom the plain greedy puts into a slot.

        The first of `offered` that breaks nothing, else the first that breaks no hard rule, else
        `EMPTY`.
        """
        full, second = self.full(slate, slot), EMPTY
        for one in offered:
            if one in slate or self.begin(one) > slot:
                continue
            known = self.candidates[one]
            broken = [cap for cap, gone in full if cap.counts(known) and gone & cap.labels(known)]
            if not broken:
                return one
            if second == EMPTY and all(level(cap.rule) for cap in broken):
                second = one
        return second


def plain_greedy(case: Case) -> Slate:
    """Fill a page slot by slot from the top with the most useful that breaks nothing.

    Where there is none, the most useful that breaks no hard rule. Ties go to the lower index. The
    sunk come only behind all others.
    """
    slate = [EMPTY] * case.view.slot_count
    best = sorted(range(len(case.candidates)), key=lambda one: -case.scored[one])
    last = -1
    for sunk in (False, True):
        offered = [one for one in best if (one in case.sunk) == sunk]
        for slot in case.open:
            if slot > last:
                slate[slot] = case.choose(slate, slot, offered)
        last = max((s for s in case.open if slate[s] != EMPTY), default=-1)
    return slate


def level(rule: Rule) -> int:
    """Return how precious a counting rule is: 0 hard, 1 the most precious of the soft ones."""
    return int(rule.get("level", {"theme_cap": 2, "group_cap": 2, "quota": 3}.get(rule["type"], 4)))


def prepare(page: Mapping[str, Any], ledger: Ledger, law: Law, today: str, *, aged: bool) -> Case:
    """Look a page up in the facts and the policy.

    Args:
        page: see `pages.py`.
        ledger: the facts.
        law: the policy.
        today: ISO date in Asia/Shanghai.
        aged: facts that a source may have changed count as unknown.
    """
    view, rules = law.view(page, today), law.in_force(page, today)
    kinds = page["kinds"] or [""] * len(page["ids"])
    declared = zip(page["ids"], kinds, strict=True)
    candidates = [ledger.look_up(one, kind, aged=aged) for one, kind in declared]
    factors = {r["id"]: [factor(r, one, view) for one in candidates] for r in rules}
    smallest, largest = law.weights
    scored = []
    for at, utility in enumerate(page["utilities"]):
        product = 1.0
        for column in factors.values():
            product *= column[at]
        scored.append(utility * min(max(product, smallest), largest))
    above = page["above"] if page["page_token"] else page["tail_ids"]
    standing = {at - len(above): key for at, key in enumerate(above)} | dict(page["reserved"])
    others = {at: ledger.look_up(key, aged=aged) for at, key in standing.items() if key}
    return Case(
        view=view,
        rules=rules,
        open=[s for s in range(view.slot_count) if s not in dict(page["reserved"])],
        candidates=candidates,
        begins={r["id"]: [may_stand_from(r, one, view) for one in candidates] for r in rules},
        sunk={at for at, one in enumerate(candidates) if any(is_sunk(r, one, view) for r in rules)},
        factors=factors,
        scored=scored,
        others=others,
        caps=[cap for r in rules if r["type"] in CAPPING for cap in _caps(r, view, len(above))],
    )


def _part(share: float, slots: int) -> Fraction:
    """Return a share of so many slots, the share read as it is written."""
    return Fraction(repr(share)) * slots


def _caps(rule: Rule, view: View, above: int) -> list[Cap]:
    """List where a rule counts: every run of so many slots, the page, the first screen.

    A run reaches back into what stood above; so does a first screen that began above the page.
    """
    caps = []
    if rule.get("most_in_window") or (rule.get("most") and rule.get("window_slots")):
        width = rule["window_slots"]
        first = -min(above, width - 1)
        last = max(first, view.slot_count - width)
        runs = tuple(range(start, start + width) for start in range(first, last + 1))
        most = rule.get("most_in_window") or rule["most"]
        return [Cap(rule, most, runs, view.today), *_caps(_rest(rule), view, above)]
    on_page = [rule["most_on_page"]] if rule.get("most_on_page") else []
    if rule.get("most_share_of_page"):
        on_page.append(max(int(_part(rule["most_share_of_page"], view.slot_count)), 1))
    if on_page:
        caps.append(Cap(rule, min(on_page), (range(view.slot_count),), view.today))
    if rule.get("most_on_first_screen") and view.screen:
        screen = range(-view.first_slot, view.screen)
        caps.append(Cap(rule, rule["most_on_first_screen"], (screen,), view.today))
    if rule.get("most"):
        if {"slots", "first_slots"} & rule.keys():
            raise ValueError(f"rule {rule['id']}: the judge counts a page or a window alone")
        caps.append(Cap(rule, rule["most"], (range(view.slot_count),), view.today))
    return caps


def _rest(rule: Rule) -> Rule:
    """Return a rule without its window."""
    window = ("most_in_window", "window_slots", "most")
    return {name: value for name, value in rule.items() if name not in window}
