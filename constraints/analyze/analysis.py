"""Goes through all pages of a policy and collects what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from constraints.analyze.dates import dated
from constraints.analyze.findings import Finding, Kind, finding
from constraints.analyze.floors import core_of, solver_library
from constraints.analyze.halves import asks_differ
from constraints.analyze.pages import Asked, asked_on, days_of, pages_of
from constraints.analyze.pairs import CHECKS, Told
from constraints.analyze.universe import Universe, universe_of
from constraints.analyze.witness import case_file
from constraints.coverage import recalled_and_enforced
from constraints.facts import Facts, IntArray, date_of
from constraints.policy import Policy


@dataclass(eq=False)
class _Seen:
    """What the pages gone through have shown."""

    works: set[str] = field(default_factory=set)
    applies: set[str] = field(default_factory=set)
    found: dict[tuple[Kind, tuple[str, ...]], Finding] = field(default_factory=dict)
    judged: dict[tuple[str, int], IntArray] = field(default_factory=dict)


def analyze(
    policy: Policy,
    day: int,
    catalogue: Facts | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Finding]:
    """Find what in a policy does nothing or cannot all hold, from a day on.

    Args:
        policy: the policy; its rules in mode `enforce` are compared with one another.
        day: since 1970-01-01; later days on which rules begin or end are looked at too.
        catalogue: facts of today, to hold floors and first screens against; None for none.
        progress: called with the share of pages done, in percent.

    Returns:
        Findings by kind, then rule; whatever is not checked, because z3 is not installed, is a
        note of its own.
    """
    universe, z3 = universe_of(policy.compiled, day), solver_library()
    seen, pairs = _Seen(), Told()
    cache: dict[tuple[str, int], IntArray] = {}
    pages = [page for on in days_of(policy, day) for page in pages_of(policy, on)]
    for at, page in enumerate(pages):
        asked = asked_on(page, policy, universe, cache)
        _alone(asked, seen, universe, policy)
        for check in CHECKS:
            check(asked, pairs)
        if z3 is not None:
            _floors(asked, seen, policy, z3)
        progress(100 * at // len(pages))
    found = [*seen.found.values(), *_vacuous(policy, day, seen), *dated(policy, date_of(day))]
    found += pairs.findings(policy, universe, day)
    found += _recalled(policy)
    if z3 is None:
        found.append(
            finding(
                Kind.NOT_CHECKED,
                (),
                "未检查保底能否同时满足：需安装 slotwarden[analyze]",
                "whether all floors can be met is not checked: install slotwarden[analyze]",
            )
        )
    if catalogue is not None:
        found += _catalogue(policy, day, catalogue)
    pairs_found = {frozenset(one.rule_ids) for one in found if one.kind == Kind.CONFLICTING}
    found = [
        one
        for one in found
        if not _expired(one, policy, day)
        and not (one.kind == Kind.INFEASIBLE and frozenset(one.rule_ids) in pairs_found)
    ]
    return sorted(found, key=lambda one: (one.kind, one.rule_ids))


def _expired(one: Finding, policy: Policy, day: int) -> bool:
    """Leave out that an expired rule does nothing: the note on its end says so."""
    if one.kind != Kind.VACUOUS or one.severity == "note":
        return False
    rules = [rule for rule in policy.rules if rule.id in one.rule_ids]
    return any(rule.until is not None and rule.until <= date_of(day) for rule in rules)


def _alone(asked: list[Asked], seen: _Seen, universe: Universe, policy: Policy) -> None:
    for one in asked:
        seen.applies.add(one.rule.id)
        if one.does_something:
            seen.works.add(one.rule.id)
        key = Kind.HALVES_DIFFER, (one.rule.id,)
        if key in seen.found:
            continue
        if (one.rule.id, one.page.day) not in seen.judged:
            judged = one.rule.judged(universe.facts, one.page.day)
            seen.judged[one.rule.id, one.page.day] = np.flatnonzero(judged != one.verdicts)
        rows = seen.judged[one.rule.id, one.page.day]
        if len(rows) or asks_differ(one):
            told = universe.told[rows[0]] if len(rows) else universe.told[0]
            seen.found[key] = finding(
                *key,
                "引导与判定两半结论不同",
                "steers and judges differently",
                case_file(f"both halves of {one.rule.id} agree", one.page, (told,), policy),
            )


def _vacuous(policy: Policy, day: int, seen: _Seen) -> Iterator[Finding]:
    for rule in policy.rules:
        if rule.mode == "enforce" and rule.id not in seen.works:
            if rule.id in seen.applies:
                zh, en = "在任何页面上都不起作用", "does nothing on any page it is in force on"
            else:
                zh, en = "没有任何页面在其范围内", "is in force on no page: its scope is empty"
            yield finding(Kind.VACUOUS, (rule.id,), zh, en)


def _floors(asked: list[Asked], seen: _Seen, policy: Policy, z3: object) -> None:
    if not any(one.floors for one in asked):
        return
    if asked[0].page.first_slot:
        return
    core = core_of(asked, z3)
    key = Kind.INFEASIBLE, core
    if core and key not in seen.found:
        page = asked[0].page
        seen.found[key] = finding(
            *key,
            f"在 {page.surface} 的 {page.slot_count} 个推荐位上不可能同时满足",
            f"cannot all be met on {page.slot_count} slots of {page.surface}",
            case_file(f"{' and '.join(core)} can be met", page, ((("kind", "drama"),),), policy),
        )


def _recalled(policy: Policy) -> Iterator[Finding]:
    for rule_id in recalled_and_enforced(policy):
        yield finding(
            Kind.LAW_NOT_ENFORCED,
            (rule_id,),
            "依据仅凭记忆（R 级），应为影子模式",
            "rests on a row that is only recalled (grade R): it belongs in shadow mode",
        )


def _catalogue(policy: Policy, day: int, facts: Facts) -> Iterator[Finding]:
    """Hold the floors and first screens of every page against what there is."""
    cache: dict[tuple[str, int], IntArray] = {}
    universe, told = Universe((), facts), set()
    for page in pages_of(policy, day):
        if page.first_slot:
            continue
        asked = asked_on(page, policy, universe, cache)
        blocked = np.zeros(len(facts), np.uint64)
        for one in asked:
            blocked |= one.blocked
        for one in asked:
            for floor in one.floors:
                may = one.counts & (np.uint64(floor.slots) & ~blocked != 0)
                key = one.rule.id, page.surface
                if may.sum() < floor.least and key not in told:
                    told.add(key)
                    yield finding(
                        Kind.INFEASIBLE_CATALOGUE,
                        (one.rule.id,),
                        f"{page.surface} 需 {floor.least} 个，今日片库只有 {may.sum()} 个可用",
                        f"asks for {floor.least} on {page.surface}; {may.sum()} can stand today",
                    )
        screen, key = page.first_screen, ("", page.surface)
        may = np.uint64(screen) & ~blocked != 0
        if screen and may.sum() < screen.bit_count() and key not in told:
            told.add(key)
            yield finding(
                Kind.INFEASIBLE_CATALOGUE,
                (),
                f"{page.surface} 首屏 {screen.bit_count()} 位，今日片库只有 {may.sum()} 个可上",
                f"the first screen of {page.surface} has {screen.bit_count()} slots;"
                f" {may.sum()} can stand there today",
            )
