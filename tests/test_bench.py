"""The bench: its pages, its oracle, its judge and its proof."""

import hashlib
import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from constraints import kernel
from constraints.kernel import Tables, reference
from constraints.program import UTILITY_BITS
from loadtests.bench import model, oracle, prove
from loadtests.bench.judge import Verdict, judge
from loadtests.bench.lay import Family, Shape, Span, tables
from loadtests.bench.optima import digest, known, optima
from loadtests.bench.oracle import optimum
from loadtests.bench.pages import CELLS, REGIMES, SMALL, Cell, page
from loadtests.bench.peers import PEERS
from loadtests.bench.wild import KINDS, draw, kind_of
from tests.programs import SMALL as SMALL_SIZE
from tests.programs import TINY, program


def tiny(number: int) -> Tables:
    return kernel.tables(program("bench", number, size=TINY))


def best_by_trying_all(t: Tables) -> Verdict:
    slates = itertools.product(range(-1, len(t.order)), repeat=t.slot_count)
    verdicts = (judge(t, np.array(slate)) for slate in slates)
    return min((each for each in verdicts if not each.hard), key=lambda each: each.score)


def slate_by_chance(t: Tables, rng: np.random.Generator) -> np.ndarray:
    slate = np.full(t.slot_count, -1, np.int32)
    if len(t.order) >= t.slot_count:
        slate[:] = rng.permutation(len(t.order))[: t.slot_count]
    slate[rng.random(t.slot_count) < 0.2] = -1
    return slate


@pytest.mark.parametrize("regime", REGIMES)
def test_same_seed_gives_the_same_page_and_another_another(regime: str) -> None:
    one = digest(page(regime, SMALL, 1).tables)
    assert one == digest(page(regime, SMALL, 1).tables)
    assert one != digest(page(regime, SMALL, 2).tables)


@pytest.mark.parametrize("cell", [*CELLS, SMALL], ids=str)
def test_pages_of_the_bench_are_as_the_bars_describe_them(cell: Cell) -> None:
    for regime in REGIMES:
        drawn = page(regime, cell, 3)
        t = drawn.tables
        assert (len(t.order), t.slot_count) == cell
        assert t.tail_count == (0 if regime == "loose" else 7)
        labels = (drawn.themes >= 0).sum(axis=1)
        assert (labels.min(), labels.max()) == (1, 3)
        if regime != "loose":
            pinned = np.bitwise_count(t.eligible) == 1
            assert pinned.sum() == 1
            assert not (t.eligible[~pinned] & t.eligible[pinned]).any()
            assert 0.2 < np.mean(t.eligible >> np.uint64(7) & np.uint64(1) == 0) < 0.4
            assert 0.03 < t.tier.mean() < 0.2
        assert np.all(np.diff(t.utility[t.order]) <= 0) or regime != "loose"


def test_features_have_length_one_and_utilities_their_bits() -> None:
    drawn = page("tight", SMALL, 4)
    np.testing.assert_allclose(np.linalg.norm(drawn.feature, axis=1), 1, rtol=1e-5)
    assert 2**37 <= drawn.tables.utility.max() <= 2**38


def test_a_family_becomes_groups_with_their_spans_and_what_stands_above() -> None:
    shape = Shape(3, 2, 0b101, np.array([0, 1, 3]))
    family = Family(
        np.array([[2], [-1], [0]]),
        (Span(1, most=1, window=2), Span(2, 1, mask=shape.slots(0, 2))),
        np.array([[0], [1], [2]]),
    )
    t = tables(shape, np.ones(3), np.full(3, 7, np.uint64), np.zeros(3), [family])
    assert t.group_of.tolist() == [1, 0]
    assert t.group_start.tolist() == [0, 1, 1, 2]
    assert t.occupied.tolist() == [0b00001, 0b01000]
    assert t.span_start.tolist() == [0, 2, 4]
    assert t.mask.tolist() == [0b11111, 0b01100] * 2
    assert t.window.tolist() == [2, 0] * 2
    assert t.eligible.tolist() == [0b10100] * 3


