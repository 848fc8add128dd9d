"""Seconds to analyse the shipped rules, and as many as a policy may have.

`python -m loadtests.bench.analysis`
"""

import time
from dataclasses import replace

from constraints.analyze.analysis import analyze
from constraints.policy import RULES_MAX, Policy, shipped_policy
from ranker.clock import day_at


def main() -> None:
    """Print rules, findings and seconds."""
    policy = shipped_policy()
    started = time.perf_counter()
    found = analyze(policy, _today())
    seconds = time.perf_counter() - started
    print(f"{len(policy.rules)} rules as shipped, {len(found)} findings, {seconds:.1f} s")
    most = _apps(policy)
    started = time.perf_counter()
    found = analyze(most, _today())
    seconds = time.perf_counter() - started
    print(f"{len(most.rules)} rules of several apps, {len(found)} findings, {seconds:.1f} s")


def _apps(policy: Policy) -> Policy:
    """Repeat the rules for the surfaces of further apps, up to the most a policy may have."""
    surfaces, rules = dict(policy.surfaces), list(policy.rules)
    for app in range(2, 1 + RULES_MAX // len(policy.rules) + 1):
        surfaces |= {f"{name}-{app}": surface for name, surface in policy.surfaces.items()}
        for rule in policy.rules:
            own = tuple(f"{name}-{app}" for name in rule.surfaces or policy.surfaces)
            rules.append(rule.model_copy(update={"id": f"{rule.id}-{app}", "surfaces": own}))
    first = [
        rule.model_copy(update={"surfaces": rule.surfaces or tuple(policy.surfaces)})
        for rule in rules[: len(policy.rules)]
    ]
    told = (first + rules[len(policy.rules) :])[:RULES_MAX]
    return replace(policy, surfaces=surfaces, rules=tuple(told))


def _today() -> int:
    return day_at(time.time_ns() // 1000)


if __name__ == "__main__":
    main()
