"""Simple statistics of the data sets that stand in for a recommender's utilities."""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import Final

from loadtests.data import RealData, Streamer, Video

_PRIOR: Final = 5.0  # observations that the overall mean is worth
_SECONDS_MAX: Final = 60.0  # a longer video is worth no more
_ROOM_WORTH_MAX: Final = 6.0


def shrunk(values: Iterable[float], overall: float) -> float:
    """Return the mean of a few values, drawn to the overall mean."""
    held = list(values)
    return (sum(held) + _PRIOR * overall) / (len(held) + _PRIOR)


class VideoWorth:
    """Expected worth of KuaiRand videos: their share of long views, weighed by their length.

    A video of the feedback has a share of its own; one of the catalogue has that of its first tag.

    Args:
        data: what was read.
    """

    def __init__(self, data: RealData) -> None:
        by_video: defaultdict[str, list[float]] = defaultdict(list)
        by_tag: defaultdict[str, list[float]] = defaultdict(list)
        for one in data.feedback:
            by_video[one.video].append(one.is_long_view)
            known = data.videos.get(one.video)
            for tag in known.tags[:1] if known else ():
                by_tag[tag].append(one.is_long_view)
        self._overall = fmean(one.is_long_view for one in data.feedback)
        self._video = {v: shrunk(seen, self._overall) for v, seen in by_video.items()}
        self._tag = {tag: shrunk(seen, self._overall) for tag, seen in by_tag.items()}
        self._catalogue = data.videos

    def __call__(self, video: str) -> float:
        """Return the worth of a video, in no unit, 0 or more."""
        known: Video | None = self._catalogue.get(video)
        share = self._video.get(video)
        if share is None:
            tag = known.tags[0] if known and known.tags else ""
            share = self._tag.get(tag, self._overall)
        seconds = known.seconds if known else _SECONDS_MAX / 2
        return share * (1 + min(seconds, _SECONDS_MAX) / 10)


class FilmWorth:
    """Expected worth of films to a user: the film's mean of stars, and the user's taste.

    Args:
        data: what was read.
    """

    def __init__(self, data: RealData) -> None:
        stars: defaultdict[str, list[float]] = defaultdict(list)
        for rated in data.ratings.values():
            for film, given in rated.items():
                stars[film].append(given)
        overall = fmean(given for held in stars.values() for given in held)
        self._mean = {film: shrunk(stars[film], overall) for film in data.films}
        self._films = data.films
        self._ratings = data.ratings
        self._taste: dict[str, dict[str, float]] = {}
        self.rated_by = {film: len(stars[film]) for film in data.films if stars[film]}

    def __call__(self, user: str, film: str) -> float:
        """Return the stars we expect, 0 or more."""
        taste = self._taste.get(user)
        if taste is None:
            taste = self._taste[user] = self._genres(user)
        liked = [taste.get(genre, 0.0) for genre in self._films[film].genres]
        return max(self._mean[film] + (fmean(liked) if liked else 0.0), 0.0)

    def _genres(self, user: str) -> dict[str, float]:
        """Return by how much a user rates each genre above the films' means."""
        above: defaultdict[str, list[float]] = defaultdict(list)
        for film, given in self._ratings[user].items():
            for genre in self._films[film].genres:
                above[genre].append(given - self._mean[film])
        return {genre: shrunk(values, 0.0) for genre, values in above.items()}


def room_worth(room: Streamer) -> float:
    """Return the worth of a live room: the logarithm of its views, 0 to about 6."""
    return _ROOM_WORTH_MAX * math.log1p(room.views) / math.log1p(2e8)
