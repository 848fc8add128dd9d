"""Certificates: a bound nobody exceeds, near enough to tell something, proved off the path."""

from collections.abc import Iterator
from functools import cache
from itertools import permutations

import numpy as np
import pytest
from prometheus_client import REGISTRY

from constraints import certify, kernel
from constraints.certify import lagrangian_bound
from constraints.certify.assignment import assign, new_matching
from constraints.certify.descent import bound
from constraints.kernel import Tables
from constraints.kernel.scores import OBJECTIVE, SUNK
from constraints.program import Program
from constraints.solve import ROUNDS, Solution, solve, solve_tables
from loadtests.bench import pages
from ranker.serving.certifying import WAITING_MAX, Certifier
from tests import chance, programs
from tests.programs import LARGE, Size

TINY = Size(slots=3, tail=2, candidates=5, groups=4)
PAGES = 300
measure = kernel.load().measure


def lawful_slates(program: Program) -> Iterator[list[int]]:
    """List every slate that breaks nothing hard."""
    offered = [*range(len(program.order)), *[-1] * program.slot_count]
    for slate in set(permutations(offered, program.slot_count)):
        placed = [(slot, c) for slot, c in enumerate(slate) if c >= 0]
        tiers = [int(program.tier[c]) for _, c in placed]
        if tiers == sorted(tiers) and all(may_stand(program, *each) for each in placed):
            yield list(slate)


def may_stand(program: Program, slot: int, candidate: int) -> bool:
    eligible = int(program.eligible[candidate]) >> program.tail_count
    return bool(eligible & program.open & 1 << slot)


def objective_of(t: Tables, slate: object) -> int:
    return -int(measure(t, np.asarray(slate, np.int32))[OBJECTIVE])


def test_no_slate_that_gives_up_as_little_exceeds_the_bound() -> None:
    """Exhaustively: the slate we return, and the ones nobody would, which give up much."""
    told = gives_up = 0
    for number in range(PAGES):
        program = programs.program("certify", number, size=TINY)
        t, rng = kernel.tables(program), chance.seeded("certify", number)
        slates = [s for s in lawful_slates(program) if measure(t, np.array(s, np.int32))[0] == 0]
        scores = np.array([measure(t, np.array(slate, np.int32)) for slate in slates])
        for slate in (solve(program).slate.tolist(), *rng.sample(slates, min(4, len(slates)))):
            score = measure(t, np.array(slate, np.int32))
            as_little = (scores[:, :OBJECTIVE] <= score[:OBJECTIVE]).all(axis=1)
            best = -int(scores[as_little, OBJECTIVE].min())
            found = lagrangian_bound(t, np.array(slate), steps=rng.choice([1, 3, 30, 200]))
            assert found >= best
            told += found == best
            gives_up += bool(score[SUNK:OBJECTIVE].any())
    assert told > PAGES, "and often it says just what is best"
    assert gives_up > PAGES


def test_more_steps_never_loosen_the_bound() -> None:
    for number in range(60):
        t = kernel.tables(programs.program("steps", number))
        slate = solve_tables(t).slate
        bounds = [lagrangian_bound(t, slate, steps) for steps in (1, 5, 25, 125)]
        assert bounds == sorted(bounds, reverse=True)
        assert bounds[-1] >= objective_of(t, slate)


def test_a_page_that_fills_the_whole_word_has_a_bound() -> None:
    for number in range(20):
        t = kernel.tables(programs.program("certify", number, size=LARGE))
        found = solve_tables(t)
        top = np.sort(t.utility)[::-1][: t.slot_count]
        most = int(sum(int(u) * int(d) for u, d in zip(top, t.discount, strict=False)))
        assert objective_of(t, found.slate) <= lagrangian_bound(t, found.slate, 20)
        assert lagrangian_bound(t, found.slate, 20) <= most * (1 + 1e-6)


@cache
def bench_page(regime: str, seed: int) -> tuple[Tables, Solution]:
    t = pages.page(regime, pages.Cell(500, 20), seed).tables
    return t, solve_tables(t, ROUNDS["best"])


@pytest.mark.parametrize("regime", pages.REGIMES)
def test_on_pages_of_the_bench_the_bound_is_near_and_far_below_the_free_one(regime: str) -> None:
    gaps, free_gaps = [], []
    for seed in range(1000, 1006):
        t, found = bench_page(regime, seed)
        objective = objective_of(t, found.slate)
        gaps.append(1 - objective / lagrangian_bound(t, found.slate))
        free_gaps.append(1 - objective / found.free_bound)
    assert min(gaps) >= 0
    assert np.mean(gaps) <= 0.01, "what the search leaves is in it"
    assert max(gaps) < min(free_gaps)


