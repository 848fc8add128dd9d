"""Large catalogues for the bench of growth: drawn as columns, saved, and served in process."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from constraints.fact_text import parse_row
from constraints.facts import (
    DAY_MAX,
    DAY_MIN,
    Facts,
    IntArray,
    WordArray,
    day_of,
    subject_keys,
)
from constraints.terms import (
    Document,
    DocumentStatus,
    Grade,
    Kind,
    NumberForm,
    Plan,
    Recheck,
    Restriction,
    Support,
    Trope,
)
from constraints.vocabulary import Vocabulary
from loadtests.bench.figures import WARM_UPS
from loadtests.seeding import PAPERS, ROOM_PAPERS
from ranker.audit.log import DecisionLog
from ranker.facts.id_index import IdIndex
from ranker.facts.snapshot import Snapshot, folder_of, with_declared
from ranker.facts.store import FactStore
from ranker.serving.page_token import load_keys
from ranker.serving.service import RerankService
from ranker.serving.state import State
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb

NOON: Final = datetime(2026, 11, 24, 4, tzinfo=UTC)  # noon in Shanghai
DAY: Final = day_of(NOON.date())
NOW_US: Final = int(NOON.timestamp()) * 1_000_000
THEMES: Final = 300
PROVIDERS: Final = 5_000
TYCOON_THEME: Final = 9
TEXT_CHARS: Final = 12  # of an id that is no number
CANDIDATES: Final = 500
_DRAMA_NUMBERS: Final[dict[str, Mapping[str, int]]] = {
    "investment_cny": {"50000": 960, "5000000": 20, "": 20},
    "filed_on": {"2025-03-01": 700, "2026-10-01": 270, "": 30},
    "ai_generated": {"no": 950, "yes": 20, "suspected": 15, "": 15},
    "ai_label": {"all": 500, "none": 480, "": 20},
    "provider_until": {"2031-12-31": 970, "2026-01-01": 15, "": 15},
    "reviewed_on": {"2026-10-01": 800, "2025-01-01": 150, "": 50},
}
_ROOM_WORDS: Final[dict[str, Mapping[str, int]]] = {
    "merchant": {"no_commerce": 880, "verified": 100, "unverified": 10, "": 10},
    "qualified_until": {"2031-12-31": 960, "2026-01-01": 20, "": 20},
}
SLOTS: Final = 20


def draw_facts(rng: Generator, count: int) -> Facts:
    """Draw titles, rooms and videos, most of them in order; a few facts of each kind unknown."""
    kind = _pick(rng, count, {Kind.DRAMA: 60, Kind.ROOM: 10, Kind.VIDEO: 29, Kind.UNKNOWN: 1})
    is_drama, is_room = kind <= Kind.DRAMA, kind == Kind.ROOM
    listed = is_drama & (rng.random(count) < 0.06)

    def of(who: NDArray[np.bool_], shares: Mapping[Any, int]) -> IntArray:
        return np.where(who, _pick(rng, count, shares), 0).astype(np.uint8)

    grades = {Grade.A: 70, Grade.B: 15, Grade.C: 8, Grade.D: 4, Grade.E: 2, Grade.UNKNOWN: 1}
    documents = {Document.LICENCE: 70, Document.BUREAU_FILING: 20, Document.PLATFORM_FILING: 5}
    statuses = {DocumentStatus.VERIFIED: 88, DocumentStatus.CLAIMED: 9, DocumentStatus.REVOKED: 1}
    rechecks = {Recheck.PASSED: 85, Recheck.PENDING: 8, Recheck.REFUSED: 1}
    supports = {Support.NATIONAL: 30, Support.PROVINCIAL: 70}
    plans = {plan: 1 for plan in Plan if plan > Plan.NONE}
    orders = {Restriction.NONE: 97, Restriction.SINK: 2, Restriction.STOP: 1}
    ends, themes = rng.random(count) < 0.1, _themes(rng, count)
    return Facts.unknown(count).with_columns(
        is_registered=np.ones(count, np.bool_),
        subject=np.arange(1, count + 1, dtype=np.uint64),
        kind=kind,
        document=of(is_drama, documents | {Document.NONE: 3, Document.UNKNOWN: 2}),
        document_status=of(is_drama, statuses | {DocumentStatus.UNKNOWN: 2}),
        document_from=_days(rng, is_drama, -1600, 0, DAY_MIN),
        document_until=_days(rng, is_drama & ends, -200, 600, DAY_MAX),
        recheck=of(is_drama, rechecks | {Recheck.NONE: 4, Recheck.UNKNOWN: 2}),
        support=of(listed, supports),
        support_from=_days(rng, listed, -700, 0, DAY_MIN),
        support_until=_days(rng, listed & ends, -100, 600, DAY_MAX),
        plan=of(listed, plans),
        plan_listed_on=_days(rng, listed, -600, 30, 0),
        room_grade=of(is_room, grades),
        anchor_grade=of(is_room, grades),
        rated_on=_days(rng, is_room, -120, 0, 0),
        restriction=of(is_room, orders),
        restriction_from=_days(rng, is_room, -60, 0, DAY_MIN),
        restriction_until=_days(rng, is_room & ends, -30, 90, DAY_MAX),
        themes=themes,
        tropes=tropes_of(themes),
        series=_groups(rng, is_drama, 4 * PROVIDERS, 0.9),
        provider=_groups(rng, is_drama, PROVIDERS, 0.98),
        duplicate=_groups(rng, is_drama, 4 * PROVIDERS, 0.05),
        **_papers(rng, is_drama, is_room),
    )


def _papers(
    rng: Generator, is_drama: NDArray[np.bool_], is_room: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Draw papers and flags: words by the shares of the real pages, most of them in order."""
    count = len(is_drama)
    forms = {NumberForm.RIGHT: 96, NumberForm.MALFORMED: 1, NumberForm.CONTRADICTORY: 1, 0: 2}
    issuers = Facts.unknown(count).issuers
    issuers[:, 0] = np.where(is_drama, subject_keys(["样例"]), np.uint64(0))
    columns: dict[str, NDArray[Any]] = {
        "number": np.where(is_drama, _pick(rng, count, forms), 0),
        "issuers": issuers,
    }
    for who, tables in ((is_drama, PAPERS | _DRAMA_NUMBERS), (is_room, ROOM_PAPERS | _ROOM_WORDS)):
        for name, shares in tables.items():
            read = [parse_row({name: text}, Vocabulary()).get(name, 0) for text in shares]
            drawn = _pick(rng, count, dict(enumerate(shares.values())))
            before = columns.get(name, np.zeros(count, np.int64))
            columns[name] = np.where(who, np.array(read)[drawn], before)
    dtypes = {f.name: f.metadata["dtype"] for f in fields(Facts)}
    return {name: column.astype(dtypes[name]) for name, column in columns.items()}


