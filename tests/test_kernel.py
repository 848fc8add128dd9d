"""The compiled kernels against the reference, and both against brute force written here."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constraints import kernel
from constraints.kernel import compiled, reference
from constraints.program import DISCOUNT, UNCAPPED, Program, Spans
from constraints.solve import solve, solve_by_reference
from loadtests.bench import pages
from tests import programs
from tests.programs import LARGE, SMALL, TINY, Size

ROUNDS = 40
HARD, EMPTY, SUNK, LEVELS, OBJECTIVE = 0, 1, 2, slice(3, 9), 9


def batch(name: object, count: int, size: Size = SMALL) -> list[Program]:
    return [programs.program(name, number, size=size) for number in range(count)]


def judged(program: Program, slate: list[int]) -> list[int]:
    """Measure by counting on fingers: hard, empty, sunk, levels 1 to 6, objective negated."""
    score = [0] * 10
    taken = [int(word) for word in program.occupied]
    for slot, candidate in enumerate(slate):
        if candidate < 0:
            score[EMPTY] += program.open >> slot & 1
            continue
        score[SUNK] += int(program.tier[candidate])
        score[OBJECTIVE] -= int(program.utility[candidate]) * int(DISCOUNT[slot])
        for group in groups_of(program, candidate):
            taken[group] |= 1 << program.tail_count + slot
    for group, span, word in programs.runs(program):
        least, most = int(program.spans.least[span]), int(program.spans.most[span])
        have, had = (
            (taken[group] & word).bit_count(),
            (int(program.occupied[group]) & word).bit_count(),
        )
        over = max(least - have, 0) if most == UNCAPPED else max(have - max(most, had), 0)
        level = int(program.spans.level[span])
        score[level + 2 if level else HARD] += over
    return score


def groups_of(program: Program, candidate: int) -> list[int]:
    start = program.group_start
    return program.group_of[start[candidate] : start[candidate + 1]].tolist()


def lawful(program: Program, slate: list[int]) -> bool:
    """Tell whether a slate breaks nothing that is never broken."""
    placed = [(slot, c) for slot, c in enumerate(slate) if c >= 0]
    if len({c for _, c in placed}) < len(placed):
        return False
    for slot, candidate in placed:
        may = int(program.eligible[candidate]) >> program.tail_count + slot & 1
        if not may or not program.open >> slot & 1:
            return False
    tiers = [int(program.tier[c]) for _, c in placed]
    return tiers == sorted(tiers) and judged(program, slate)[HARD] == 0


def changed(program: Program, **columns: Any) -> Program:
    """Return a program with other columns, and the order that its utilities ask for."""
    told = program._replace(**columns)
    return told._replace(order=np.argsort(-told.utility, kind="stable").astype(np.int32))


def offered(program: Program, candidates: list[int]) -> Program:
    """Return a program that offers only these, in this order; candidate k is candidates[k]."""
    listed = [groups_of(program, c) for c in candidates]
    return changed(
        program,
        utility=program.utility[candidates],
        eligible=program.eligible[candidates],
        tier=program.tier[candidates],
        group_start=np.cumsum([0, *map(len, listed)]).astype(np.int32),
        group_of=np.array([group for own in listed for group in own], np.int32),
    )


def assert_equal(t: kernel.Tables, rounds: int) -> None:
    ours, theirs = compiled.search(t, rounds), reference.search(t, rounds)
    assert ours[0].tolist() == theirs[0].tolist()
    assert ours[0].dtype == theirs[0].dtype == np.int32
    assert ours[1:] == theirs[1:], "bound, rounds, proof"
    assert compiled.measure(t, ours[0]).tolist() == reference.measure(t, ours[0]).tolist()


@pytest.mark.parametrize(("size", "count", "rounds"), [
    (SMALL, 1500, 0), (TINY, 300, 0), (LARGE, 100, 0),
    (SMALL, 150, 20), (TINY, 150, 40), (LARGE, 40, 8), (Size(1, 63, 40, 9), 60, 20),
])  # fmt: skip
def test_compiled_search_equals_the_reference(size: Size, count: int, rounds: int) -> None:
    for program in batch("equal", count, size):
        assert_equal(kernel.tables(program), rounds)


@pytest.mark.parametrize("regime", pages.REGIMES)
def test_they_are_equal_on_pages_like_real_ones(regime: str) -> None:
    for cell in (pages.Cell(500, 20), pages.SMALL):
        for seed in range(2):
            assert_equal(pages.page(regime, cell, seed).tables, 30)


def test_they_are_equal_with_thousands_of_candidates_and_more_groups_than_a_word_has_bits() -> None:
    drawn = batch("many", 4, Size(slots=20, tail=10, candidates=3000, groups=200, memberships=6))
    for program in drawn:
        assert_equal(kernel.tables(program), 6)
    assert max(len(program.order) for program in drawn) > 2048
    assert max((np.bincount(program.group_of) > 8).sum() for program in drawn) > 64


def test_they_are_equal_where_one_placement_breaks_more_than_a_field_can_count() -> None:
    size = Size(slots=30, tail=30, candidates=30, groups=40, memberships=40)
    most_breaks = 0
    for number in range(12):
        program = programs.program("saturated", number, size=size)
        spans = program.spans
        spans.level[:], spans.least[:], spans.most[:], spans.window[:] = number % 6 + 1, 0, 0, 30
        t = kernel.tables(program)
        assert_equal(t, 2)
        found = compiled.measure(t, compiled.search(t, 2)[0])[LEVELS]
        most_breaks = max(most_breaks, *found.tolist())
    assert most_breaks > 2**kernel.LEVEL_BITS


def spans_with(program: Program, **columns: Any) -> Program:
    return changed(program, spans=program.spans._replace(**columns))


EDGES = {
    "utilities of nothing": lambda p: changed(p, utility=0 * p.utility),
    "the largest utilities": lambda p: changed(p, utility=np.full(len(p.order), 2**38)),
    "all slots reserved": lambda p: changed(p, open=0),
    "all sunk": lambda p: changed(p, tier=np.ones(len(p.order), np.uint8)),
    "nothing allowed": lambda p: spans_with(p, most=np.minimum(p.spans.most, p.spans.least * 127)),
    "floors beyond any page": lambda p: spans_with(p, least=np.minimum(p.spans.least, 1) * 100),
    "windows wider than the page": lambda p: spans_with(
        p, window=p.spans.window + 60 * (p.spans.window > 0).astype(np.int32)
    ),
    "all soft": lambda p: spans_with(p, level=np.maximum(p.spans.level, 1)),
    "all caps hard": lambda p: spans_with(p, level=p.spans.level * (p.spans.least > 0)),
    "one candidate": lambda p: offered(p, [0]),
    "no candidate": lambda p: offered(p, []),
}


@pytest.mark.parametrize("name", EDGES)
def test_they_are_equal_at_the_edges_and_lawful(name: str) -> None:
    for drawn in batch("edges", 60):
        if len(drawn.order):
            program = EDGES[name](drawn)
            assert_equal(kernel.tables(program), 12)
            assert lawful(program, solve(program, 12).slate.tolist())


def test_large_pages_reach_the_last_position() -> None:
    drawn = batch("equal", 100, LARGE)
    assert sum(p.tail_count + p.slot_count == 64 for p in drawn) >= 40
    assert max(p.slot_count for p in drawn) == 50


@pytest.mark.parametrize("size", [SMALL, TINY, LARGE])
def test_random_slates_are_measured_by_what_they_break(size: Size) -> None:
    rng = np.random.default_rng(size.slots)
    for program in batch("random slates", 150, size):
        count = len(program.order)
        slate = rng.permutation(np.r_[np.arange(count), np.full(program.slot_count, -1)])
        slate = slate[: program.slot_count].astype(np.int32)
        t = kernel.tables(program)
        expected = judged(program, slate.tolist())
        assert compiled.measure(t, slate).tolist() == expected
        assert reference.measure(t, slate).tolist() == expected


@pytest.mark.parametrize("rounds", [0, ROUNDS])
@pytest.mark.parametrize("size", [SMALL, TINY, LARGE])
def test_no_search_ever_breaks_what_is_hard(size: Size, rounds: int) -> None:
    for program in batch("hard", 500, size):
        assert lawful(program, solve(program, rounds).slate.tolist())


def measured(program: Program, rounds: int) -> list[int]:
    return compiled.measure(kernel.tables(program), solve(program, rounds).slate).tolist()


def test_rounds_never_end_with_a_worse_page_than_none() -> None:
    for program in [*batch("rounds", 400), *batch("rounds", 100, LARGE)]:
        greedy = measured(program, 0)
        for rounds in (1, 5, ROUNDS):
            assert measured(program, rounds) <= greedy


def test_no_page_without_the_sunk_is_worth_more_than_the_bound() -> None:
    for program in batch("bound", 500):
        for rounds in (0, ROUNDS):
            bound, score = solve(program, rounds).free_bound, measured(program, rounds)
            assert score[SUNK] > 0 or -score[OBJECTIVE] <= bound


def test_a_slate_said_to_be_proved_is_the_best_there_is() -> None:
    proved = 0
    for program in batch("proved", 150, TINY):
        solution = solve(program, ROUNDS)
        if solution.is_proved and len(program.order) > 1:
            proved += 1
            best = min(judged(program, s) for s in _slates(program) if lawful(program, s))
            assert judged(program, solution.slate.tolist()) == best
    assert proved >= 20


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_the_order_in_which_candidates_are_offered_does_not_matter(rounds: int) -> None:
    rng = np.random.default_rng(1)
    for drawn in batch("order", 150):
        count = len(drawn.order)
        distinct = changed(drawn, utility=7919 * rng.permutation(np.arange(1, count + 1)))
        shuffled = rng.permutation(count).tolist()
        found = solve(offered(distinct, shuffled), rounds).slate
        back = [shuffled[c] if c >= 0 else -1 for c in found]
        assert back == solve(distinct, rounds).slate.tolist()


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_candidates_that_may_stand_nowhere_change_nothing(rounds: int) -> None:
    for drawn in batch("nowhere", 150):
        count = len(drawn.order)
        if count:
            more = offered(drawn, [*range(count), 0, count // 2, count - 1])
            more.eligible[count:] = 0
            more.utility[count:] = 2**38
            assert _told(changed(more), rounds) == _told(drawn, rounds)


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_the_unit_of_utilities_does_not_matter(rounds: int) -> None:
    """Apart from what is rounded when the loss a round may make is worked out."""
    for drawn in batch("unit", 150):
        doubled = changed(drawn, utility=2 * drawn.utility)
        assert solve(doubled, rounds).slate.tolist() == solve(drawn, rounds).slate.tolist()


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_rules_that_cannot_bind_change_nothing(rounds: int) -> None:
    """A group with a cap no page can reach, one with a floor met by the tail, one with neither."""
    for drawn in batch("cannot bind", 150):
        count, groups = len(drawn.order), len(drawn.occupied)
        listed = [[*groups_of(drawn, c), groups, groups + 1, groups + 2] for c in range(count)]
        spans, added = drawn.spans, len(drawn.spans.level)
        tail = (1 << drawn.tail_count) - 1
        more = changed(
            drawn,
            group_start=np.cumsum([0, *map(len, listed)]).astype(np.int32),
            group_of=np.array([group for own in listed for group in own], np.int32),
            occupied=np.r_[drawn.occupied, np.array([tail] * 3, np.uint64)],
            spans=Spans(
                start=np.r_[spans.start, np.array([added + 1, added + 2, added + 2], np.int32)],
                level=np.r_[spans.level, np.array([0, 1], np.int32)],
                least=np.r_[spans.least, np.array([0, drawn.tail_count], np.int32)],
                most=np.r_[spans.most, np.array([drawn.tail_count + count, UNCAPPED], np.int32)],
                mask=np.r_[spans.mask, np.array([2**64 - 1, tail], np.uint64)],
                window=np.r_[spans.window, np.array([0, 0], np.int32)],
                rule=np.r_[spans.rule, np.array([0, 0], np.int32)],
            ),
        )
        assert _told(more, rounds) == _told(drawn, rounds)


def _told(program: Program, rounds: int) -> tuple[Any, ...]:
    found = solve(program, rounds)
    return found.slate.tolist(), found.rounds, found.free_bound, found.is_proved


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_a_proved_slate_stays_when_someone_not_shown_is_not_offered(rounds: int) -> None:
    """Where it is not proved, rules may cease to bind, and the walk goes elsewhere."""
    proved = 0
    for drawn in batch("not shown", 300):
        slate, _, _, is_proved = _told(drawn, rounds)
        outside = [c for c in range(len(drawn.order)) if c not in slate]
        if outside:
            left = [c for c in range(len(drawn.order)) if c != outside[len(outside) // 2]]
            fewer = offered(drawn, left)
            found = solve(fewer, rounds).slate.tolist()
            assert lawful(fewer, found)
            if is_proved:
                proved += 1
                assert [left[c] if c >= 0 else -1 for c in found] == slate
    assert proved >= 20


@pytest.mark.parametrize("rounds", [0, 5])
def test_solving_without_the_compiled_kernel_gives_the_same(rounds: int) -> None:
    for program in batch("solved", 100):
        ours, theirs = solve(program, rounds), solve_by_reference(program, rounds)
        assert ours.slate.tolist() == theirs.slate.tolist()
        assert (ours.rounds, ours.free_bound) == (theirs.rounds, theirs.free_bound)
        assert ours.is_proved == theirs.is_proved


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from constraints import kernel
from constraints.solve import solve
from tests import programs
print(kernel.load().__name__)
print([solve(programs.program("no numba", i), 5).slate.tolist() for i in range(30)])
"""


