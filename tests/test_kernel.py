"""The compiled kernel against the NumPy reference, and both against brute force written here."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from constraints import kernel
from constraints.kernel import compiled, reference
from constraints.program import DISCOUNT, UNCAPPED, Program
from constraints.solve import solve, solve_by_reference
from tests import programs
from tests.programs import LARGE, SMALL, TINY, Size

BATCH = 100
WAYS = ((False, False), (True, False), (False, True))  # heed_floors, bold


def batch(number: int, size: Size = SMALL) -> list[Program]:
    return [programs.program(number, i, size=size) for i in range(BATCH)]


def judged(program: Program, slate: list[int]) -> list[int]:
    """Measure a slate by counting on fingers: hard, empty, levels 1 to 6, objective negated."""
    score = [0] * 9
    taken = [int(word) for word in program.occupied]
    for slot, candidate in enumerate(slate):
        if candidate < 0:
            score[1] += program.open >> slot & 1
            continue
        score[8] -= int(program.utility[candidate]) * int(DISCOUNT[slot])
        for group in range(len(taken)):
            if group in groups_of(program, candidate):
                taken[group] |= 1 << program.tail_count + slot
    for group, span, word in programs.runs(program):
        least, most = int(program.spans.least[span]), int(program.spans.most[span])
        have, had = (
            (taken[group] & word).bit_count(),
            (int(program.occupied[group]) & word).bit_count(),
        )
        over = max(least - have, 0) if most == UNCAPPED else max(have - max(most, had), 0)
        level = int(program.spans.level[span])
        score[level + 1 if level else 0] += over
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
    return tiers == sorted(tiers) and judged(program, slate)[0] == 0


@pytest.mark.parametrize("number", range(20))
def test_compiled_fill_and_measure_equal_the_reference(number: int) -> None:
    for program in batch(number):
        t = kernel.tables(program)
        for way in WAYS:
            ours, theirs = compiled.fill(t, *way), reference.fill(t, *way)
            assert ours.tolist() == theirs.tolist()
            assert ours.dtype == theirs.dtype == np.int32
            measured = compiled.measure(t, ours).tolist()
            assert measured == reference.measure(t, ours).tolist() == judged(program, ours.tolist())


@pytest.mark.parametrize("number", range(60))
def test_they_are_equal_on_pages_that_fill_the_whole_word(number: int) -> None:
    program = programs.program("large", number, size=LARGE)
    t = kernel.tables(program)
    for way in WAYS:
        slate = compiled.fill(t, *way)
        assert slate.tolist() == reference.fill(t, *way).tolist()
        assert compiled.measure(t, slate).tolist() == reference.measure(t, slate).tolist()


def test_they_are_equal_where_one_placement_breaks_more_than_a_field_can_count() -> None:
    size = Size(slots=30, tail=30, candidates=30, groups=40, memberships=40)
    most_breaks = 0
    for number in range(12):
        program = programs.program("saturated", number, size=size)
        spans = program.spans
        spans.level[:], spans.least[:], spans.most[:], spans.window[:] = number % 6 + 1, 0, 0, 30
        t = kernel.tables(program)
        for way in WAYS:
            slate = compiled.fill(t, *way)
            assert slate.tolist() == reference.fill(t, *way).tolist()
            most_breaks = max(most_breaks, *compiled.measure(t, slate)[2:-1].tolist())
    assert most_breaks > 2**kernel.LEVEL_BITS


def test_large_pages_reach_the_last_position() -> None:
    drawn = [programs.program("large", number, size=LARGE) for number in range(30)]
    assert sum(p.tail_count + p.slot_count == 64 for p in drawn) >= 10
    assert max(p.slot_count for p in drawn) == 50


@pytest.mark.parametrize("number", range(5))
def test_random_slates_are_measured_by_what_they_break(number: int) -> None:
    rng = np.random.default_rng(number)
    for program in batch(number, TINY):
        count = len(program.order)
        slate = rng.permutation(np.r_[np.arange(count), np.full(program.slot_count, -1)])
        slate = slate[: program.slot_count].astype(np.int32)
        t = kernel.tables(program)
        expected = judged(program, slate.tolist())
        assert compiled.measure(t, slate).tolist() == expected
        assert reference.measure(t, slate).tolist() == expected


@pytest.mark.parametrize("number", range(20))
def test_no_fill_ever_breaks_what_is_hard(number: int) -> None:
    for program in batch(number):
        t = kernel.tables(program)
        for slate in (*(compiled.fill(t, *way) for way in WAYS), solve(program)):
            assert lawful(program, slate.tolist())


@pytest.mark.parametrize("number", range(20))
def test_solving_is_never_worse_than_any_one_fill(number: int) -> None:
    for program in batch(number):
        t, solved = kernel.tables(program), judged(program, solve(program).tolist())
        for way in WAYS:
            assert solved <= judged(program, compiled.fill(t, *way).tolist())


@pytest.mark.parametrize("number", range(3))
def test_solving_without_the_compiled_kernel_gives_the_same_slate(number: int) -> None:
    for program in batch(number):
        assert solve(program).tolist() == solve_by_reference(program).tolist()


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from constraints import kernel
from constraints.solve import solve
from tests import programs
print(kernel.load().__name__)
print([solve(programs.program("no numba", i)).tolist() for i in range(30)])
"""


