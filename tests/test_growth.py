"""The bench of growth: what it draws, what it compares, and what it says of a bar."""

import json
from pathlib import Path

import numpy as np
import pytest

from constraints.catalogue import compile_catalogue
from constraints.facts import Facts
from constraints.rule import Rule
from constraints.terms import Kind
from loadtests.bench import growth, machine
from loadtests.bench.figures import WARM_UPS, Figure, in_turn
from loadtests.bench.rules import Fixed, law
from loadtests.bench.titles import (
    DAY,
    TEXT_CHARS,
    Served,
    as_texts,
    draw_facts,
    draw_numbers,
)
from ranker.v1 import rerank_pb2 as pb
from tests.serving import shown

FACTS = draw_facts(np.random.default_rng(0), 3_000)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return Served.lay_out(tmp_path_factory.mktemp("growth"), 2_000)


def test_facts_drawn_have_the_types_and_ranges_of_facts() -> None:
    unknown = Facts.unknown(0)
    for name, field in Facts.__dataclass_fields__.items():
        column, enum = getattr(FACTS, name), field.metadata["enum"]
        assert column.dtype == getattr(unknown, name).dtype, name
        assert column.shape[1:] == getattr(unknown, name).shape[1:], name
        if enum is not None and "flags" not in field.metadata:
            assert set(np.unique(column)) <= set(enum), name
            assert len(np.unique(column)) > 2, name
    assert set(FACTS.kind.tolist()) == set(Kind)


def test_themes_drawn_come_first_and_once() -> None:
    counts = set()
    for row in FACTS.themes.tolist():
        own = [theme for theme in row if theme]
        assert row[: len(own)] == own
        assert len(set(own)) == len(own)
        counts.add(len(own))
    assert counts == {0, 1, 2, 3}


def test_ids_drawn_are_different_and_of_the_length_stated() -> None:
    numbers = draw_numbers(np.random.default_rng(0), 3_000)
    texts = as_texts(numbers)
    assert len(np.unique(numbers)) == len(set(texts)) == 3_000
    assert {len(text) for text in texts} == {TEXT_CHARS}


def _touched(rules: tuple[Rule, ...]) -> list[int]:
    """Tell of each row how many of the portions it belongs to."""
    own = [rule.rows(FACTS, DAY) for rule in rules if rule.type == "portion"]
    return np.sum(own, axis=0, dtype=int).tolist()


def test_few_rules_and_many_treat_the_same_titles_alike(small: Served) -> None:
    few, many = law(5, 2), law(50, 2)
    assert _touched(few.rules) == _touched(many.rules)
    assert set(_touched(few.rules)) == {0, 1}
    snapshot = small.service.state.in_use().snapshot
    service, replies = small.service, []
    for data in small.requests(1)[:5]:
        pages = []
        for policy in (few, many):
            service.state = Fixed.compiled(policy, snapshot)  # type: ignore[assignment]
            pages.append(shown(pb.RerankResponse.FromString(service.rerank(data))))
        assert pages[0] == pages[1]
        replies.append(pages[0])
    assert len({*map(tuple, replies)}) == 5


@pytest.mark.parametrize(("row_wise", "page_wise"), [(5, 0), (50, 2), (5, 40)])
def test_policies_are_as_large_as_they_say_and_quarantine_nothing(
    row_wise: int, page_wise: int
) -> None:
    policy = law(row_wise, page_wise)
    assert len(policy.compiled) == row_wise + page_wise
    assert len({rule.id for rule in policy.rules}) == row_wise + page_wise
    assert not len(compile_catalogue(policy.compiled, FACTS, DAY).quarantined)


def test_calls_are_timed_in_turn_after_their_warm_ups() -> None:
    order: list[tuple[str, int]] = []
    calls = {name: (lambda lap, n=name: order.append((n, lap))) for name in "ab"}
    p50 = in_turn(calls, 2)
    laps = range(-WARM_UPS, 2)
    assert order == [(name, lap) for lap in laps for name in "ab"]
    assert set(p50) == {"a", "b"}


def test_a_figure_meets_its_bar_or_has_none() -> None:
    assert Figure("x", 1.2, "×", most=1.2).is_met
    assert not Figure("x", 1.21, "×", most=1.2).is_met
    assert not Figure("x", 1.7, "×", least=1.8).is_met
    assert Figure("x", 99, "").is_met
    bars = [Figure("x", 1, "µs", most=50).bar, Figure("x", 1, "×", least=0.9).bar]
    assert [*bars, Figure("x", 1, "").bar] == ["≤ 50 µs", "≥ 0.9 ×", ""]


def test_first_requests_are_of_many_shapes_and_compile_nothing(tmp_path: Path) -> None:
    first = machine.first_requests(tmp_path, 40)
    assert len(first.micros) == 40
    assert (first.added, first.after) == ([], first.before)
    assert first.before >= 5, "judge, gatherer, solver and both joins"


def test_every_compiled_function_of_ours_is_counted() -> None:
    found = machine.signatures()
    for name in ("kernel.gather.gather", "kernel.searching.search", "judging.compiled.judge"):
        assert f"constraints.{name}" in found
    assert "ranker.facts.id_kernels.find_numbers" in found


def test_threads_are_compared_with_one_and_with_processes() -> None:
    found = machine.shared(laps=1)
    assert 0 < found.threads < 4
    assert 0 < found.processes < 4


def test_the_whole_bench_runs_small_and_ends_as_its_bars_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "STEPS", (growth.of_catalogue, growth.of_rules))
    code = growth.main(["--titles", "12000", "--laps", "2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (0 if all(figure["is_met"] for figure in told) else 1)
    barred = [f["name"] for f in told if f["most"] is not None or f["least"] is not None]
    assert len(barred) == 9
    assert len({figure["name"] for figure in told}) == len(told)
    assert all(figure["value"] > 0 for figure in told)