def _pick(rng: Generator, count: int, shares: Mapping[Any, int]) -> IntArray:
    """Draw values by whole shares."""
    values = np.repeat(np.array([*shares], np.uint8), [*shares.values()])
    return values[rng.integers(0, len(values), count)]


def _days(rng: Generator, who: NDArray[np.bool_], first: int, last: int, others: int) -> IntArray:
    """Draw days near the day of the requests; those who have none are given another value."""
    drawn = DAY + rng.integers(first, last, len(who), np.int32)
    return np.where(who, drawn, np.int32(others))


def _groups(rng: Generator, who: NDArray[np.bool_], most: int, known: float) -> IntArray:
    """Draw one of so many groups for a share of some rows; (count, 1) int32, 0 for none."""
    drawn = rng.integers(1, most, len(who), np.int32)
    return np.where(who & (rng.random(len(who)) < known), drawn, 0).astype(np.int32)[:, None]


def _themes(rng: Generator, count: int) -> IntArray:
    """Draw 0 to 3 of THEMES a row, the popular ones far more often; (count, THEMES_MAX) int16."""
    drawn = (THEMES ** rng.random((count, 3))).astype(np.int16)
    drawn[np.arange(3) >= rng.integers(0, 4, (count, 1))] = 0
    for one, other in ((1, 0), (2, 0), (2, 1)):
        drawn[drawn[:, one] == drawn[:, other], one] = 0
    themes = Facts.unknown(count).themes
    themes[:, :3] = -np.sort(-drawn, axis=1)
    return themes


