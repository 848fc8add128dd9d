"""Papers and flags of the sample's dramas, rooms and videos: what most rules of the law read.

Shares are in papers.toml. What is drawn for one subject depends on its id alone.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from training.catalogue.draw import Draw, Row, days_before, known

COLUMNS: Final = (
    *("title_card", "investment_cny", "filed_on", "form", "ai_generated", "ai_label"),
    *("episode_s_min", "special_subjects", "co_review", "uploader", "platform_review"),
    *("provider_until", "version", "rerun", "reviewed_on", "access", "main_push", "watch"),
    *("minor_impact", "minors_pool", "human_review", "quality_grade", "account_grade"),
    *("room_quality", "anchor_quality", "category", "category_review", "merchant"),
    *("qualified_until", "out_of_scope", "operator_grade", "advance_report", "monitoring"),
    *("score_basis", "metric_fraud", "provider", "people"),
)
"""Columns written here."""

GOOD: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "drama": {
        "title_card": ("yes",),
        "ai_generated": ("no",),
        "special_subjects": ("none",),
        "uploader": ("organisation",),
        "platform_review": ("yes",),
        "version": ("approved",),
        "rerun": ("no",),
        "access": ("free",),
        "main_push": ("no",),
        "watch": ("none",),
        "minor_impact": ("none",),
        "account_grade": ("a", "b", "c"),
        "is_in_order": ("yes",),
    },
    "room": {
        "category_review": ("yes",),
        "merchant": ("no_commerce", "verified"),
        "out_of_scope": ("no",),
        "advance_report": ("not_owed", "in_time"),
        "monitoring": ("not_owed", "attached"),
        "score_basis": ("mixed",),
        "metric_fraud": ("no",),
        "minor_impact": ("none",),
        "operator_grade": ("", "a", "b", "c"),
    },
    "video": {},
}
"""Kind → values of one that no rule but those shown decides; `is_in_order` is no column."""

_OPEN: Final = "2031-12-31"
_LATE: Final = ("2024-03-31", "2026-10-15")  # ends of a provider's licence that is over
_SECONDS: Final = (45, 170)
_CNY: Final = {
    "licence": (300, 9_000),
    "bureau_filing": (100, 290),
    "platform_filing": (15, 95),
    "none": (10, 90),
    "": (10, 90),
}
"""Thousands of yuan a drama cost, by document: always in the class of its document."""
_OVER_CNY: Final = 40  # an over-budget drama cost so many times as much
_PROVIDERS: Final = 60
_PEOPLE: Final = 400


def drama_papers(row: Row, seed: int, shares: Mapping[str, Any]) -> Row:
    """Draw the papers of a generated drama, from its document, title and days."""
    draw, permille = Draw(seed, f"papers {row['id']}"), shares["permille"]
    told = {name: known(draw.weighted(table)) for name, table in shares["drama"].items()}
    del told["special_subject"]
    document = row.get("document", "")
    told |= {"is_in_order": "yes", "filed_on": row.get("document_from", "")}
    if not row.get("document_number"):
        told["title_card"] = ""
    made_like = "animated" if told["form"] == "animated" else "other"
    told["ai_generated"] = known(draw.weighted(shares["ai"][made_like]))
    made = "made" if told["ai_generated"] in ("yes", "possible", "suspected") else "other"
    told["ai_label"] = known(draw.weighted(shares["ai_label"][made]))
    told |= _cost(document, draw, permille) | _length(draw, permille)
    told |= _subjects(draw, shares) | _reviews(row, draw, permille)
    if row.get("recheck") in ("passed", "pending"):  # a finished film that NRTA has on its desk
        told |= {"title_card": "yes", "version": "approved", "platform_review": "yes"}
        told |= {"rerun": "no", "main_push": "no", "access": "free"}
    bait = draw.chance(permille["bait"])
    if bait and any(word in row["title"] for word in ("霸总", "总裁", "豪门", "首富", "少爷")):
        told["watch"] = "tycoon_title"
    told["provider"] = f"样例传媒{1 + draw.below(_PROVIDERS)}号"
    told["people"] = "|".join(f"样例演员{1 + draw.below(_PEOPLE)}" for _ in range(2))
    return told


def real_papers(row: Row) -> Row:
    """Assume, in its favour, that a real title on a list is in order; of others nothing is known.

    It has no number: no source has one.
    """
    if not row.get("support"):
        return {}
    good = {name: values[0] for name, values in GOOD["drama"].items()}
    good |= {
        "form": "live_action",
        "ai_label": "none",
        "episode_s_min": "120",
        "filed_on": "2024-01-02",
    }
    good |= {"investment_cny": "900000", "co_review": "no", "provider_until": _OPEN}
    good |= {"reviewed_on": "2024-01-02", "account_grade": "b", "human_review": "yes"}
    return good | {"minors_pool": "yes", "is_in_order": "no"}


def _cost(document: str, draw: Draw, permille: Mapping[str, int]) -> Row:
    low, high = _CNY[document]
    thousands = low + draw.below(high - low + 1)
    if draw.chance(permille["over_budget"]):
        return {"investment_cny": f"{thousands * _OVER_CNY}000", "is_in_order": "no"}
    if draw.chance(permille["cost_unknown"]):
        return {"is_in_order": "no"}
    return {"investment_cny": f"{thousands}000"}


def _length(draw: Draw, permille: Mapping[str, int]) -> Row:
    seconds = _SECONDS[0] + draw.below(_SECONDS[1] - _SECONDS[0] + 1)
    if draw.chance(permille["length_unknown"]):
        return {"is_in_order": "no"}
    if draw.chance(permille["long"]):
        return {"episode_s_min": str(960 + draw.below(200)), "is_in_order": "no"}
    if draw.chance(permille["very_long"]):
        return {"episode_s_min": str(1_260 + draw.below(600)), "is_in_order": "no"}
    return {"episode_s_min": str(seconds)}


def _subjects(draw: Draw, shares: Mapping[str, Any]) -> Row:
    permille = shares["permille"]
    if draw.chance(permille["subjects_unknown"]):
        return {"special_subjects": "", "co_review": ""}
    if not draw.chance(permille["special"]):
        return {"special_subjects": "none", "co_review": "no"}
    agreed = "yes" if draw.chance(permille["agreed"]) else "no"
    return {
        "special_subjects": draw.weighted(shares["drama"]["special_subject"]),
        "co_review": agreed,
    }


def _reviews(row: Row, draw: Draw, permille: Mapping[str, int]) -> Row:
    """Draw the reviews of a drama and how long its provider may show it."""
    filed = row.get("document_from", "")
    told = {"rerun": "no", "reviewed_on": filed, "provider_until": _OPEN}
    if draw.chance(permille["rerun"]):
        days = 500 + draw.below(300) if draw.chance(permille["rerun_stale"]) else draw.below(60)
        told |= {"rerun": "yes", "reviewed_on": days_before(days).isoformat()}
    if draw.chance(permille["provider_expired"]):
        first, last = map(date.fromisoformat, _LATE)
        told |= {"provider_until": draw.day(first, last).isoformat(), "is_in_order": "no"}
    elif draw.chance(permille["provider_unknown"]):
        told |= {"provider_until": "", "is_in_order": "no"}
    return told


def room_papers(row: Row, seed: int, shares: Mapping[str, Any]) -> Row:
    """Draw the papers of a live room, from its category and ratings."""
    draw, table = Draw(seed, f"papers {row['id']}"), shares["room"]
    drawn = ("category_review", "advance_report", "monitoring", "score_basis", "metric_fraud")
    told = {name: known(draw.weighted(table[name])) for name in drawn}
    told |= {name: known(draw.weighted(table[name])) for name in ("minor_impact", "human_review")}
    told |= {
        name: known(draw.weighted(table["quality"])) for name in ("room_quality", "anchor_quality")
    }
    told |= {"category": shares["categories"][row["themes"]], "minors_pool": "no"}
    told |= {"merchant": "no_commerce", "out_of_scope": "no"}
    if told["category"] == "commerce":
        told["merchant"] = known(draw.weighted(table["merchant_commerce"]))
        told["out_of_scope"] = known(draw.weighted(table["out_of_scope"]))
        told["operator_grade"] = known(draw.weighted(table["operator_grade"]))
        expired = draw.chance(40)
        ends = (
            days_before(draw.below(200))
            if expired
            else date(2031, 1, 1) + timedelta(days=draw.below(900))
        )
        told["qualified_until"] = ends.isoformat()
    told["people"] = f"样例主播{row['id']}"
    return told


def video_papers() -> Row:
    """Return the papers of a video: reviewers found nothing against it."""
    return {"minor_impact": "none", "human_review": "yes", "minors_pool": "yes"}
