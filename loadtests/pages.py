"""Builds requests from the real data: who looks, what is offered, and the shape of the page.

A page is a dict: name, surface, terminal, slot_count, first_slot, page_token, session_id,
tail_ids, reserved (slot and id, "" for none of ours), viewer_class, personalised, ids, utilities
(float32), kinds (as declared; empty when no kinds are declared at all), follows (it continues
the page before it; see `follow`) and above (for the judge: what stood above, nearest last).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from random import Random
from typing import Any, Final, TypeAlias

import numpy as np

from loadtests.data import RealData
from loadtests.seeding import Registry, film_id, room_id
from loadtests.worth import FilmWorth, VideoWorth, room_worth

Page: TypeAlias = dict[str, Any]
Offer: TypeAlias = list[tuple[str, float]]
Source: TypeAlias = Callable[[Random, int, int], Offer]

DATA_SETS: Final = ("KuaiRand", "MovieLens")
CANDIDATES: Final = (12, 20, 50, 100, 300)
SLOTS: Final = {(5, 20): 95, (2, 4): 5}  # a carousel is shorter than a window
SURFACES: Final = {
    "home": 45, "theatre": 15, "live": 12, "search": 10, "hot-list": 5, "next-play": 5,
    "premium": 3, "minors": 3, "hot-search": 2,
}  # fmt: skip
TERMINALS: Final = {"phone": 45, "tablet": 15, "web": 15, "tv": 15, "watch": 5, "": 5}
KEPT_MAX: Final = 150  # candidates a follow-up page takes over
_SCALES: Final = {1.0: 80, 1e-4: 10, 1e5: 10}  # utilities may be in any unit


class Pages:
    """A source of pages.

    Args:
        data: what was read.
        registry: the facts, for the kinds a caller declares.
        seed: of all draws.
    """

    def __init__(self, data: RealData, registry: Registry, seed: int) -> None:
        self._data = data
        self._registry = registry
        self._seed = seed
        self._video_worth, self._film_worth = VideoWorth(data), FilmWorth(data)
        self._videos = list(data.videos)
        self._users = sorted(data.ratings, key=int)
        rated = self._film_worth.rated_by
        self._films, self._popularity = list(rated), list(accumulate(rated.values()))
        self._history: defaultdict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(data.feedback):
            self._history[one.user].append(place)
        self._by_author: defaultdict[str, list[str]] = defaultdict(list)
        for video in data.videos.values():
            self._by_author[video.author].append(video.id)

    def build(self, data_set: str, count: int) -> Iterator[Page]:
        """Yield `count` pages of a data set; the same ones for the same seed and count."""
        source: Source = self._kuairand if data_set == "KuaiRand" else self._movielens
        for number in range(count):
            draw = Random(f"{self._seed}:{data_set}:{number}")
            page = _shape(draw, f"{data_set}-{number}")
            page["follows"] = number > 0 and draw.random() < 0.15
            wanted = draw.choice(CANDIDATES)
            place = number * len(self._data.feedback) // count
            offer = dict(self._with_rooms(draw, page["surface"], wanted, place, source))
            page["ids"] = draw.sample(list(offer), len(offer))
            page["utilities"] = _utilities(draw, [offer[one] for one in page["ids"]])
            page["kinds"] = self._kinds(draw, page["ids"])
            self._surround(draw, page, source, place)
            yield page

    def _with_rooms(
        self, draw: Random, surface: str, wanted: int, place: int, source: Source
    ) -> Offer:
        """Offer what the data set has, with live rooms: most of a live page, some of others."""
        if surface == "live":
            share = draw.uniform(0.6, 1.0)
        else:
            share = draw.uniform(0.02, 0.2) if draw.random() < 0.3 else 0.0
        rooms = draw.sample(self._data.streamers, min(round(share * wanted), wanted - 1))
        offer = [(room_id(room.id), room_worth(room)) for room in rooms]
        return offer + source(draw, wanted - len(offer), place)

    def _kuairand(self, draw: Random, wanted: int, place: int) -> Offer:
        """Offer what the user of a moment saw next, and videos of the catalogue."""
        history = self._history[self._data.feedback[place].user]
        later = history[bisect_right(history, place) - 1 :]
        seen = [self._data.feedback[one].video for one in later[: max(1, wanted // 6)]]
        catalogue = draw.sample(self._videos, wanted)
        if draw.random() < 0.25:  # an author the user follows
            authors = [self._data.videos[one].author for one in catalogue[:3]]
            catalogue = [video for a in authors for video in self._by_author[a]] + catalogue
        ids = list(dict.fromkeys(seen + catalogue))[:wanted]
        return [(one, self._video_worth(one) * draw.lognormvariate(0, 0.3)) for one in ids]

    def _movielens(self, draw: Random, wanted: int, place: int) -> Offer:
        """Offer films that a user has not rated, the popular ones more often."""
        user = self._users[place % len(self._users)]
        rated, films = self._data.ratings[user], dict[str, None]()
        while len(films) < wanted:
            for film in draw.choices(self._films, cum_weights=self._popularity, k=wanted):
                if film not in rated:
                    films[film] = None
        chosen = list(films)[:wanted]
        return [(film_id(film), self._film_worth(user, film)) for film in chosen]

    def _kinds(self, draw: Random, ids: list[str]) -> list[str]:
        """Declare kinds as callers do: mostly right, sometimes wrong or not at all."""
        if draw.random() < 0.1:
            return []
        return [self._kind(draw, one) for one in ids]

    def _kind(self, draw: Random, one: str) -> str:
        row = self._registry.subjects.get(self._registry.clips.get(one, one))
        if draw.random() < (0.1 if row else 0.5):
            return draw.choice(("", "drama", "room", "video"))
        return row["kind"] if row else "video"

    def _surround(self, draw: Random, page: Page, source: Source, place: int) -> None:
        """Put ids into the tail and into reserved slots of some pages."""
        if draw.random() < 0.25:
            page["tail_ids"] = self._strangers(draw, page, source, place, draw.randint(1, 12))
        if draw.random() < 0.25:
            count = min(draw.randint(1, 3), page["slot_count"] - 1)
            slots = sorted(draw.sample(range(page["slot_count"]), count))
            ids = self._strangers(draw, page, source, place, count)
            page["reserved"] = [
                (slot, one if draw.random() < 0.6 else "")
                for slot, one in zip(slots, ids, strict=False)
            ]

    def _strangers(
        self, draw: Random, page: Page, source: Source, place: int, count: int
    ) -> list[str]:
        offer = self._with_rooms(draw, page["surface"], 3 * count + 6, place, source)
        taken = {*page["ids"], *page["tail_ids"]}
        strangers = [one for one, _ in offer if one not in taken]
        return draw.sample(strangers, min(count, len(strangers)))


def follow(page: Page, before: Page, shown: list[str], token: str) -> Page:
    """Make a page continue another: the same reader further down, what is left and more.

    Args:
        page: as built.
        before: the request of the page before.
        shown: id of each slot of the page before, "" for none of ours.
        token: its page token.
    """
    is_proved = bool(before["page_token"])
    above = [*(before["above"] if is_proved else before["tail_ids"]), *shown]
    used = set(above)
    offer = {}
    for source, most in ((before, KEPT_MAX), (page, len(page["ids"]))):
        kinds = source["kinds"] or [""] * len(source["ids"])
        rows = zip(source["ids"], source["utilities"], kinds, strict=True)
        left = [row for row in rows if row[0] not in used][:most]
        offer.update({one: (worth, kind) for one, worth, kind in left})
    return page | {
        "surface": before["surface"],
        "terminal": before["terminal"],
        "session_id": before["session_id"],
        "first_slot": before["first_slot"] * is_proved + before["slot_count"],
        "page_token": token,
        "tail_ids": [],
        "reserved": [(slot, one if one not in offer else "") for slot, one in page["reserved"]],
        "above": above,
        "ids": list(offer),
        "utilities": [worth for worth, _ in offer.values()],
        "kinds": [kind for _, kind in offer.values()],
    }


def _shape(draw: Random, name: str) -> Page:
    """Draw the shape of a page; 3 in 100 claim to be further down without a token."""
    return {
        "name": name,
        "surface": draw.choices(list(SURFACES), list(SURFACES.values()))[0],
        "terminal": draw.choices(list(TERMINALS), list(TERMINALS.values()))[0],
        "slot_count": draw.randint(*draw.choices(list(SLOTS), list(SLOTS.values()))[0]),
        "first_slot": draw.choice((5, 12)) if draw.random() < 0.03 else 0,
        "page_token": "",
        "session_id": f"session of {name}",
        "tail_ids": [],
        "reserved": [],
        "viewer_class": draw.choice(("", "unknown", "adult", "minor")),
        "personalised": draw.choice((None, True, False)),
        "above": [],
    }


def _utilities(draw: Random, worths: list[float]) -> list[float]:
    """Scale worths into some unit as float32; on 1 page in 4 they are coarse, so some tie."""
    scale = draw.choices(list(_SCALES), list(_SCALES.values()))[0]
    coarse = draw.random() < 0.25
    values = [round(2 * worth) / 2 if coarse else worth for worth in worths]
    return [float(np.float32(scale * value)) for value in values]
