"""Reads the public data sets that real pages are built from.

KuaiRand (short video), MovieLens latest-small (films) and Twitch streamers (live rooms). Their
licences allow tests and research; nothing of them is shipped.
"""

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDERS: Final = ("kuairand-pure", "movielens-latest-small", "twitch-streamers")
THEMES_MAX: Final = 12  # LIMIT: themes a row of facts may have
ROOM_THEMES: Final = 3  # of the 14 to 26 features a streamer has
_TOO_COMMON: Final = 0.1  # share of streamers above which a feature tells nothing


@dataclass(frozen=True, slots=True)
class Video:
    """One short video of the catalogue.

    Attributes:
        id: number as text.
        author: number of its author, as text.
        tags: numeric categories as text; may be empty.
        seconds: its length, 0 when unknown.
        is_normal: neither an advertisement nor of unknown type.
    """

    id: str
    author: str
    tags: tuple[str, ...]
    seconds: float
    is_normal: bool


@dataclass(frozen=True, slots=True)
class Feedback:
    """One video that a user liked or hated, in order of time.

    Attributes:
        user, video: numbers as text; most videos are not in the catalogue.
        time_ms: when, milliseconds since 1970.
        is_long_view: watched for long.
    """

    user: str
    video: str
    time_ms: int
    is_long_view: bool


@dataclass(frozen=True, slots=True)
class Film:
    """One film.

    Attributes:
        id: number as text.
        title: with the year.
        genres: may be empty.
        tags: free text in small letters, the most used first.
    """

    id: str
    title: str
    genres: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Streamer:
    """One live room.

    Attributes:
        id: pseudonymous number as text.
        views: of the channel so far.
        is_mature: the streamer's own flag; here it stands in for a poor rating.
        features: the first few that not everybody has, as text.
    """

    id: str
    views: int
    is_mature: bool
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RealData:
    """All that is read.

    Attributes:
        videos: by id.
        feedback: in order of time.
        films: by id.
        ratings: user → film id → stars, 0.5 to 5.
        streamers: in file order.
    """

    videos: dict[str, Video]
    feedback: list[Feedback]
    films: dict[str, Film]
    ratings: dict[str, dict[str, float]]
    streamers: list[Streamer]


def missing(folder: Path) -> list[str]:
    """List the data sets that a folder lacks."""
    return [name for name in FOLDERS if not (folder / name).is_dir()]


def read(folder: Path) -> RealData:
    """Read everything.

    Args:
        folder: holds the three data sets, one folder each.
    """
    kuairand, movielens, twitch = (folder / name for name in FOLDERS)
    return RealData(
        videos=_videos(kuairand / "video_features_basic_pure.csv.gz"),
        feedback=_feedback(kuairand / "explicit_feedback_27k_kcore15_to_20220418.tsv.gz"),
        films=_films(movielens / "movies.csv.gz", movielens / "tags.csv.gz"),
        ratings=_ratings(movielens / "ratings.csv.gz"),
        streamers=_streamers(twitch / "TW_target.csv.gz", twitch / "TW_features.json.gz"),
    )


def _rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    with gzip.open(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        yield from csv.DictReader(text, delimiter=delimiter)


def _videos(path: Path) -> dict[str, Video]:
    return {
        row["video_id"]: Video(
            id=row["video_id"],
            author=row["author_id"],
            tags=tuple(filter(None, row["tag"].split(","))),
            seconds=float(row["video_duration"] or 0) / 1000,
            is_normal=row["video_type"] == "NORMAL",
        )
        for row in _rows(path)
    }


def _feedback(path: Path) -> list[Feedback]:
    found = [
        Feedback(row["user_id"], row["video_id"], int(row["time_ms"]), row["long_view"] == "1")
        for row in _rows(path, "\t")
    ]
    return sorted(found, key=lambda one: (one.time_ms, one.user, one.video))


def _films(movies: Path, tags: Path) -> dict[str, Film]:
    used: dict[str, Counter[str]] = {}
    for row in _rows(tags):
        words = " ".join(row["tag"].lower().replace("|", " ").split())
        if words:
            used.setdefault(row["movieId"], Counter())[words] += 1
    films = {}
    for row in _rows(movies):
        genres = tuple(g for g in row["genres"].split("|") if not g.startswith("("))
        counts = used.get(row["movieId"], Counter())
        common = sorted(counts, key=lambda tag: (-counts[tag], tag))
        free = tuple(common[: THEMES_MAX - len(genres)])
        films[row["movieId"]] = Film(row["movieId"], row["title"], genres, free)
    return films


def _ratings(path: Path) -> dict[str, dict[str, float]]:
    ratings: dict[str, dict[str, float]] = {}
    for row in _rows(path):
        ratings.setdefault(row["userId"], {})[row["movieId"]] = float(row["rating"])
    return ratings


def _streamers(targets: Path, features: Path) -> list[Streamer]:
    with gzip.open(features) as stream:
        numbers: dict[str, list[int]] = json.load(stream)
    frequency = Counter(number for held in numbers.values() for number in set(held))
    common = _TOO_COMMON * len(numbers)
    found = []
    for row in _rows(targets):
        held = dict.fromkeys(numbers.get(row["new_id"], []))
        telling = [str(number) for number in held if frequency[number] <= common]
        found.append(
            Streamer(
                id=row["new_id"],
                views=int(row["views"]),
                is_mature=row["mature"] == "True",
                features=tuple(telling[:ROOM_THEMES]),
            )
        )
    return found
