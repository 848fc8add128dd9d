"""Assigns the facts that no public data set has, by a stated, seeded rule.

Each subject draws from a generator seeded by (seed, its id), so its facts depend on nothing else.

Films (ids `m-…`) and KuaiRand videos (numbers):
    An advertisement is a video; of the rest 85 in 100 are dramas, 11 videos, and 4 stand in no
    register at all. Shares of documents, states and lists are the tables below. An interval is
    open, running, ends today, begins today, ended yesterday or begins tomorrow.
    Themes of a film: genres and free tags, at most 12. Of a KuaiRand video: its tags and its
    author; without tags none. A free tag spelt like a genre is an alias of the genre.
Clips:
    30 in 100 of the videos of the feedback that the catalogue lacks are clips of a drama of the
    catalogue; the others stay unregistered.
Papers and flags of dramas and rooms: the tables `PAPERS` and `ROOM_PAPERS`, each by itself.
Live rooms (ids `tw-…`):
    A mature channel draws the poor grades of `_GRADES`; the anchor's grade is the room's or a
    neighbour. Ratings are 0 to 120 days old, 90 and 91 among them. Orders run as intervals do.
    Themes: three features of the channel, none for 5 in 100.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, TypeAlias

from loadtests.data import THEMES_MAX, Film, RealData, Streamer, Video

Row: TypeAlias = dict[str, str]
Shares: TypeAlias = Mapping[str, int]

PAPERS: Final[dict[str, Shares]] = {
    "title_card": {"yes": 960, "no": 20, "": 20},
    "form": {"live_action": 800, "animated": 180, "": 20},
    "episode_s_min": {"90": 960, "1000": 15, "1500": 10, "": 15},
    "special_subjects": {"none": 960, "police": 12, "military|major": 8, "": 20},
    "co_review": {"no": 700, "yes": 280, "": 20},
    "uploader": {"organisation": 900, "individual": 85, "": 15},
    "platform_review": {"yes": 970, "no": 15, "": 15},
    "version": {"approved": 970, "changed": 15, "": 15},
    "rerun": {"no": 940, "yes": 50, "": 10},
    "access": {"free": 720, "paid": 220, "member_first": 45, "": 15},
    "main_push": {"no": 945, "yes": 40, "": 15},
    "watch": {
        "none": 945,
        "tycoon_title": 25,
        "vulgar_title|absurd": 10,
        "child_tycoon": 5,
        "": 15,
    },
    "minor_impact": {"none": 960, "values": 15, "conduct|image": 10, "": 15},
    "minors_pool": {"no": 820, "yes": 150, "": 30},
    "human_review": {"no": 500, "yes": 400, "": 100},
    "quality_grade": {"a": 60, "b": 270, "c": 420, "d": 30, "": 220},
    "account_grade": {"a": 200, "b": 500, "c": 240, "d": 25, "e": 5, "": 30},
}
"""Papers and flags of dramas."""
ROOM_PAPERS: Final[dict[str, Shares]] = {
    "room_quality": {"a": 220, "b": 430, "c": 250, "d": 40, "": 60},
    "anchor_quality": {"a": 220, "b": 430, "c": 250, "d": 40, "": 60},
    "category": {"games": 700, "music": 120, "commerce": 120, "none": 30, "": 30},
    "category_review": {"yes": 960, "no": 20, "": 20},
    "out_of_scope": {"no": 965, "yes": 20, "": 15},
    "operator_grade": {"a": 300, "b": 450, "c": 150, "d": 40, "e": 20, "": 40},
    "advance_report": {"not_owed": 940, "in_time": 25, "late": 10, "missing": 10, "": 15},
    "monitoring": {"not_owed": 900, "attached": 65, "missing": 20, "": 15},
    "score_basis": {"mixed": 965, "tips_only": 20, "": 15},
    "metric_fraud": {"no": 975, "yes": 10, "": 15},
    "minor_impact": {"none": 955, "conduct": 30, "": 15},
    "human_review": {"no": 500, "yes": 450, "": 50},
    "minors_pool": {"no": 1000},
    "account_grade": {"a": 300, "b": 500, "d": 150, "": 50},
}
"""Papers and flags of live rooms."""
COLUMNS: Final = (
    "id", "title", "kind", "document", "document_number", "document_status", "document_from",
    "document_until",
    "recheck", "support", "support_from", "support_until", "plan", "plan_listed_on", "room_grade",
    "anchor_grade", "rated_on", "restriction", "restriction_from", "restriction_until", "themes",
    "investment_cny", "filed_on", "ai_generated", "ai_label", "provider_until", "reviewed_on",
    "merchant", "qualified_until",
    "series", "provider", "duplicate", *dict.fromkeys((*PAPERS, *ROOM_PAPERS)),
)  # fmt: skip
NUMBERS: Final = {  # made up; only their form and their issuer count
    "licence": "（京）网微剧审字（2026）第99000001号",
    "bureau_filing": "（京）网微剧备字（2026）第99000001号",
    "platform_filing": "（样例）网微剧备字（2026）第99000001号",
}
FOREIGN: Final = "（甲平台）网微剧备字（2026）第99000001号"
CONTRADICTORY: Final = "（样例）网微剧审字（2026）第99000001号"
NOWHERE: Final = "nowhere"  # the kind of a subject that is not written down
KINDS: Final[Shares] = {"drama": 85, "video": 11, NOWHERE: 4}
_DOCUMENTS: Final[Shares] = {
    "licence": 66, "bureau_filing": 12, "platform_filing": 12, "none": 5, "": 5,
}  # fmt: skip
_STATUSES: Final[Shares] = {"verified": 82, "claimed": 11, "revoked": 4, "": 3}
_RECHECKS: Final[Shares] = {"passed": 84, "pending": 5, "refused": 4, "none": 4, "": 3}
_SUPPORTS: Final[Shares] = {"": 70, "none": 15, "provincial": 9, "national": 6}
_PLANS: Final[Shares] = {
    "": 78, "none": 10, "travel": 2, "law": 2, "brand": 2, "classics": 2, "science": 2,
    "heritage": 2,
}  # fmt: skip
_GRADES: Final[Mapping[bool, Shares]] = {
    False: {"a": 45, "b": 30, "c": 14, "d": 4, "e": 2, "": 5},
    True: {"a": 15, "b": 25, "c": 30, "d": 15, "e": 9, "": 6},
}
_ORDERS: Final[Shares] = {"": 60, "none": 26, "rectify": 4, "sink": 4, "stop": 4, "closed": 2}
_TERMS: Final[Shares] = {
    "open": 60, "running": 22, "ends today": 5, "begins today": 5, "ended": 4, "to come": 4,
}  # fmt: skip
_SCALE: Final = ("a", "b", "c", "d", "e")
_CLIPS_IN_100: Final = 30


@dataclass(frozen=True, slots=True)
class Registry:
    """What is imported.

    Attributes:
        subjects: id → row of text.
        clips: candidate id → subject id.
        aliases: tag → theme.
    """

    subjects: dict[str, Row]
    clips: dict[str, str]
    aliases: dict[str, str]

    def files(self) -> dict[str, bytes]:
        """Return the CSV files: name → content, in the order of their import."""
        subjects = ([row.get(name, "") for name in COLUMNS] for row in self.subjects.values())
        return {
            "subjects.csv": _csv(COLUMNS, subjects),
            "candidates.csv": _csv(("candidate_id", "subject_id"), self.clips.items()),
            "aliases.csv": _csv(("tag", "theme"), self.aliases.items()),
        }


def film_id(number: str) -> str:
    """Return the candidate id of a film."""
    return f"m-{number}"


def room_id(number: str) -> str:
    """Return the candidate id of a live room."""
    return f"tw-{number}"


def register(data: RealData, seed: int, today: date) -> Registry:
    """Assign facts to everything.

    Args:
        data: what was read.
        seed: of all draws.
        today: in Asia/Shanghai; intervals and ratings are laid around it.
    """
    rows = [_drama(_video(one), one.is_normal, seed, today) for one in data.videos.values()]
    rows += [_drama(_film(one), True, seed, today) for one in data.films.values()]
    rows += [_room(one, seed, today) for one in data.streamers]
    subjects = {row["id"]: row for row in rows if row["kind"] != NOWHERE}
    genres = sorted({genre for film in data.films.values() for genre in film.genres})
    free = {tag for film in data.films.values() for tag in film.tags}
    aliases = {genre.lower(): genre for genre in genres if genre.lower() in free}
    return Registry(subjects, _clips(data, subjects, seed), aliases)


def _video(one: Video) -> Row:
    themes = [f"tag {tag}" for tag in one.tags]
    themes += [f"author {one.author}"] if themes else []
    return {"id": one.id, "title": f"Video {one.id}", "themes": "|".join(themes)}


def _film(one: Film) -> Row:
    themes = [*one.genres, *one.tags][:THEMES_MAX]
    return {"id": film_id(one.id), "title": one.title, "themes": "|".join(themes)}


def _drama(row: Row, may_be_drama: bool, seed: int, today: date) -> Row:
    draw = Random(f"{seed}:{row['id']}")
    row["kind"] = _draw(draw, KINDS) if may_be_drama else "video"
    if row["kind"] == "video":
        return row | {"minor_impact": _draw(draw, {"none": 93, "values": 2, "": 5})}
    row["document"] = _draw(draw, _DOCUMENTS)
    row["document_status"] = _draw(draw, _STATUSES)
    row["document_number"] = NUMBERS.get(row["document"], "")
    if row["document"] == "platform_filing" and draw.random() < 0.15:
        row["document_number"] = FOREIGN
    elif row["document_number"] and draw.random() < 0.02:
        row["document_number"] = CONTRADICTORY
    if row["document_status"] == "claimed" and not row["document_number"]:
        row["document_status"] = ""  # an import takes no claim without a number
    row |= _interval(draw, "document", today)
    row["recheck"] = _draw(draw, _RECHECKS)
    row["support"] = _draw(draw, _SUPPORTS)
    row |= _interval(draw, "support", today)
    row["plan"] = _draw(draw, _PLANS)
    listed = {"": 30, "0": 10, "-1": 10, "200": 50}  # days before today
    ago = _draw(draw, listed)
    row["plan_listed_on"] = _day(today, -int(ago)) if ago else ""
    return row | _papers(row["document"], draw, today)


def _papers(document: str, draw: Random, today: date) -> Row:
    """Draw the papers of a drama; its money fits its document but for 3 in 100."""
    row = {name: _draw(draw, shares) for name, shares in PAPERS.items()}
    row |= {"series": f"series {draw.randrange(400)}" if draw.random() < 0.9 else ""}
    row |= {"provider": f"provider {draw.randrange(60)}" if draw.random() < 0.95 else ""}
    row |= {"duplicate": f"work {draw.randrange(200)}" if draw.random() < 0.1 else ""}
    fits = {"licence": 700_000, "bureau_filing": 200_000}.get(document, 50_000)
    money = fits * draw.choices((1, 40), (97, 3))[0]
    row["investment_cny"] = str(money) if draw.random() < 0.98 else ""
    filed = _draw(draw, {"-1000": 20, "-400": 40, "-200": 25, "-30": 10, "": 5})
    row["filed_on"] = _day(today, int(filed)) if filed else ""
    row["ai_generated"] = _draw(draw, {"no": 88, "yes": 7, "possible": 1, "suspected": 2, "": 2})
    if row["ai_generated"] == "no":
        row["ai_label"] = "none"
    else:
        row["ai_label"] = _draw(draw, {"all": 90, "some": 5, "none": 3, "": 2})
    ends = _draw(draw, {"900": 96, "0": 1, "-1": 1, "": 2})
    row["provider_until"] = _day(today, int(ends)) if ends else ""
    reviewed = _draw(draw, {"-20": 60, "-365": 15, "-366": 15, "1": 5, "": 5})
    row["reviewed_on"] = _day(today, int(reviewed)) if reviewed else ""
    return row


def _room(one: Streamer, seed: int, today: date) -> Row:
    row = {"id": room_id(one.id), "title": f"Room {one.id}", "kind": "room"}
    draw = Random(f"{seed}:{row['id']}")
    row["room_grade"] = _draw(draw, _GRADES[one.is_mature])
    if row["room_grade"] and draw.random() < 0.97:
        step = draw.choice((-1, 0, 0, 0, 1))
        place = min(max(_SCALE.index(row["room_grade"]) + step, 0), len(_SCALE) - 1)
        row["anchor_grade"] = _SCALE[place]
    age = draw.choices((draw.randrange(90), 90, 91, draw.randrange(92, 121)), (86, 5, 5, 4))[0]
    row["rated_on"] = _day(today, -age) if draw.random() < 0.97 else ""
    row["restriction"] = _draw(draw, _ORDERS)
    row |= _interval(draw, "restriction", today)
    row["themes"] = "|".join(f"game {f}" for f in one.features) if draw.random() < 0.95 else ""
    row |= {name: _draw(draw, shares) for name, shares in ROOM_PAPERS.items()}
    sells = {"verified": 88, "unverified": 8, "": 4}
    row["merchant"] = "no_commerce" if row["category"] != "commerce" else _draw(draw, sells)
    ends = _draw(draw, {"400": 90, "0": 3, "-1": 4, "": 3})
    row["qualified_until"] = _day(today, int(ends)) if ends else ""
    return row


def _clips(data: RealData, subjects: Mapping[str, Row], seed: int) -> dict[str, str]:
    dramas = [v for v in data.videos if subjects.get(v, {}).get("kind") == "drama"]
    clips = {}
    for video in sorted({one.video for one in data.feedback} - data.videos.keys()):
        draw = Random(f"{seed}:clip {video}")
        if draw.randrange(100) < _CLIPS_IN_100:
            clips[video] = draw.choice(dramas)
    return clips


def _draw(draw: Random, shares: Shares) -> str:
    return draw.choices(tuple(shares), tuple(shares.values()))[0]


def _day(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def _interval(draw: Random, what: str, today: date) -> Row:
    """Draw the days of a fact; the last day is inclusive."""
    long_ago, far = -draw.randrange(30, 900), draw.randrange(30, 900)
    first, last = {
        "open": (None, None),
        "running": (long_ago, far),
        "ends today": (long_ago, 0),
        "begins today": (0, None),
        "ended": (None, -1),
        "to come": (1, far),
    }[_draw(draw, _TERMS)]
    return {
        f"{what}_from": "" if first is None else _day(today, first),
        f"{what}_until": "" if last is None else _day(today, last),
    }


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue().encode()
