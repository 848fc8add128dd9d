"""Pages below others: the token carries the seam, and is honoured only as it was issued."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from constraints.errors import RequestError
from ranker.serving import page_token
from tests.serving import NOW_US, POLICY, Fault, Served, request, served, shown

BOSSES = [f"boss-{i}" for i in range(6)]
LEADS = [f"lead-{i}" for i in range(12)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("token")) as running:
        yield running


def test_page_two_with_its_token_goes_on_where_page_one_ended(app: Served) -> None:
    first = app.rerank(request(["boss-0", "boss-1"], slot_count=2, session_id="s"))
    assert shown(first) == ["boss-0", "boss-1"]
    rest = ["boss-2", "filed-0", *(f"lead-{i}" for i in range(6))]
    below = {"slot_count": 6, "session_id": "s", "first_slot": 2}
    second = app.rerank(request(rest, page_token=first.page_token, **below))
    assert shown(second).index("boss-2") == 4, "the window reaches back into page one"
    assert [p.first_screen for p in second.decision.placements] == [True] * 4 + [False] * 2
    assert not second.decision.seam_unverified
    assert second.decision != app.rerank(request(rest, **below)).decision


def test_windows_reach_over_pages_shorter_than_themselves(app: Served) -> None:
    told: dict[str, Any] = {"slot_count": 1, "session_id": "s"}
    page, token = list[str](), ""
    for first_slot in range(12):
        left = [key for key in [*BOSSES, *LEADS] if key not in page]
        reply = app.rerank(request(left, first_slot=first_slot, page_token=token, **told))
        page, token = page + shown(reply), reply.page_token
        bosses = [key for key in page[-6:] if key.startswith("boss")]
        assert len(bosses) <= 2, page


def test_a_page_below_another_without_its_token_is_judged_as_the_first(app: Served) -> None:
    asked = ["filed-0", "lead-0", "boss-0"]
    reply = app.rerank(request(asked, slot_count=2, first_slot=6))
    assert reply.decision.seam_unverified
    assert shown(reply) == ["lead-0", "boss-0"], "its first slot is the first screen's"
    top = app.rerank(request(asked, slot_count=2))
    assert not top.decision.seam_unverified
    assert shown(top) == shown(reply)


def test_a_token_is_honoured_only_as_it_was_issued(app: Served) -> None:
    first = app.rerank(request(["lead-0", "lead-1"], slot_count=2, session_id="s"))
    token, below = first.page_token, {"session_id": "s", "first_slot": 2}
    assert app.rerank(request(["boss-0"], page_token=token, **below))
    version, payload, mac = token.split(".")
    other = page_token.sign(_seam(), [b"another key" * 3])
    body = other.split(".")[1]
    for forged in (
        *("x", "1..", "...", f"1.{payload}", f"1.{payload}.", f"2.{payload}.{mac}", "页.页.页"),
        *(other, f"{version}.{body}.{mac}", f"{version}.{payload[:-4]}.{mac}", token + "AAAA"),
        f"{version}.{payload}.{mac[1:]}{mac[0]}",
    ):
        fault = app.fault(request(["boss-0"], page_token=forged, **below))
        assert fault == Fault("INVALID_ARGUMENT", "PAGE_TOKEN_FORGED", "page_token"), forged


def _seam(**other: Any) -> page_token.Seam:
    expires_s = NOW_US // 1_000_000 + 1_800
    return page_token.Seam("home", "phone", "s", 2, (), expires_s)._replace(**other)


def test_every_changed_character_of_a_token_is_noticed() -> None:
    key = [b"k" * 32]
    token = page_token.sign(_seam(), key)
    assert page_token.read(token, key, NOW_US / 1e6) == _seam()
    for place in range(len(token) - 1):  # the last one has two bits that mean nothing
        for character in "Az9.":
            changed = token[:place] + character + token[place + 1 :]
            if changed != token:
                with pytest.raises(RequestError, match="was not issued here"):
                    page_token.read(changed, key, NOW_US / 1e6)


@pytest.mark.parametrize(
    "other", [{"surface": "theatre"}, {"terminal": "tv"}, {"session_id": "t"}, {"first_slot": 3}]
)
def test_a_token_is_for_one_place_only(app: Served, other: dict[str, Any]) -> None:
    token = app.rerank(request(["lead-0"], slot_count=2, session_id="s")).page_token
    told = {"session_id": "s", "first_slot": 2} | other
    expected = Fault("INVALID_ARGUMENT", "PAGE_TOKEN_MISMATCH", "page_token")
    assert app.fault(request(["boss-0"], page_token=token, **told)) == expected


def test_a_token_allows_no_other_tail(app: Served) -> None:
    token = app.rerank(request(["boss-0", "boss-1"], slot_count=2)).page_token
    told: dict[str, Any] = {"page_token": token, "first_slot": 2}
    assert app.rerank(request(["boss-2"], tail_ids=["boss-0", "boss-1"], **told))
    expected = Fault("INVALID_ARGUMENT", "TAIL_IDS_DIFFER", "tail_ids")
    assert app.fault(request(["boss-2"], tail_ids=["lead-0"], **told)) == expected


def test_a_token_expires(tmp_path: Path) -> None:
    now = [NOW_US]
    with served(tmp_path, now_us=lambda: now[0], page_token_s_max=60) as app:
        token = app.rerank(request(["lead-0"], slot_count=2)).page_token
        asked = request(["boss-0"], page_token=token, first_slot=2)
        now[0] += 60_000_000 - 1
        assert app.rerank(asked)
        now[0] += 1
        expected = Fault("INVALID_ARGUMENT", "PAGE_TOKEN_EXPIRED", "page_token")
        assert app.fault(asked) == expected


def test_its_own_tokens_are_never_too_long_for_the_server(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    wide = POLICY.replace("window_slots = 6", "window_slots = 64")
    (policies / "wide.toml").write_text(wide, encoding="utf-8")
    ids = [f"{i:02}" + "𠮷" * 126 for i in range(50)]
    told: dict[str, Any] = {"session_id": "𠮷" * 128, "surface": "live", "slot_count": 50}
    with served(tmp_path, policy_dir=policies) as app:
        token = app.rerank(request(ids, kinds=[3] * 50, **told)).page_token
        below: dict[str, Any] = told | {"page_token": token, "first_slot": 50}
        assert app.rerank(request(["video"], **(below | {"slot_count": 14})))
        fault = app.fault(request(["video"], **(below | {"slot_count": 15})))
        assert fault == Fault("INVALID_ARGUMENT", "SLOT_COUNT_OUT_OF_RANGE", "slot_count")
