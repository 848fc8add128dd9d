"""The bench: its pages, its oracle, its judge and its proof."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from constraints import kernel
from constraints.kernel import Tables, reference
from loadtests.bench import model, oracle, prove
from loadtests.bench.judge import Verdict, judge
from loadtests.bench.lay import Family, Shape, Span, tables
from loadtests.bench.optima import digest, known, optima
from loadtests.bench.oracle import optimum
from loadtests.bench.pages import CELLS, REGIMES, SMALL, Cell, page
from loadtests.bench.peers import PEERS
from loadtests.bench.wild import KINDS, draw
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
    for number in range(10 * len(KINDS)):
        t = draw(number)
        assert t.tail_count + t.slot_count <= 64
        assert len(t.level) == t.span_start[-1] == len(t.window)
        assert (t.level[t.least > 0] > 0).all()
        for start, stop in itertools.pairwise(t.group_start):
            assert len(set(t.group_of[start:stop].tolist())) == stop - start
        small = draw(number, is_small=True)
        assert len(small.order) <= 60


def test_a_short_proof_finds_nothing_and_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "CHUNK", 200)
    row = {"chunk": 0, **prove.chunk(0)}
    rows = [row | {"is_again": is_again} for is_again in (False, True)]
    assert prove.report(rows) == 0
    assert "level-0 breaches: 0 (must be 0)" in capsys.readouterr().out
    state = tmp_path / "done.jsonl"
    code = prove.code_digest()
    state.write_text("".join(json.dumps({"code": code, **row}) + "\n" for row in rows))
    assert len(list(prove.prove(200, 1, state))) == 2


def test_a_proof_reports_breaches_and_other_slates(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"chunk": 0, "is_again": False, "pages": 1000, "breaches": 1, "digest": "a"}
    rows = [row | {"offending": ["page 7"]}, row | {"is_again": True, "digest": "b"}]
    assert prove.report(rows) == 1
    told = capsys.readouterr()
    assert "level-0 breaches: 1" in told.out
    assert "second process: 1 of 1" in told.out
    assert "page 7" in told.err