def test_judge_agrees_with_the_measure_of_the_kernels() -> None:
    rng = np.random.default_rng(5)
    for number in range(300):
        t = kernel.tables(program("judge", number, size=SMALL_SIZE))
        slate = slate_by_chance(t, rng)
        verdict, score = judge(t, slate), reference.measure(t, slate)
        assert (verdict.excess[0], verdict.empty_count) == tuple(score[:2])
        assert tuple(verdict.excess[1:]) == tuple(score[-7:-1])
        assert verdict.objective == -score[-1]


@pytest.mark.parametrize(
    "slate",
    [
        [0, 1, -1],  # reserved
        [0, -1, 0],  # repeated
        [2, -1, 0],  # sunk above a normal one
        [0, -1, 3],  # not allowed there
        [0, -1, 9],  # no candidate
        [0, -1],  # too short
    ],
)
def test_judge_finds_placements_that_must_not_be(slate: list[int]) -> None:
    slots = np.array([7, 7, 7, 1], np.uint64)
    t = tables(Shape(3, 0, 0b101, np.zeros(0, int)), np.ones(4), slots, np.eye(4)[2], [])
    assert judge(t, np.array([0, -1, 1])).hard == 0
    assert judge(t, np.array(slate)).hard > 0


def test_oracle_finds_what_trying_every_slate_finds() -> None:
    for number in range(120):
        t = tiny(number)
        best = optimum(t)
        verdict, wanted = judge(t, best.slate), best_by_trying_all(t)
        assert best.is_proved, number
        assert verdict.score[:-1] == wanted.score[:-1], number
        assert verdict.objective == pytest.approx(wanted.objective, rel=1e-6), number
        assert best.bound >= wanted.objective, number


def test_oracle_loses_nothing_by_leaving_candidates_and_placements_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = [page(regime, Cell(90, 5), 6).tables for regime in REGIMES]
    kept = [len(model.kept(t)) for t in drawn]
    quick = [optimum(t) for t in drawn]
    assert min(kept) < 90
    monkeypatch.setattr(model, "kept", lambda t: np.arange(len(t.order)))
    monkeypatch.setattr(oracle, "_FIRST_GAP", 1e9)
    for t, best in zip(drawn, quick, strict=True):
        one, other = judge(t, best.slate), judge(t, optimum(t).slate)
        assert one.score[:-1] == other.score[:-1]
        assert one.objective == pytest.approx(other.objective, rel=1e-6)


def test_oracle_out_of_time_claims_no_proof() -> None:
    t = page("edge", SMALL, 1).tables
    best = optimum(t, seconds=0.0)
    assert not best.is_proved
    assert judge(t, best.slate).hard == 0
    assert best.bound >= optimum(t).bound * (1 - 1e-6)


def test_optima_are_kept_and_taken_from_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtests.bench.optima.FOLDER", tmp_path)
    cell = Cell(30, 5)
    (first,) = (best for _, _, best in optima("loose", cell, "tuning", 1, 10.0))
    (again,) = (best for _, _, best in optima("loose", cell, "tuning", 1, 10.0))
    assert first.seconds == again.seconds
    assert known("loose", cell, "tuning")[1000][0] == digest(page("loose", cell, 1000).tables)
    path = next(tmp_path.iterdir())
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"digest": "of another page", "seconds": -1.0}) + "\n")
    (anew,) = (best for _, _, best in optima("loose", cell, "tuning", 1, 10.0))
    assert anew.seconds >= 0
    assert anew.slate.tolist() == first.slate.tolist()


@pytest.mark.parametrize("name", PEERS)
def test_peers_show_each_candidate_once(name: str) -> None:
    slate = PEERS[name](page("tight", SMALL, 7))
    assert len(set(slate.tolist())) == len(slate) == SMALL.slots
    assert slate.min() >= 0


