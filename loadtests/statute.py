"""What the judge goes by: the facts and the policy as they stand in their files, as text.

It shares no code with the product.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

Rule: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Mapping[str, str]

NO_THEME: Final = ""
"""The group of all that have no theme."""
_AGEING: Final = frozenset(
    (
        *("document", "document_status", "recheck", "support", "plan", "room_grade"),
        *("anchor_grade", "provider_until", "merchant", "qualified_until", "operator_grade"),
        *("quality_grade", "account_grade", "room_quality", "anchor_quality"),
    )
)  # facts that count as unknown when the reply says the facts are too old
_BUREAUS: Final = frozenset(
    (*"京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川蜀黔贵滇云藏陕秦甘陇青宁新", "总局")
)  # whose numbers are licences and filings of a bureau; all others are of platforms
_NUMBER: Final = re.compile(
    "（(.{1,12})）网(微剧|剧|影|动画)([审备])字（20[0-9]{2}）第[0-9]{1,8}号"
)
_WIDE: Final = str.maketrans("()", "（）")
_SCOPE: Final = frozenset(
    (
        "id",
        "type",
        "source",
        "mode",
        "surfaces",
        "terminals",
        "viewer_classes",
        "since",
        "until",
        "personalised",
    )
)
_FIELDS: Final = {
    "record_required": {"animated_since", "animated_source"},
    "own_record": {"platforms"},
    "document_class": {"thresholds", "ai_thresholds", "main_push"},
    "must_show": {"of", "duty"},
    "quota": {
        "of", "slots", "first_slots", "window_slots", "most", "most_share", "least", "least_share",
        "level",
    },
    "licensed_first_screen": {
        "slots", "unlicensed_share", "recheck", "recheck_source", "lead_slots",
    },
    "registered_only": {"slots"},
    "room_rating": {"demote", "sink", "stop", "remove", "rating_days_max", "order_source"},
    "supported_boost": {
        "national_ratio", "provincial_ratio", "plan_ratio", "least", "least_share",
        "first_slots", "level",
    },
    "fact_required": {"of", "needs", "slots", "first_slots", "measure", "in_doubt"},
    "fact_weight": {"steps"},
    "group_cap": {
        "by", "unknown", "most_in_window", "window_slots", "most_on_page", "most_share_of_page",
        "most_on_first_screen", "kinds", "level",
    },
    "theme_cap": {
        "most_in_window", "window_slots", "most_on_page", "most_share_of_page",
        "most_on_first_screen", "kinds", "level",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """One id as the facts have it.

    Attributes:
        kind: drama, room or video; what nobody told the kind of is a drama.
        is_told: somebody told the kind.
        is_registered: a register holds it.
        row: its facts.
        themes: canonical themes, or `NO_THEME` alone.
    """

    kind: str
    is_registered: bool
    row: Row
    themes: frozenset[str]
    is_told: bool = True


class Ledger:
    """The facts, as rows of text.

    Args:
        subjects: id → row.
        clips: candidate id → subject id.
        aliases: tag → theme.
    """

    def __init__(
        self, subjects: Mapping[str, Row], clips: Mapping[str, str], aliases: Mapping[str, str]
    ) -> None:
        self.subjects, self.clips, self.aliases = subjects, clips, aliases

    def look_up(self, key: str, declared: str = "", *, aged: bool = False) -> Known:
        """Return what is known of an id; a declared kind counts only where nothing is held."""
        row = self.subjects.get(self.clips.get(key, key))
        if row is None:
            none = frozenset((NO_THEME,))
            return Known(declared or "drama", False, {}, none, is_told=bool(declared))
        tags = {tag.strip() for tag in row.get("themes", "").split("|")} - {""}
        themes = frozenset(self.aliases.get(tag, tag) for tag in tags)
        row = {**_uncontradicted(row), "tropes": _tropes(tags | themes)}
        if aged:
            row = {name: "" if name in _AGEING else text for name, text in row.items()}
        return Known(row["kind"], True, row, themes or frozenset((NO_THEME,)))


@cache
def _known_tropes() -> dict[str, list[str]]:
    text = files("constraints").joinpath("tropes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _tropes(names: frozenset[str] | set[str]) -> str:
    """Return the tropes that tags or their themes are names of; nothing where there are no tags."""
    found = [trope for trope, known in _known_tropes().items() if names & set(known)]
    return "|".join(found) or ("none" if names else "")


def _uncontradicted(row: Row) -> Row:
    """Return the row, its document unknown where its number is of another one."""
    number = row.get("document_number", "").translate(_WIDE)
    if not number:
        return {**row, "number": ""}
    form, of, told = _NUMBER.fullmatch(number), "platform_filing", "contradictory"
    if form is None:
        of = told = "malformed"
    elif form[1] in _BUREAUS:
        of = "licence" if form[3] == "审" else "bureau_filing"
    elif form[3] == "审":
        of = "nothing a platform may issue"
    row = {**row, "document_number": number}
    if form and row.get("document", "") in ("", of):
        return {**row, "number": "right"}
    status = "" if row.get("document_status") == "verified" else row.get("document_status", "")
    return {**row, "number": told, "document": "", "document_status": status}


@dataclass(frozen=True, slots=True)
class View:
    """What the rules ask about a page.

    Attributes:
        today: ISO date in Asia/Shanghai.
        slot_count: slots of the page.
        first_slot: slots of the surface above it.
        screen: how many of its slots are on the first screen.
        is_recommended: the surface recommends.
    """

    today: str
    slot_count: int
    first_slot: int
    screen: int
    is_recommended: bool


class Law:
    """The policy, as it stands in its files.

    Args:
        texts: content of each TOML file.

    Raises:
        ValueError: it holds something this judge cannot judge.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.surfaces: dict[str, Any] = {}
        self.rules: list[Rule] = []
        self.weights: tuple[float, float] = (0.25, 2.0)
        for text in texts:
            file = tomllib.loads(text)
            self.surfaces |= file.get("surface", {})
            self.rules += file.get("rules", [])
            self.weights = tuple(file.get("weight_range", self.weights))
        for rule in self.rules:
            unknown = rule.keys() - _SCOPE - _FIELDS.get(rule["type"], set())
            if rule["type"] not in _FIELDS or unknown:
                raise ValueError(f"rule {rule['id']}: the judge cannot judge {unknown or 'it'}")

    def view(self, page: Mapping[str, Any], today: str) -> View:
        """Describe a page; one without a token is the first of its surface."""
        surface = self.surfaces[page["surface"]]
        sizes = surface.get("first_screen_slots", {})
        first_slot = page["first_slot"] if page["page_token"] else 0
        seen = sizes.get(page["terminal"], max(sizes.values(), default=0)) - first_slot
        return View(
            today=today,
            slot_count=page["slot_count"],
            first_slot=first_slot,
            screen=min(max(seen, 0), page["slot_count"]),
            is_recommended=surface.get("is_recommended", True),
        )

    def in_force(self, page: Mapping[str, Any], today: str) -> list[Rule]:
        """Return the rules that bind a page."""
        here = {
            "surfaces": page["surface"],
            "terminals": page["terminal"],
            "viewer_classes": page["viewer_class"] or "unknown",
        }
        return [
            rule
            for rule in self.rules
            if rule.get("mode", "enforce") == "enforce"
            and all(not rule.get(scope) or value in rule[scope] for scope, value in here.items())
            and ("since" not in rule or rule["since"].isoformat() <= today)
            and ("until" not in rule or today < rule["until"].isoformat())
        ]