def test_pages_are_the_same_where_numba_is_not_installed() -> None:
    command = [sys.executable, "-c", WITHOUT_NUMBA]
    root = Path(__file__).parent.parent
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=60)
    slates = [solve(programs.program("no numba", i)).tolist() for i in range(30)]
    assert run.stdout == f"constraints.kernel.reference\n{slates}\n"


@pytest.mark.parametrize("number", range(3))
def test_no_slot_is_left_empty_that_a_normal_candidate_could_still_take(number: int) -> None:
    for program in batch(number):
        slate = solve(program).tolist()
        free = [c for c in range(len(program.order)) if c not in slate and not program.tier[c]]
        for slot in range(program.slot_count):
            better = ([*slate[:slot], c, *slate[slot + 1 :]] for c in free if slate[slot] < 0)
            assert not any(lawful(program, tried) for tried in better)


def test_fill_is_optimal_when_only_a_suffix_of_the_page_is_open_to_some() -> None:
    """Licences and removals alone: best utility first is then the best page there is."""
    for i in range(BATCH):
        drawn = programs.program("suffix", i, size=TINY)
        program = _without_groups(drawn)
        best = min(judged(program, slate) for slate in _slates(program) if lawful(program, slate))
        assert judged(program, solve(program).tolist()) == best


def _without_groups(drawn: Program) -> Program:
    """Keep utilities, and open to each candidate all slots from some slot on."""
    count, width = len(drawn.order), drawn.tail_count + drawn.slot_count
    every = np.uint64((1 << width) - 1)
    first = drawn.tail_count + np.arange(count) % (drawn.slot_count + 1)
    columns = {name: getattr(drawn, name) for name in Program.__dataclass_fields__}
    spans = programs.program("no spans", size=Size(groups=0)).spans
    return Program(
        **columns
        | {
            "eligible": every & ~((np.uint64(1) << first.astype(np.uint64)) - np.uint64(1)),
            "tier": np.zeros(count, np.uint8),
            "group_start": np.zeros(count + 1, np.int32),
            "group_of": np.zeros(0, np.int32),
            "occupied": np.zeros(0, np.uint64),
            "spans": spans,
            "group_name": (),
        }
    )


def _slates(program: Program) -> list[list[int]]:
    """List every slate of a tiny page, lawful or not."""
    offered = [*range(len(program.order)), *[-1] * program.slot_count]
    return [list(slate) for slate in set(permutations(offered, program.slot_count))]


def test_equal_utilities_go_to_the_lower_index() -> None:
    program = _without_groups(programs.program("ties", size=Size(3, 0, 9, 0)))
    count = len(program.order)
    assert count >= 3
    columns = {name: getattr(program, name) for name in Program.__dataclass_fields__}
    even = np.full(count, 5, np.int64)
    order = np.argsort(-even, kind="stable").astype(np.int32)
    open_to_all = np.full(count, (1 << 3) - 1, np.uint64)
    tied = columns | {"utility": even, "order": order, "eligible": open_to_all, "open": 7}
    tied |= {"slot_count": 3, "tail_count": 0}
    assert solve(Program(**tied)).tolist() == [0, 1, 2]


def test_every_page_runs_through_one_compiled_signature() -> None:
    kernel.warm()
    seen = len(compiled.fill.signatures), len(compiled.measure.signatures)
    assert seen == (1, 1)
    for size in (TINY, SMALL, LARGE):
        for program in (programs.program("signature", i, size=size) for i in range(10)):
            slate = compiled.fill(kernel.tables(program), True, False)
            compiled.measure(kernel.tables(program), slate)
    kernel.warm()
    assert (len(compiled.fill.signatures), len(compiled.measure.signatures)) == seen