def test_pages_are_the_same_where_numba_is_not_installed() -> None:
    command = [sys.executable, "-c", WITHOUT_NUMBA]
    root = Path(__file__).parent.parent
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    slates = [solve(program, 5).slate.tolist() for program in batch("no numba", 30)]
    assert run.stdout == f"constraints.kernel.reference\n{slates}\n"


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_no_slot_is_left_empty_that_a_normal_candidate_could_still_take(rounds: int) -> None:
    for program in batch("left empty", 200):
        slate = solve(program, rounds).slate.tolist()
        free = [c for c in range(len(program.order)) if c not in slate and not program.tier[c]]
        for slot in range(program.slot_count):
            better = ([*slate[:slot], c, *slate[slot + 1 :]] for c in free if slate[slot] < 0)
            assert not any(lawful(program, tried) for tried in better)


def test_fill_is_optimal_when_only_a_suffix_of_the_page_is_open_to_some() -> None:
    """Licences and removals alone: best utility first is then the best page there is."""
    for drawn in batch("suffix", 100, TINY):
        program = _without_groups(drawn)
        best = min(judged(program, slate) for slate in _slates(program) if lawful(program, slate))
        solution = solve(program)
        assert judged(program, solution.slate.tolist()) == best
        assert solution.free_bound == -best[OBJECTIVE]
        open_word = np.uint64(program.open << program.tail_count)
        offered = np.count_nonzero(program.eligible & open_word)
        assert solution.is_proved == (best[EMPTY] == max(program.open.bit_count() - offered, 0))