def test_a_slate_that_is_proved_the_best_has_no_gap() -> None:
    proved = 0
    for number in range(200):
        t = kernel.tables(programs.program("proved", number, size=Size(groups=0)))
        found = solve_tables(t)
        if found.is_proved and found.free_bound:
            proved += 1
            assert lagrangian_bound(t, found.slate) / found.free_bound == pytest.approx(1, abs=1e-8)
    assert proved > 50


def test_the_same_page_has_the_same_bound_and_one_compiled_signature() -> None:
    certify.warm()
    t, found = bench_page("tight", 1000)
    assert len({lagrangian_bound(t, found.slate, 40) for _ in range(3)}) == 1
    assert len(bound.signatures) == 1


def test_an_assignment_is_worth_most_and_its_prices_prove_it() -> None:
    for number in range(200):
        rng = np.random.default_rng([number, 7])
        slots = int(rng.integers(1, 5))
        columns = int(rng.integers(slots, 7))
        worth = rng.integers(-9, 10, (slots, columns))
        m = new_matching(slots, columns)
        total = assign(worth, m)
        best = max(
            sum(worth[slot, column] for slot, column in enumerate(chosen))
            for chosen in permutations(range(columns), slots)
        )
        assert total == best == m.by_slot.sum() + m.by_column.sum()
        assert (m.by_slot[:, None] + m.by_column >= worth).all()
        assert (m.by_column >= 0).all()
        assert (m.by_column[m.slot < 0] == 0).all()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"slotwarden_{name}", labels) or 0.0


def outcomes() -> dict[str, float]:
    known = ("certified", "dropped", "failed")
    return {name: counted("certificates_total", outcome=name) for name in known}


def since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in outcomes().items()}


def offer(certifier: Certifier, ids: range, solution: Solution | None = None) -> None:
    program = programs.program("offered", 3)
    for number in ids:
        found = solution or solve(program)
        certifier.offer(f"decision {number}", "certify-test", program, found)


def test_sampled_decisions_are_certified_and_their_gap_is_published() -> None:
    before, seen = outcomes(), counted("optimality_gap_count", surface="certify-test")
    certifier = Certifier(1.0)
    certifier.start()
    offer(certifier, range(10))
    certifier.stop()
    assert since(before) == {"certified": 10, "dropped": 0, "failed": 0}
    assert counted("optimality_gap_count", surface="certify-test") == seen + 10
    assert 0 <= counted("optimality_gap_sum", surface="certify-test") <= 10


def test_which_decisions_are_sampled_follows_from_their_ids() -> None:
    told = []
    for _ in range(2):
        before, certifier = outcomes(), Certifier(0.1)
        offer(certifier, range(400))  # it was not started, so all that is sampled waits
        certifier.start()
        certifier.stop()
        told.append(since(before)["certified"])
    assert told[0] == told[1]
    assert 20 <= told[0] <= 60


def test_what_finds_no_place_is_dropped_and_counted_and_nobody_waits() -> None:
    before, certifier = outcomes(), Certifier(1.0)
    offer(certifier, range(WAITING_MAX + 5))
    assert since(before)["dropped"] == 5


def test_no_share_starts_no_thread_and_takes_nothing() -> None:
    before, certifier = outcomes(), Certifier(0.0)
    certifier.start()
    offer(certifier, range(WAITING_MAX + 5))
    certifier.stop()
    assert since(before) == {"certified": 0, "dropped": 0, "failed": 0}


def test_a_slate_that_makes_no_sense_is_an_alarm_and_the_next_one_is_certified() -> None:
    before, certifier = outcomes(), Certifier(1.0)
    alarms = counted("alarms_total", reason="NOT_CERTIFIED")
    certifier.start()
    nonsense = Solution(np.full(3, 10**6, np.int32), rounds=0, free_bound=0, is_proved=False)
    offer(certifier, range(1), nonsense)
    offer(certifier, range(1))
    certifier.stop()
    assert since(before) == {"certified": 1, "dropped": 0, "failed": 1}
    assert counted("alarms_total", reason="NOT_CERTIFIED") == alarms + 1
