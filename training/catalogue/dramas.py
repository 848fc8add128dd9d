"""Dramas of the sample catalogue: the real titles and the generated ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from training.catalogue.draw import Draw, Names, Row, days_before, known

FIRST_GENERATED_ID: Final = 1001

# The day of a list of the "Travel with micro-dramas" programme, by batch: the earliest source that
# names the batch. Assumed where the source gives less than a day: "spring 2024" is its first of
# April, "a 2024 report dated 12th" is October (batches 1 to 4 were counted on 2024-11-04), "2025"
# is the first of June, between batches five and seven.
BATCH_DAYS: Final = {
    "2": "2024-04-01",
    "4": "2024-10-12",
    "5": "2025-01-04",
    "6": "2025-06-01",
    "7": "2025-09-23",
}
# Lists without a batch, likewise by the year or day their source names; inclusive bounds.
_LIST_DAYS: Final = {
    "NRTA National Day micro-drama slate 2024": ("2024-10-01", ""),
    'Zhejiang "Travel with micro-dramas" contest 2024': ("2024-11-04", ""),
    "named as outstanding Zhejiang micro-drama 2024": ("2024-11-04", ""),
    'Guangxi "micro-drama + tourism" key support 2026': ("2026-03-01", "2026-12-31"),
}

# After 2026-08-31 numbers have new forms, none of which is known.
_FIRST_ISSUE: Final = {"licence": date(2022, 6, 1), "bureau_filing": date(2024, 2, 5)}
_LAST_ISSUE: Final = date(2026, 8, 31)
_LAST_EXPIRING_ISSUE: Final = date(2025, 6, 30)
_COUNTS: Final = {"none": 0, "one": 1, "two": 2, "three": 3}


def real_titles(titles: Sequence[Row], words: Mapping[str, Any]) -> list[Row]:
    """Turn the table of real titles into rows.

    A listed title gets a licence, or a list could lift nothing: the one assumption made of real
    works, and in their favour. It has no number and no dates. What no source says stays empty.
    """
    rows = []
    for title in titles:
        row = {"id": f"t-{int(title['row']):04d}", "title": title["title"], "kind": "drama"}
        row["themes"] = words["real_themes"].get(title["row"], "")
        level, programme, batch = title["support_level"], title["programme"], title["batch"]
        if level in {"national", "provincial"}:
            since, until = _LIST_DAYS.get(programme) or (BATCH_DAYS[batch], "")
            row |= {"document": "licence", "document_status": "verified"}
            row |= {"support": level, "support_list": programme}
            row |= {"support_from": since, "support_until": until}
        if level == "national":
            row["recheck"] = "passed"
        if level == "national" and batch:
            row |= {"plan": "travel", "plan_batch": batch, "plan_listed_on": BATCH_DAYS[batch]}
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Theme:
    """A theme of words.toml, its lists split.

    Attributes:
        name: canonical theme, or a trope of the platforms.
        tags: as uploaders write it; drawn evenly, so a repeated one is more frequent.
        weight: against the other themes of the same official label.
        under: official labels it goes with.
        plan: the plan whose subject it is, or empty.
        fronts, backs: what its titles are composed of.
    """

    name: str
    tags: list[str]
    weight: int
    under: list[str]
    plan: str
    fronts: list[str]
    backs: list[str]

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> "Theme":
        """Read one [[theme]] table."""
        tags, under = table["tags"].split(), table["under"].split()
        fronts, backs = table["front"].split(), table["back"].split()
        return cls(
            table["name"], tags, table["weight"], under, table.get("plan", ""), fronts, backs
        )


class Dramas:
    """Generates dramas, one row after the other.

    Args:
        draw: source of chance.
        words, shares: the tables words.toml and shares.toml.
        labels: official label → titles filed with it; `其他` means the title has none.
        taken: titles that may not come out.
    """

    def __init__(
        self,
        draw: Draw,
        words: Mapping[str, Any],
        shares: Mapping[str, Any],
        labels: Mapping[str, int],
        taken: Sequence[str],
    ) -> None:
        self._draw, self._words, self._shares, self._labels = draw, words, shares, labels
        themes = [Theme.parse(table) for table in words["theme"]]
        self._tropes = {theme.name: theme for theme in themes if not theme.plan}
        self._plans = {theme.plan: theme for theme in themes if theme.plan}
        self._names = Names(draw, taken)
        self._serials: dict[tuple[str, str, int], int] = {}

    def rows(self, count: int) -> list[Row]:
        """Return so many dramas."""
        return [self._row(f"t-{FIRST_GENERATED_ID + i:04d}") for i in range(count)]

    def _row(self, key: str) -> Row:
        row = {"id": key, "title": "", "kind": "drama"}
        row |= self._document()
        is_filed = row["document"] in {"licence", "bureau_filing"}
        recheck = "licence" if row["document"] == "licence" else "other"
        row["recheck"] = known(self._draw.weighted(self._shares["recheck"][recheck]))
        row |= self._plan(is_filed)
        row |= self._support(is_filed)
        row |= self._themes(row["plan"])
        return row

    def _document(self) -> Row:
        draw = self._draw
        document = draw.weighted(self._shares["document"])
        if document == "none":
            return {"document": document}
        if document == "unknown":
            # What is left of a number when an uploader pastes only its beginning.
            number = self._words["number"]["truncated"] if draw.chance(200) else ""
            return {"document": "", "document_number": number}
        status = draw.weighted(self._shares["document_status"][document])
        term = draw.weighted(self._shares["document_term"])
        first = _FIRST_ISSUE.get(document, _FIRST_ISSUE["bureau_filing"])
        last = _LAST_EXPIRING_ISSUE if term == "expired" else _LAST_ISSUE
        issued = draw.day(first, last)
        start, until = draw.days(term, issued)
        return {
            "document": document,
            "document_status": known(status),
            "document_number": self._number(document, issued.year, is_typed=status == "claimed"),
            "document_from": start if term == "begins_later" else issued.isoformat(),
            "document_until": until,
        }

    def _number(self, document: str, year: int, *, is_typed: bool) -> str:
        forms = self._words["number"]
        is_platform = document == "platform_filing"
        issuer = self._draw.pick(forms["platforms" if is_platform else "bureaus"].split())
        word = "审" if document == "licence" else "备"
        serial = self._serials[issuer, word, year] = self._serials.get((issuer, word, year), 0) + 1
        number: str = forms["form"].format(
            issuer=issuer, word=word, year=year, serial=f"{serial:06d}"
        )
        if is_typed and self._draw.chance(250):
            for proper, typed in forms["brackets"].items():
                number = number.replace(proper, typed)
        return number

    def _plan(self, is_filed: bool) -> Row:
        draw = self._draw
        listed = draw.weighted(self._shares["plan_listed"]) if is_filed else "none"
        if listed not in {"none", "unknown"}:
            batch = 1 + draw.below(9)
            return {
                "plan": listed,
                "plan_batch": self._words["lists"]["batch"].format(batch=batch),
                "plan_listed_on": days_before(80 * (10 - batch)).isoformat(),
            }
        claimed = draw.weighted(self._shares["plan_claimed"])
        return {"plan": known(listed if claimed == "none" else claimed)}

    def _support(self, is_filed: bool) -> Row:
        draw, lists = self._draw, self._words["lists"]
        level = draw.weighted(self._shares["support"]) if is_filed else "none"
        if level in {"none", "unknown"}:
            return {"support": known(level)}
        start, until = draw.days(draw.weighted(self._shares["support_term"]), date(2024, 1, 1))
        province = draw.pick(self._words["number"]["bureaus"].split()[1:])
        name = lists[level].format(province=province, year=start[:4])
        return {
            "support": level,
            "support_list": name,
            "support_from": start,
            "support_until": until,
        }

    def _themes(self, plan: str) -> Row:
        """Draw tags, then compose a title of the first; a title without tags still has one."""
        draw = self._draw
        count = _COUNTS[draw.weighted(self._shares["theme_count"])]
        label = draw.weighted(self._labels)
        fitting = {name: t.weight for name, t in self._tropes.items() if label in t.under}
        subject = self._plans.get(plan) or self._tropes[draw.weighted(fitting)]
        title = self._names.compose(subject.name, subject.fronts, subject.backs)
        tags = [draw.pick(subject.tags)]
        if label != "其他" and draw.chance(self._shares["official_label"]["shown"]):
            # 宫廷 is a trope and a label at once; one tag is enough.
            tags += [label] if label not in tags else []
        while len(tags) < count:
            tag = draw.pick(self._tropes[draw.weighted(fitting)].tags)
            tags += [tag] if tag not in tags else []
        return {"title": title, "themes": "|".join(tags[:count])}