def _without_groups(drawn: Program) -> Program:
    """Keep utilities, and open to each candidate all slots from some slot on."""
    count, width = len(drawn.order), drawn.tail_count + drawn.slot_count
    every = np.uint64((1 << width) - 1)
    first = drawn.tail_count + np.arange(count) % (drawn.slot_count + 1)
    return changed(
        drawn,
        eligible=every & ~((np.uint64(1) << first.astype(np.uint64)) - np.uint64(1)),
        tier=np.zeros(count, np.uint8),
        group_start=np.zeros(count + 1, np.int32),
        group_of=np.zeros(0, np.int32),
        occupied=np.zeros(0, np.uint64),
        spans=programs.program("no spans", size=Size(groups=0)).spans,
    )


def _slates(program: Program) -> list[list[int]]:
    """List every slate of a tiny page, lawful or not."""
    choices = [*range(len(program.order)), *[-1] * program.slot_count]
    return [list(slate) for slate in set(permutations(choices, program.slot_count))]


def test_equal_utilities_go_to_the_lower_index() -> None:
    program = _without_groups(programs.program("ties", size=Size(3, 0, 9, 0)))
    count = len(program.order)
    assert count >= 3
    tied = changed(
        program,
        utility=np.full(count, 5, np.int64),
        eligible=np.full(count, 7, np.uint64),
        open=7,
        slot_count=3,
        tail_count=0,
    )
    assert solve(tied, ROUNDS).slate.tolist() == [0, 1, 2]


def test_every_page_runs_through_one_compiled_signature() -> None:
    """Or a request would wait for a compiler."""
    kernel.warm()
    for size in (TINY, SMALL, LARGE):
        for program in batch("signature", 10, size):
            t = kernel.tables(program)
            compiled.measure(t, compiled.search(t, 3)[0])
    compiled.search(pages.page("loose", pages.SMALL, 1).tables, 3)
    assert (len(compiled.search.signatures), len(compiled.measure.signatures)) == (1, 1)
