"""What load tests send: pages, the facts and the law they are judged by, the hours of a day."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np

from loadtests.client import shown_ids
from loadtests.data import missing, read
from loadtests.judge import SHANGHAI
from loadtests.pages import DATA_SETS, Page, Pages, follow
from loadtests.process import KEPT, sample_files
from loadtests.seeding import register
from loadtests.statute import Law, Ledger

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT.parent / "shared" / "data"
POLICIES: Final = ROOT / "constraints" / "policies"
EVENING: Final = (
    2.2, 1.4, 0.9, 0.7, 0.7, 1.0, 2.0, 3.2, 3.9, 4.1, 4.2, 4.6,
    5.6, 5.2, 4.3, 4.2, 4.4, 5.0, 6.0, 7.0, 8.2, 9.0, 7.6, 4.6,
)  # fmt: skip
"""Calls of each hour, percent of a day: made up, for want of a platform's own; peak at nine."""
FOLLOWING: Final = 0.15
"""Share of the pages that continue the one before."""


class Traffic(NamedTuple):
    """What a load test sends, and what it is judged by.

    Attributes:
        name: of the source.
        facts: name → CSV, in the order of their import.
        ledger: the same facts, for the judge.
        law: the policies shipped, for the judge.
        pages: first pages of a surface; see `below` for others.
    """

    name: str
    facts: dict[str, bytes]
    ledger: Ledger
    law: Law
    pages: list[Page]


def traffic(count: int, seed: int, data: Path = DATA) -> Traffic:
    """Build traffic from the public data sets, or from the sample where they are not there.

    Args:
        count: pages.
        seed: of facts and pages.
        data: folder of the data sets.
    """
    law = Law([path.read_text("utf-8") for path in sorted(POLICIES.glob("*.toml"))])
    if missing(data):
        facts, ledger = sample_files(), _sample_ledger()
        return Traffic("the sample", facts, ledger, law, _sample_pages(count, seed))
    found = read(data)
    registry = register(found, seed, datetime.now(SHANGHAI).date())
    ledger = Ledger(registry.subjects, registry.clips, registry.aliases)
    source, each = Pages(found, registry, seed), -(-count // len(DATA_SETS))
    pages = [_usual(page) for name in DATA_SETS for page in source.build(name, each)]
    return Traffic("KuaiRand and MovieLens", registry.files(), ledger, law, pages[:count])


def _usual(page: Page) -> Page:
    """Give a page the shape of its surface: a client asks for as many slots each time.

    Pages of any shape are `realpages`' to send; the tables of each new one take milliseconds.
    """
    draw = Random(f"{page['surface']}:{page['terminal']}")
    slots = draw.randint(6, 20)
    reserved = [(slot, key) for slot, key in page["reserved"] if slot < slots]
    return page | {"slot_count": slots, "tail_ids": [], "reserved": reserved, "first_slot": 0}


def below(page: Page, before: Page, reply: Mapping[str, Any]) -> Page:
    """Make a page continue another, with as many slots as a client asks for on that surface.

    Args:
        page: of any surface.
        before: the request of the page before.
        reply: the answer to it, see `to_dict`.
    """
    same = _usual(page | {"surface": before["surface"], "terminal": before["terminal"]})
    return follow(same, before, shown_ids(before, reply), reply["page_token"])


def hours_of(data: Path = DATA) -> list[float]:
    """Return the share of a day's calls in each hour in Shanghai: KuaiRand's, if it is here."""
    if missing(data):
        return [hour / sum(EVENING) for hour in EVENING]
    told = Counter(
        datetime.fromtimestamp(one.time_ms / 1e3, UTC).astimezone(SHANGHAI).hour
        for one in read(data).feedback
    )
    return [told[hour] / told.total() for hour in range(24)]


def _sample_ledger() -> Ledger:
    """Read the sample, each list written to the titles, providers, people and rooms it names."""
    aliases, subjects, clips, listings = (
        list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        for content in sample_files().values()
    )
    for row in subjects:
        names = {row["id"], row["provider"], *row["people"].split("|")} - {""}
        on = (one for one in listings if one["member"] in names)
        row["listings"] = "|".join(f"{one['list']}:{one['from']}..{one['until']}" for one in on)
    return Ledger(
        {row["id"]: row for row in subjects},
        {row["candidate_id"]: row["subject_id"] for row in clips},
        {row["tag"]: row["theme"] for row in aliases},
    )


def _sample_pages(count: int, seed: int) -> list[Page]:
    """Draw pages of the sample's candidates, some left out, with utilities drawn anew."""
    told, draw = json.loads(files("ranker").joinpath("sample/home.json").read_bytes()), Random(seed)
    offered, pages = told["candidates"], list[Page]()
    usual = _usual({"surface": told["surface"], "terminal": told["terminal"], "reserved": []})
    for number in range(count):
        some = [one for one in offered if draw.random() < KEPT]
        worth = [float(np.float32(draw.lognormvariate(1.0, 0.6))) for _ in some]
        page: Page = {
            "name": f"sample-{number}",
            "slot_count": told["slot_count"],
            "page_token": "",
            "session_id": "",
            "viewer_class": "",
            "personalised": None,
            "above": [],
            "ids": [one["id"] for one in some],
            "utilities": worth,
            "kinds": [one["kind"] for one in some],
        }
        pages.append(usual | page)
    return pages
