"""Clip ids of the sample catalogue, and a request that shows what the service does with them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.catalogue.dramas import FIRST_GENERATED_ID
from training.catalogue.draw import REFERENCE_DAY, Draw, Row, days_before
from training.catalogue.papers import GOOD

_CLIPS: Final = {"one": 1, "two": 2, "three": 3}
_FRESH_DAYS: Final = 60
_UTILITY_STEP: Final = 0.001
_NOT_COLUMNS: Final = ("at", "again_at", "theme", "tag", "clips", "declared", "kind")
_NOTHING: Final = (None, "", "none")


def clips(dramas: Sequence[Row], draw: Draw, shares: Mapping[str, Any]) -> dict[str, str]:
    """Give about half of the dramas clips, as recommenders know them.

    Returns:
        Clip id → subject id. Most ids have 19 digits like those of the large platforms.
    """
    found: dict[str, str] = {}
    for row in dramas:
        if not draw.chance(shares["clip_ids"]["has_any"]):
            continue
        for _ in range(_CLIPS[draw.weighted(shares["clips"])]):
            clip = ""
            while not clip or clip in found:
                if draw.chance(shares["clip_ids"]["short"]):
                    clip = str(10**6 + draw.below(10**8))
                else:
                    clip = f"7{draw.below(10**9):09d}{draw.below(10**9):09d}"
            found[clip] = row["id"]
    return found


class Page:
    """Fills the example request from the script home.toml, then with ordinary candidates.

    Args:
        subjects: rows of the catalogue.
        aliases: tag → canonical theme.
        clip_ids: clip id → subject id.
        room_utilities: utility of each live room, by id.
        draw: source of chance.
    """

    def __init__(
        self,
        subjects: Sequence[Row],
        aliases: Mapping[str, str],
        clip_ids: Mapping[str, str],
        room_utilities: Mapping[str, float],
        draw: Draw,
    ) -> None:
        self._subjects, self._aliases, self._draw = subjects, aliases, draw
        self._room_utilities = room_utilities
        self._clips: dict[str, list[str]] = {}
        for clip, subject in clip_ids.items():
            self._clips.setdefault(subject, []).append(clip)
        self._used: set[str] = set()
        self._chosen: list[tuple[float, str, str]] = []

    def fill(self, script: Mapping[str, Any]) -> bytes:
        """Return the request as JSON, one candidate a line, best first."""
        for place in script["place"]:
            self._place(place)
        self._ordinary(script)
        self._chosen.sort(key=lambda entry: -entry[0])
        lines, utility = [], self._chosen[0][0] + _UTILITY_STEP
        for wanted, key, kind in self._chosen:
            utility = round(min(wanted, utility - _UTILITY_STEP), 3)  # no two alike
            entry = {"id": key, "utility": utility, "kind": kind}
            lines.append("    " + json.dumps(entry, ensure_ascii=False))
        head = {name: script[name] for name in ("surface", "terminal", "slot_count")}
        text = json.dumps(head, indent=2)[:-2] + ',\n  "candidates": [\n'
        return (text + ",\n".join(lines) + "\n  ]\n}\n").encode()

    def _place(self, place: Mapping[str, Any]) -> None:
        """Put what fits one place of the script; a place that nothing fits is left out."""
        if "unregistered" in place:
            self._chosen.append((place["at"], place["unregistered"], place["declared"]))
            return
        fitting = [r for r in self._subjects if r["id"] not in self._used and self._fits(r, place)]
        if not fitting:
            return
        row = min(fitting, key=lambda r: self._distance(r, place["at"]))
        for key in ("at", "again_at"):
            if key in place:
                self._add(row, place[key], place.get("declared", ""))

    def _distance(self, row: Row, utility: float) -> float:
        """Tell how far a room is from the utility wanted; nothing else has one of its own."""
        return abs(self._room_utilities.get(row["id"], utility) - utility)

    def _fits(self, row: Row, place: Mapping[str, Any]) -> bool:
        if "id" in place:
            return bool(row["id"] == place["id"])
        if place.get("kind", "drama") != row["kind"] or _is_real(row):
            return False
        tag = row.get("themes", "").split("|")[0]
        wanted = {"tag": tag, "theme": self._aliases.get(tag, tag)}
        if any(place.get(key, value) != value for key, value in wanted.items()):
            return False
        if len(self._clips.get(row["id"], ())) < place.get("clips", 0):
            return False
        if any(row.get(name) not in _NOTHING for name in ("plan", "support") if name not in place):
            return False
        columns = [name for name in place if name not in _NOT_COLUMNS]
        in_order = GOOD[row["kind"]].items()
        if any(row.get(name, "") not in good for name, good in in_order if name not in place):
            return False
        return all(_matches(row.get(name, ""), place[name]) for name in columns)

    def _ordinary(self, script: Mapping[str, Any]) -> None:
        """Fill the rest of the page: kinds in the numbers the script states, utilities falling."""
        left = script["count"] - len(self._chosen)
        rest = self._draw.shuffled(r for r in self._subjects if r["id"] not in self._used)
        real = [r for r in rest if _is_real(r) and r.get("support")]
        made = [r for r in rest if r["kind"] == "drama" and not _is_real(r)]
        videos = [r for r in rest if r["kind"] == "video"][: script["videos"]]
        picked = real[: script["real_titles"]] + videos
        picked += [r for r in rest if r["kind"] == "room"][: script["rooms"]]
        picked += made[: left - len(picked)]
        top, bottom = script["utility_top"], script["utility_bottom"]
        for i, row in enumerate(self._draw.shuffled(picked)):
            self._add(row, round(top - (top - bottom) * i / max(left - 1, 1), 3), "")

    def _add(self, row: Row, utility: float, declared: str) -> None:
        """Offer a row under one of its clip ids not offered yet, else under its own id."""
        waiting = self._clips.get(row["id"], [])
        key = waiting.pop(0) if waiting else row["id"]
        self._used.add(row["id"])
        utility = self._room_utilities.get(row["id"], utility)
        self._chosen.append((utility, key, declared or row["kind"]))


def _is_real(row: Row) -> bool:
    return row["kind"] == "drama" and int(row["id"][2:]) < FIRST_GENERATED_ID


def _matches(cell: str, wanted: Any) -> bool:
    today, fresh = REFERENCE_DAY.isoformat(), days_before(_FRESH_DAYS).isoformat()
    if wanted == "past":
        return "" < cell < today
    if wanted == "fresh":
        return cell >= fresh
    if wanted == "stale":
        return "" < cell < fresh
    return bool(cell == wanted)
