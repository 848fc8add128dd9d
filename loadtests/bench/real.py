"""Pages whose themes, authors and utilities come from public data, under the tight law.

What the data sets do not know (licences, support, sunk and pinned ones) is drawn.
"""

import re
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from loadtests.bench.lay import IntArray
from loadtests.bench.pages import TAIL, BenchPage, Cell, Crowd, draw_crowd, under_law
from loadtests.data import RealData, Streamer, Video, read
from loadtests.pages import DATA_SETS
from loadtests.worth import FilmWorth, VideoWorth, room_worth

CELL: Final = Cell(500, 20)
_THEMES_MAX: Final = 3
_ROOM_SHARE: Final = 0.15
_YEAR: Final = re.compile(r"\((\d{4})\)\s*$")

Offered = tuple[Iterable[str], int, float]  # themes, producer, worth


class RealPages:
    """A source of pages.

    Args:
        folder: holds the data sets, see `loadtests.data`.
    """

    def __init__(self, folder: Path) -> None:
        self._data: RealData = read(folder)
        self._video_worth, self._film_worth = VideoWorth(self._data), FilmWorth(self._data)
        self._videos: list[Video] = list(self._data.videos.values())
        self._users = sorted(self._data.ratings, key=int)
        rated = self._film_worth.rated_by
        self._films, self._popularity = list(rated), list(accumulate(rated.values()))
        self._numbers: dict[str, int] = {}  # themes as numbers, in order of appearance

    def page(self, data_set: str, cell: Cell, seed: int) -> BenchPage:
        """Draw a page of a data set, one of DATA_SETS."""
        rng = np.random.default_rng([DATA_SETS.index(data_set), *cell, seed])
        random = Random(f"{data_set}:{cell}:{seed}")
        rooms = round(_ROOM_SHARE * cell.candidates)
        wanted = cell.candidates - rooms + TAIL
        source = self._kuairand if data_set == "KuaiRand" else self._movielens
        offered = source(random, wanted)
        offered += [self._room(room) for room in random.sample(self._data.streamers, rooms)]
        self._numbers = {}
        everyone = self._crowd(rng, offered)
        is_room = np.arange(len(offered)) >= wanted
        drawn = np.maximum(everyone.room, rng.integers(0, 6, len(offered)))
        everyone = everyone._replace(room=np.where(is_room, drawn, -1))
        above, crowd = (
            Crowd(*(column[part] for column in everyone))
            for part in (slice(0, TAIL), slice(TAIL, None))
        )
        utility = np.array([worth for _, _, worth in offered[TAIL:]])
        return under_law(rng, "tight", cell.slots, crowd, above, utility)

    def _crowd(self, rng: np.random.Generator, offered: list[Offered]) -> Crowd:
        themes = np.full((len(offered), _THEMES_MAX), -1)
        for row, (names, _, _) in enumerate(offered):
            for column, name in enumerate(list(dict.fromkeys(names))[:_THEMES_MAX]):
                themes[row, column] = self._numbers.setdefault(name, len(self._numbers))
        producer: IntArray = np.unique([maker for _, maker, _ in offered], return_inverse=True)[1]
        return draw_crowd(rng, len(offered), 1)._replace(themes=themes, producer=producer)

    def _kuairand(self, random: Random, wanted: int) -> list[Offered]:
        chosen = random.sample(self._videos, wanted)
        blur = random.lognormvariate
        return [
            (one.tags, int(one.author), self._video_worth(one.id) * blur(0, 0.3)) for one in chosen
        ]

    def _movielens(self, random: Random, wanted: int) -> list[Offered]:
        """Offer films a user has not rated, the popular ones more often; a year is a producer."""
        user = random.choice(self._users)
        rated, films = self._data.ratings[user], dict[str, None]()
        while len(films) < wanted:
            drawn = random.choices(self._films, cum_weights=self._popularity, k=wanted)
            films |= dict.fromkeys(film for film in drawn if film not in rated)
        found: list[Offered] = []
        for one in list(films)[:wanted]:
            film = self._data.films[one]
            year = _YEAR.search(film.title)
            found.append(
                (film.genres, int(year[1]) if year else 0, self._film_worth(user, film.id))
            )
        return found

    def _room(self, room: Streamer) -> Offered:
        return [f"room {feature}" for feature in room.features], -1 - int(room.id), room_worth(room)
