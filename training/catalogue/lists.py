"""Entries of dated lists in the sample catalogue: one of each list, and then some."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from training.catalogue.draw import REFERENCE_DAY, Row

COLUMNS: Final = ("listing_id", "list", "member", "from", "until", "order_ref", "note")
_FAR: Final = timedelta(days=1_800)


def listings(dramas: Sequence[Row], rooms: Sequence[Row]) -> list[Row]:
    """Return entries that name generated dramas, their providers and people, and rooms' anchors."""
    licensed = [row for row in dramas if row.get("document") == "licence"]
    day, far = REFERENCE_DAY.isoformat(), (REFERENCE_DAY + _FAR).isoformat()
    past = (REFERENCE_DAY - timedelta(days=30)).isoformat()
    if not dramas or not rooms:
        return []

    def some(place: int) -> Row:
        return dramas[place % len(dramas)]

    told = [
        ("takedown", some(40)["id"], past, "", "样例令〔2026〕1号", "停止播出"),
        ("black_title", some(90)["id"], past, "", "样例名单2026-1", ""),
        ("black_provider", some(7)["provider"], past, "", "样例名单2026-2", ""),
        ("denied_person", some(11)["people"].split("|")[0], past, "", "样例名单2026-3", ""),
        (
            "closed_anchor",
            rooms[60 % len(rooms)]["people"],
            past,
            "",
            "样例封禁2026-1",
            "更换账号亦不得再开播",
        ),
        ("embargo", some(130)["id"], past, far, "样例调控2026-1", "暂缓播出"),
        ("embargo", some(131)["id"], past, past, "样例调控2026-2", "已到期"),
    ]
    for place, row in enumerate(licensed):
        if place % 10 == 0:
            told.append(("key_catalogue", row["id"], past, far, "样例重点目录2026", ""))
        if place % 25 == 0:
            told.append(("showcase", row["id"], past, far, "样例展播2026", ""))
        if place % 40 == 1:
            told.append(("key_date", row["id"], day, far, "样例节点2026", ""))
        if place % 20 == 2:
            told.append(("mainstream", row["id"], past, far, "样例编辑荐2026", "编辑：样例甲"))
    return [
        dict(zip(COLUMNS, (f"l-{at:03d}", *entry), strict=True))
        for at, entry in enumerate(told, start=1)
    ]