def test_window_greedy_keeps_its_window_as_long_as_somebody_fits() -> None:
    drawn = page("loose", Cell(500, 10), 8)
    slate = PEERS["window-greedy"](drawn)
    most, width = drawn.window
    for first in range(10 - width + 1):
        shown = drawn.themes[slate[first : first + width]]
        assert np.bincount(shown[shown >= 0]).max() <= most


def test_wild_pages_are_of_every_kind_and_within_the_limits() -> None:
    for number in range(20 * len(KINDS)):
        t, rule_count = draw(number)
        assert rule_count <= 40
        assert len(t.order) <= 2000
        assert t.slot_count <= 50
        assert t.tail_count + t.slot_count <= 64
        assert sorted(t.order.tolist()) == list(range(len(t.order)))
        assert (np.diff(t.utility[t.order][t.eligible[t.order] > 0]) <= 0).all()
        assert t.utility.max() == 0 or int(t.utility.max()).bit_length() == UTILITY_BITS
        assert len(t.level) == t.span_start[-1] == len(t.window)
        assert (t.level[t.least > 0] > 0).all()
        assert np.bincount(t.group_of, minlength=len(t.occupied)).all()
        for start, stop in itertools.pairwise(t.group_start):
            assert len(set(t.group_of[start:stop].tolist())) == stop - start
        small = draw(number, is_small=True).tables
        assert len(small.order) <= 60
        assert small.slot_count <= 12


def test_wild_pages_hold_all_that_may_go_wrong() -> None:
    seen, counts, every = Counter[str](), list[int](), list[str]()
    for number in range(60 * len(KINDS)):
        t, kind = draw(number).tables, kind_of(number)
        width = t.tail_count + t.slot_count
        tail = np.uint64((1 << t.tail_count) - 1)
        is_range = (t.window == 0) & (t.least == 0)
        pins = np.bitwise_count(t.eligible) == 1
        ours = t.utility[t.eligible > 0]
        counts.append(len(t.order))
        found = {
            "reserved": int(t.open) != (1 << t.slot_count) - 1,
            "occupied": t.occupied.any(),
            "long tail": t.tail_count > 30,
            "wide window": (t.window > width).any(),
            "into the tail": (t.mask[is_range] & tail).any(),
            "floor": t.least.any(),
            "hopeless cap": (t.most == 0).any(),
            "sunk": t.tier.any(),
            "removed": not t.eligible.all(),
            "pin": pins.any() and t.slot_count > 1,
            "many themes": np.diff(t.group_start).max() >= 24,
            "all zero": len(ours) > 1 and not ours.any(),
            "all equal": len(ours) > 1 and ours.min() == ours.max() > 0,
            "nearly equal": len(ours) > 1 and 0 < ours.max() - ours.min() < 4,
            "too few": len(t.order) < t.slot_count,
            "no rule": len(t.level) == 0,
            kind: True,
        }
        every = list(found)[:-1]
        seen.update(name for name, is_so in found.items() if is_so)
    assert not ({*every, *KINDS} - {*seen})
    assert 5 <= np.median(counts) <= 250
    assert max(counts) > 1900


def test_wild_pages_are_mostly_breached_by_who_only_looks_at_worth() -> None:
    breached = Counter[str]()
    for number in range(20 * len(KINDS)):
        t = draw(number).tables
        slate, left = np.full(t.slot_count, -1), t.order[t.tier[t.order] == 0].tolist()
        for slot in range(t.slot_count):
            fits = (one for one in left if int(t.eligible[one]) >> t.tail_count + slot & 1)
            slate[slot] = next(fits, -1)
            if slate[slot] >= 0:
                left.remove(slate[slot])
        verdict = judge(t, slate)
        assert verdict.faults == 0
        breached[kind_of(number)] += verdict.hard > 0
    assert breached.total() > 10 * len(KINDS)
    assert min(breached[kind] for kind in KINDS) >= 8


