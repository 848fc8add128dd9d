"""Seconds to analyse the shipped rules repeated up to the most a policy may have.

`python -m loadtests.bench.analysis`
"""

import time
from dataclasses import replace
from importlib.resources import files

from constraints.analyze.analysis import analyze
from constraints.policy import RULES_MAX, parse_policy
from ranker.serving.state import day_at


def main() -> None:
    """Print rules, findings and seconds."""
    folder = files("constraints") / "policies"
    policy = parse_policy({p.name: p.read_bytes() for p in folder.iterdir() if ".toml" in p.name})
    rules = [
        rule.model_copy(update={"id": f"{rule.id}-{at}"})
        for at in range(RULES_MAX // len(policy.rules) + 1)
        for rule in policy.rules
    ]
    started = time.perf_counter()
    found = analyze(replace(policy, rules=tuple(rules[:RULES_MAX])), _today())
    seconds = time.perf_counter() - started
    print(f"{RULES_MAX} rules, {len(found)} findings, {seconds:.1f} s")


def _today() -> int:
    return day_at(time.time_ns() // 1000)


if __name__ == "__main__":
    main()
