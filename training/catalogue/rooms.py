"""Live rooms and other videos of the sample catalogue."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from training.catalogue.draw import Draw, Names, Row, days_before, known

VIDEOS: Final = 60
UTILITY_MAX: Final = 9.9
_FRESH_DAYS: Final = 30
_STALE_DAYS: Final = (200, 700)
_GRADES: Final = ("a", "b", "c", "d", "e")
_STEPS: Final = {"better": -1, "same": 0, "worse": 1, "much_worse": 2}


@dataclass(frozen=True)
class Streamer:
    """One streamer of the Twitch data.

    Attributes:
        views: of the channel, all time.
        is_mature: the streamer's own flag; it stands in for a poorer rating, no more.
        features: anonymous numbers of games, places and habits.
    """

    views: int
    is_mature: bool
    features: tuple[int, ...]


def most_viewed(
    targets: Sequence[Mapping[str, str]], features: Mapping[str, Sequence[int]], count: int
) -> list[Streamer]:
    """Return the `count` streamers with the most views: the ones a home page would meet."""
    order = sorted(targets, key=lambda row: (-int(row["views"]), int(row["new_id"])))
    return [
        Streamer(int(row["views"]), row["mature"] == "True", tuple(features[row["new_id"]]))
        for row in order[:count]
    ]


def utilities(streamers: Sequence[Streamer]) -> list[float]:
    """Return log(1 + views) on the scale of the page, UTILITY_MAX for the most viewed.

    Three decimals: the last bits of a logarithm differ between machines, these do not.
    """
    most = math.log1p(max((s.views for s in streamers), default=1))
    return [round(UTILITY_MAX * math.log1p(s.views) / most, 3) for s in streamers]


def rooms(
    streamers: Sequence[Streamer], draw: Draw, words: Mapping[str, Any], shares: Mapping[str, Any]
) -> list[Row]:
    """Return a room for each streamer, in their order.

    The category is that of the streamer's rarest feature number, the one that tells most.
    """
    table, nicks = words["table"].split(), words["nicks"].split()
    frequency = Counter(number for s in streamers for number in s.features)
    names = Names(draw)
    rows = []
    for i, streamer in enumerate(streamers):
        rarest = min(streamer.features, key=lambda number: (frequency[number], number))
        category = table[rarest % len(table)]
        title = names.compose(category, nicks, words["names"][category].split())
        row = {"id": f"r-{i + 1:04d}", "title": title, "kind": "room", "themes": category}
        row |= _rating(streamer, draw, shares)
        row |= _restriction(draw, shares)
        rows.append(row)
    return rows


def _rating(streamer: Streamer, draw: Draw, shares: Mapping[str, Any]) -> Row:
    grades = shares["room_grade"]["mature" if streamer.is_mature else "plain"]
    room, step = draw.weighted(grades), draw.weighted(shares["anchor_step"])
    if room == "unknown":
        return {}
    worst = len(_GRADES) - 1
    anchor = ""
    if step != "unknown":
        anchor = _GRADES[min(max(_GRADES.index(room) + _STEPS[step], 0), worst)]
    age = draw.weighted(shares["rated_on"])
    rated_on = {
        "fresh": days_before(draw.below(_FRESH_DAYS)).isoformat(),
        "stale": draw.day(days_before(_STALE_DAYS[1]), days_before(_STALE_DAYS[0])).isoformat(),
    }
    return {"room_grade": room, "anchor_grade": anchor, "rated_on": rated_on.get(age, "")}


def _restriction(draw: Draw, shares: Mapping[str, Any]) -> Row:
    order = draw.weighted(shares["restriction"])
    if order in {"none", "unknown"}:
        return {"restriction": known(order)}
    # A closed room stays closed: its order has no end.
    term = "current_open" if order == "closed" else draw.weighted(shares["restriction_term"])
    start, until = draw.days(term, days_before(0) - timedelta(days=300))
    return {"restriction": order, "restriction_from": start, "restriction_until": until}


def videos(draw: Draw, words: Mapping[str, Any]) -> list[Row]:
    """Return videos that are neither drama nor room: no document is asked of them."""
    names, tags = Names(draw), words["tags"].split()
    fronts, backs = words["front"].split(), words["back"].split()
    return [
        {
            "id": f"v-{i + 1:04d}",
            "title": names.compose("video", fronts, backs),
            "kind": "video",
            "themes": draw.pick(tags),
        }
        for i in range(VIDEOS)
    ]
