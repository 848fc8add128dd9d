"""Directives: titles an order names join a page nobody offered them for, and every rule holds."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import constraints
from ranker.facts.store import FactStore
from ranker.serving.server import EXPLAIN
from ranker.v1 import explain_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import make
from tests.commands import spawn
from tests.serving import POLICY, Served, fill, put, request, served, shown

OFFERED = [f"lead-{i}" for i in range(12)]
RULE = """
[[rules]]
id = "carried"
type = "quota"
source = "DIV-02"
surfaces = ["home"]
of = { listings = ["must_carry"] }
least = 1
first_slots = 3
carry = true
level = 1
order_ref = "〔2026〕9号"
since = 2026-11-01
until = 2026-12-01
"""


def _entry(member: str, list_name: str = "must_carry", **fields: str) -> make.Row:
    return {"list": list_name, "member": member, "order_ref": "〔2026〕9号", **fields}


LISTED = {
    "one": _entry("best", **{"from": "2026-11-20", "until": "2026-11-24"}),
    "over": _entry("lead-3", **{"from": "2026-10-01", "until": "2026-11-23"}),
    "early": _entry("lead-4", **{"from": "2026-11-25", "until": ""}),
    "bare": _entry("bare-0", **{"from": "", "until": ""}),
    "down": _entry("lead-5", "takedown", **{"from": "2026-11-24", "until": ""}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("directives")
    fill(data_dir)
    put(data_dir, "listing_id", LISTED)
    policies = data_dir / "own"
    policies.mkdir()
    (policies / "test.toml").write_text(POLICY + RULE, encoding="utf-8")
    return data_dir


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Served]:
    with served(folder, policy_dir=folder / "own", inline_facts=True) as running:
        yield running


def _joined(reply: pb.RerankResponse) -> list[str]:
    return [p.id for p in reply.decision.placements if p.joined]


def test_title_an_order_names_joins_the_page_and_is_told_so(app: Served) -> None:
    reply = app.rerank(request(OFFERED, slot_count=4))
    assert _joined(reply) == ["best"]
    (placement,) = (p for p in reply.decision.placements if p.joined)
    assert placement.slot == 2, "where it costs least of the slots that serve"
    assert (placement.utility, placement.candidate >= len(OFFERED)) == (0, True)
    assert [reason.rule_id for reason in placement.reasons][-1] == "carried"
    (citation,) = (c for c in reply.decision.citations if c.rule_id == "carried")
    assert citation.order_ref == "〔2026〕9号"
    assert citation.source == "DIV-02"


def test_one_that_no_rule_lets_stand_joins_and_is_blocked(app: Served) -> None:
    blocked = app.rerank(request(OFFERED, slot_count=4)).decision.blocked
    (bare,) = (one for one in blocked if one.id == "bare-0")
    assert "record-number" in bare.rule_ids


def test_an_entry_that_does_not_run_today_calls_nobody_in(app: Served) -> None:
    reply = app.rerank(request(["lead-0", "lead-1"], slot_count=4))
    told = {p.id for p in reply.decision.placements} | {b.id for b in reply.decision.blocked}
    assert not {"lead-3", "lead-4", "lead-5"} & told


def test_nobody_joins_where_the_floor_is_not_asked(app: Served) -> None:
    assert _joined(app.rerank(request(OFFERED, surface="theatre"))) == []


def test_one_that_is_offered_or_stands_does_not_join(app: Served) -> None:
    assert _joined(app.rerank(request([*OFFERED, "best"], slot_count=4))) == []
    reserved = [pb.ReservedSlot(slot=0, id="best")]
    assert _joined(app.rerank(request(OFFERED, slot_count=4, reserved=reserved))) == []


def test_it_joins_numbers_and_rows_with_facts_too(app: Served) -> None:
    numbers = app.rerank(request([7000 + i for i in range(6)], slot_count=4))
    assert _joined(numbers) == ["best"]
    assert {"7000", "7001"} <= set(shown(numbers))
    rows = request(OFFERED, in_rows=True, slot_count=4)
    rows.rows.rows.add(id="new", utility=99).facts.kind = "video"
    reply = app.rerank(rows)
    assert _joined(reply) == ["best"]
    assert "lead-0" in shown(reply)


def test_the_same_request_has_the_same_bytes(app: Served) -> None:
    replies = [app.rerank(request(OFFERED, slot_count=4)).decision for _ in range(3)]
    assert len({reply.SerializeToString(deterministic=True) for reply in replies}) == 1


def test_the_page_below_sees_what_joined_above(app: Served) -> None:
    first = app.rerank(request(OFFERED, slot_count=4))
    second = app.rerank(request(OFFERED[4:], first_slot=4, page_token=first.page_token))
    assert not second.decision.seam_unverified
    assert _joined(second) == []


def test_what_joined_can_be_explained(app: Served) -> None:
    asked = explain_pb2.ExplainRequest(request=request(OFFERED, slot_count=4), candidate_id="best")
    with grpc.insecure_channel(app.server.address) as channel:
        call = channel.unary_unary(f"/{EXPLAIN}/Explain")
        data = call(asked.SerializeToString(), timeout=30)
    assert explain_pb2.ExplainResponse.FromString(data).shown


def test_orders_in_force_are_listed_with_what_carries_them_out(folder: Path) -> None:
    where = ("--data-dir", folder, "--policy-dir", folder / "own")
    command = ("law", "directives", *where)
    told = json.loads(spawn(*command, "--on", "2026-11-24", "--json").out)
    found = {(one["what"], one["whom"].split()[0], one["by"]) for one in told}
    assert found == {
        ("quota", "home", "carried"),
        ("must_carry", "best", "名单 one"),
        ("must_carry", "bare-0", "名单 bare"),
        ("takedown", "lead-5", "名单 down"),
    }
    rule = next(one for one in told if one["by"] == "carried")
    assert (rule["since"], rule["through"]) == ("2026-11-01", "2026-11-30")
    shown_zh = spawn(*command, "--on", "2026-11-24").out
    assert "〔2026〕9号" in shown_zh
    assert "文号或依据" in shown_zh
    assert "list early" in spawn(*command, "--on", "2026-11-25", "--lang", "en").out
    none = spawn("law", "directives", "--data-dir", folder / "none", "--on", "2026-11-24")
    assert none.out == "当日没有生效的调控令。\n"


def test_a_second_order_does_not_lift_the_first(tmp_path: Path) -> None:
    long = "l" * 128
    put(tmp_path, "id", {"t1": make.drama(), long: make.drama()})

    def ordered(subject: str, *more: str) -> None:
        command = ("facts", "takedown", subject, *more, "--data-dir", tmp_path)
        assert spawn(*command).code == 0

    def terms() -> list[tuple[str, str]]:
        with FactStore(tmp_path) as store:
            rows = store.state("listing").values()
        return sorted((row["from"], row.get("until", "")) for row in rows)

    ordered("t1", "--order-ref", "order 1", "--since", "2026-11-24")
    ordered("t1", "--order-ref", "order 2", "--since", "2099-01-01")
    assert terms() == [("2026-11-24", ""), ("2099-01-01", "")]
    ordered("t1", "--order-ref", "order 1", "--until", "2026-12-01")
    assert terms() == [("2026-11-24", "2026-12-01"), ("2099-01-01", "")], "its own it ends"
    ordered(long, "--order-ref", "order 3")
    assert len(terms()) == 3


def test_a_takedown_is_one_command(tmp_path: Path) -> None:
    fill(tmp_path)
    where = ("--data-dir", tmp_path)
    command = ("facts", "takedown", "lead-0", "--since", "2026-11-24", *where)
    done = spawn(*command, "--order-ref", "〔2026〕7号")
    assert (done.code, done.out) == (0, "")
    assert "1 changed" in done.err
    with served(tmp_path, policy_dir=Path(constraints.__file__).with_name("policies")) as app:
        reply = app.rerank(request(["lead-0", "lead-1"], slot_count=4))
        assert shown(reply) == ["lead-1", "", "", ""]
        assert "takedown" in reply.decision.blocked[0].rule_ids
    told = json.loads(spawn("law", "directives", *where, "--on", "2026-11-24", "--json").out)
    assert [(one["whom"], one["order_ref"]) for one in told] == [("lead-0 《剧 0》", "〔2026〕7号")]
    unknown = spawn("facts", "takedown", "lead-99", "--order-ref", "x", *where)
    assert unknown.code == 1
    assert "member: `lead-99` is not a known subject" in unknown.err