def tropes_of(themes: IntArray) -> IntArray:
    """Say which titles have a watched trope, here one of the themes: (n,) uint16 flags."""
    flags = np.where((themes == TYCOON_THEME).any(axis=1), Trope.TYCOON, Trope.NONE)
    return np.where(themes[:, 0] != 0, 1 << (flags - 1), 0).astype(np.uint16)


def draw_numbers(rng: Generator, count: int) -> WordArray:
    """Draw ids of 18 digits; in so many, hardly two are equal."""
    return rng.integers(10**17, 10**18, count, np.uint64)


def as_texts(numbers: WordArray) -> list[str]:
    """Write numbers as ids of TEXT_CHARS that are no numbers."""
    return [f"v{number % 16 ** (TEXT_CHARS - 1):0{TEXT_CHARS - 1}x}" for number in numbers.tolist()]


def save_catalogue(data_dir: Path, facts: Facts, index: IdIndex) -> None:
    """Save facts as if they were the snapshot of a fact store, which is empty."""
    themes = Vocabulary()
    labels = (facts.themes, facts.series, facts.provider, facts.duplicate)
    for number in range(1, max(int(column.max()) for column in labels) + 1):
        themes.number(f"group-{number}")
    with FactStore(data_dir) as store:
        digest = store.digest(0).hex()
    snapshot = Snapshot(0, digest, with_declared(facts), index, themes)
    folder = folder_of(data_dir, 0, digest)
    folder.parent.mkdir()
    snapshot.save(folder)


def service(data_dir: Path) -> RerankService:
    """Return the service over a saved catalogue, under the policies shipped."""
    settings = Settings(data_dir=data_dir)
    state = State(settings, now_us=lambda: NOW_US)
    keys, log = load_keys(data_dir), DecisionLog(data_dir)
    return RerankService(settings, state, log, keys, now_us=lambda: NOW_US)


def request(
    rng: Generator, ids: WordArray | Sequence[str], slot_count: int = SLOTS, **fields: Any
) -> bytes:
    """Write a request for a page of some ids, home on a phone unless other fields are given."""
    told: dict[str, Any] = {"surface": "home", "terminal": "phone", "slot_count": slot_count}
    message = pb.RerankRequest(**(told | fields))
    if isinstance(ids, np.ndarray):
        message.columns.ids.extend(ids.tolist())
    else:
        message.columns.string_ids.extend(ids)
    message.columns.utilities.extend(rng.lognormal(1.0, 0.6, len(ids)).tolist())
    return message.SerializeToString()


class Served(NamedTuple):
    """A service over a catalogue drawn for it, with the ids of the catalogue."""

    service: RerankService
    ids: WordArray

    @classmethod
    def lay_out(cls, data_dir: Path, count: int) -> "Served":
        """Draw a catalogue of so many titles with numbers for ids, save it, and serve it."""
        rng = np.random.default_rng(count)
        numbers = draw_numbers(rng, count)
        index = IdIndex.build_numeric(numbers, np.arange(count, dtype=np.int32))
        save_catalogue(data_dir, draw_facts(rng, count), index)
        return cls(service(data_dir), numbers)

    def some(self, rng: np.random.Generator) -> WordArray:
        """Draw the ids of a page's candidates."""
        return self.ids[rng.choice(len(self.ids), CANDIDATES, replace=False)]

    def requests(self, laps: int) -> list[bytes]:
        """Write a request for each lap, and for the warm-ups."""
        rng = np.random.default_rng(2)
        return [request(rng, self.some(rng)) for _ in range(laps + WARM_UPS)]