def test_a_wild_page_depends_on_nothing_but_its_number() -> None:
    numbers = range(2 * len(KINDS))
    forth = [digest(draw(number).tables) for number in numbers]
    back = [digest(draw(number).tables) for number in reversed(numbers)]
    assert forth == back[::-1]
    assert len(set(forth)) == len(forth)
    whole = hashlib.sha256("".join(forth).encode()).hexdigest()
    assert whole[:16] == "5efc5b9bbbe4b688"  # on any machine; changes with what is drawn


def test_a_proof_compares_every_kind_and_every_count_of_rounds() -> None:
    every = {number: prove.plan(number) for number in range(200_000)}
    greedy = [n for n, (rounds, is_plain) in every.items() if is_plain and rounds == 0]
    improved = {n: rounds for n, (rounds, is_plain) in every.items() if is_plain and rounds}
    assert (len(greedy), len(improved)) == (4000, 200)
    assert {*map(kind_of, greedy)} == {*map(kind_of, improved)} == {*KINDS}
    assert {*improved.values()} == {*range(1, 10), prove.ROUNDS["default"]}
    others = {(kind_of(n), rounds) for n, (rounds, is_plain) in every.items() if not is_plain}
    assert len(others) == len(KINDS) * 12


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove, "CHUNK", 60)
    monkeypatch.setattr(prove, "AGAIN", 2)


@pytest.mark.usefixtures("short")
def test_a_short_proof_finds_nothing_and_is_continued(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "done.jsonl"
    (first,) = itertools.islice(prove.prove(180, 1, state, ThreadPoolExecutor), 1)
    with state.open("a") as stream:
        stream.write('\n{"code": "ha')  # killed while it wrote
    rows = list(prove.prove(180, 1, state, ThreadPoolExecutor))
    assert first in rows
    assert sorted((row["chunk"], row["is_again"]) for row in rows) == [
        *((0, False), (0, True), (1, False), (2, False), (2, True)),
    ]
    assert prove.main(["--pages", "180", "--state", str(state), "--json"]) == 0  # solves nothing
    found = json.loads(capsys.readouterr().out)
    assert (found["pages"], found["again"]) == (180, 120)
    assert (found["compared_greedy"], found["compared_improved"]) == (4, 1)
    assert not found["breaches"] + found["differences"] + found["unlike"]
    assert sum(found["kinds"].values()) == 180
    assert prove.tell(rows, 1.0) == 0
    assert "level-0 breaches: 0 (must be 0)" in capsys.readouterr().out


@pytest.mark.usefixtures("short")
def test_a_proof_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "by_reference", lambda t, rounds: np.zeros(0))
    first = prove.chunk(0) | {"chunk": 0, "is_again": False}
    monkeypatch.setattr(prove, "solve", lambda t, rounds: np.zeros(t.slot_count, np.int32))
    broken = prove.chunk(1) | {"chunk": 1, "is_again": False}
    again = prove.solve_again(0) | {"chunk": 0, "is_again": True}
    assert prove.tell([first, broken, again], 1.0) == 1
    told = capsys.readouterr()
    assert "breaches: 0 " not in told.out
    assert "by the reference: 4 of 3 greedy, 1 with rounds" in told.out
    assert "page 25, 1 rounds: not what the reference says" in told.err
    assert "page 61, " in told.err
    found = prove.summary([first, again])
    assert found["breaches"] == 0
    assert found["unlike"] > 30
    assert "page 59: another slate in a second process" in found["offending"]


def test_a_proof_of_other_code_is_not_gone_on_from(tmp_path: Path) -> None:
    one = prove.code_digest()
    assert one == prove.code_digest()
    (tmp_path / "constraints").mkdir()
    (tmp_path / "constraints" / "solve.py").write_text("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "ROOT", tmp_path)
        assert prove.code_digest() != one
