"""Explanations over the wire and on the command line: what, by which article, and what would do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ranker.serving.server import EXPLAIN
from ranker.v1 import explain_pb2 as pb
from tests.commands import spawn
from tests.serving import NOW_US, Served, request, served, tight_lipped

IDS = ["filed-0", "lead-0", "lead-1", "lead-2", "video", "nobody"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("explain")) as running:
        yield running


def _explain(app: Served, data: bytes) -> pb.ExplainResponse:
    with grpc.insecure_channel(app.server.address) as channel:
        call = channel.unary_unary(f"/{EXPLAIN}/Explain")
        return pb.ExplainResponse.FromString(call(data, timeout=30))


def _asked(candidate_id: str, **fields: Any) -> bytes:
    message = pb.ExplainRequest(request=request(IDS, **fields), candidate_id=candidate_id)
    return message.SerializeToString()


def test_filed_drama_is_told_rule_article_facts_and_what_would_open_the_screen(
    app: Served,
) -> None:
    reply = _explain(app, _asked("filed-0", slot_count=3))
    assert reply.verdict == pb.VERDICT_BARRED
    assert not reply.shown
    assert reply.reasons[0].rule_id == "first-screen-licence"
    cited = {one.rule_id: one for one in reply.citations}
    assert "345号" in cited["first-screen-licence"].citation_zh
    used = {f.column: f.value for f in reply.facts if f.rule_id == "first-screen-licence"}
    assert used["document"] == "bureau_filing"
    change = {fact.column: (fact.before, fact.after) for fact in reply.change.facts}
    assert change["document"] == ("bureau_filing", "licence")
    assert reply.change.shown
    assert reply.instant_us == NOW_US
    assert reply.facts_changed_us > 0
    assert "first-screen-licence" in reply.said_zh
    assert "document 为 licence" in reply.said_zh
    assert "Notice 345 (2022)" in reply.said_en
    assert f"it would stand in slot {reply.change.slot}" in reply.said_en


def test_what_rerank_shows_explain_confirms(app: Served) -> None:
    page = app.rerank(request(IDS, slot_count=4)).decision
    slots = {one.id: one.slot for one in page.placements if one.id}
    for candidate_id in IDS:
        reply = _explain(app, _asked(candidate_id, slot_count=4))
        assert reply.shown == (candidate_id in slots)
        assert reply.slot == slots.get(candidate_id, 0)


def test_one_nobody_registered_is_said_to_be_so(app: Served) -> None:
    reply = _explain(app, _asked("nobody", slot_count=4))
    assert reply.facts_changed_us == 0
    assert "登记中没有它" in reply.said_zh
    assert "in no register" in reply.said_en


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\xff\xff", "the request is no ExplainRequest"),
        (_asked(""), "candidate_id: is missing"),
        (_asked("stranger"), "candidate_id: `stranger` is not offered"),
        (_asked("video", surface="attic"), "surface: no policy for `attic`"),
        (b"\0" * 300_000, "the request is larger than 263168 bytes"),
    ],
)
def test_what_cannot_be_explained_is_refused_by_field(app: Served, data: bytes, fault: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _explain(app, data)
    assert tight_lipped(caught.value).details() == fault


def test_a_second_explanation_meanwhile_is_refused_and_pages_are_served(app: Served) -> None:
    explainer = app.server.explainer
    with explainer._busy:
        with pytest.raises(grpc.RpcError) as caught:
            _explain(app, _asked("video"))
        assert app.rerank(request(IDS, slot_count=3)).decision.placements
    error: Any = caught.value
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_command_says_the_same(app: Served, tmp_path: Path) -> None:
    asked = tmp_path / "page.json"
    told = [{"id": key, "utility": 9 - at} for at, key in enumerate(IDS)]
    page = {"surface": "home", "terminal": "phone", "slot_count": 3, "candidates": told}
    asked.write_text(json.dumps(page), encoding="utf-8")
    folder = app.server.settings.data_dir
    command = ("explain", "--request", asked, "--data-dir", folder, "--candidate")
    zh, en = (spawn(*command, "filed-0", "--lang", lang) for lang in ("zh", "en"))
    assert "`filed-0` 不得占本页任何位置。" in zh.out
    assert "`filed-0` may stand in no slot of the page." in en.out
    reply = json.loads(spawn(*command, "filed-0", "--json").out)
    assert reply["said_zh"] == zh.out.rstrip("\n")
    assert reply["change"]["facts"]
    assert spawn(*command, "stranger").fault() == "candidate_id: `stranger` is not offered"
    nowhere = spawn("explain", "--request", asked, "--data-dir", tmp_path, "--candidate", "x")
    assert nowhere.fault() == f"{tmp_path}: holds no fact store"
