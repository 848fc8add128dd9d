"""Dated lists of the store: entries are checked, joined to whom they concern, and never lost."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from constraints.facts import LISTINGS_MAX, unpack_listings
from constraints.terms import Listing
from ranker.facts.importing import Import, import_csv
from ranker.facts.listings import MEMBERS, Entries
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore

SUBJECTS = """id,kind,provider,program,people
t1,drama,p1,m1,h1|h2
t2,drama,p2,,h2
r1,room,,,h3
"""
HEADER = "listing_id,list,member,from,until,order_ref\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    with FactStore(tmp_path) as opened:
        assert not load(opened, SUBJECTS).faults
        yield opened


def load(store: FactStore, text: str) -> Import:
    return import_csv(store, "listings.csv", text.encode(), at_us=1)


def lists_of(store: FactStore, subject: str) -> set[str]:
    """Return the lists a subject stands on, whatever the day."""
    snapshot = Snapshot.build(store)
    row = snapshot.rows([subject])
    listed, _, _ = unpack_listings(snapshot.facts.listings[row])
    return {Listing(number).name.lower() for number in np.unique(listed) if number}


ENTRIES = [
    ("takedown", "t1", {"t1"}),
    ("embargo", "t2", {"t2"}),
    ("black_provider", "p1", {"t1"}),
    ("black_program", "m1", {"t1"}),
    ("denied_person", "h2", {"t1", "t2"}),
    ("closed_anchor", "h3", {"r1"}),
    ("key_date", "t2", {"t2"}),
    ("denied_person", "nobody yet", set()),
]


@pytest.mark.parametrize(("name", "member", "concerned"), ENTRIES)
def test_entry_concerns_every_subject_its_member_stands_in(
    store: FactStore, name: str, member: str, concerned: set[str]
) -> None:
    outcome = load(store, f"{HEADER}e1,{name},{member},2026-09-01,,order 1\n")
    assert outcome.faults == []
    assert outcome.changed == 1
    found = {subject for subject in ("t1", "t2", "r1") if name in lists_of(store, subject)}
    assert found == concerned


def test_every_list_says_whom_its_members_are() -> None:
    assert set(MEMBERS) == set(Listing) - {Listing.UNKNOWN}


def test_lifting_an_entry_ends_it_and_its_history_stays(store: FactStore) -> None:
    load(store, f"{HEADER}e1,takedown,t1,2026-09-01,,order 1\n")
    before = Snapshot.build(store)
    load(store, f"{HEADER}e1,takedown,t1,2026-09-01,2026-09-30,order 2\n")
    after = Snapshot.build(store)
    [start], [stop] = (
        unpack_listings(after.facts.listings[after.rows(["t1"])][0])[i] for i in (1, 2)
    )
    assert (stop - start) == 30
    assert Snapshot.build(store, before.revision).digest == before.digest


FAULTS = {
    "no order": ("e1,takedown,t1,,,", "row 2: order_ref: is missing"),
    "no list": ("e1,,t1,,,o", "row 2: list: is missing"),
    "no such list": ("e1,takedwn,t1,,,o", "row 2: list: `takedwn` is not one of takedown, "),
    "unknown title": ("e1,embargo,t9,,,o", "row 2: member: `t9` is not a known subject"),
    "no date": ("e1,embargo,t1,soon,,o", "row 2: from: `soon` is not a date like"),
    "ends before it begins": ("e1,embargo,t1,2026-09-02,2026-09-01,o", "row 2: until: "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_entry_that_cannot_be_read_is_refused_and_nothing_is_kept(
    store: FactStore, name: str
) -> None:
    line, expected = FAULTS[name]
    outcome = load(store, HEADER + line + "\n")
    assert f"listings.csv: {expected}" in str(outcome.faults[0])
    assert not outcome.is_kept
    assert store.state("listing") == {}


def test_an_entry_that_is_changed_in_part_is_checked_whole(store: FactStore) -> None:
    load(store, f"{HEADER}e1,takedown,t1,2026-11-24,,order 1\n")
    part = "listing_id,list,member,until,order_ref\ne1,takedown,t1,{},order 1\n"
    outcome = load(store, part.format("2026-11-23"))
    assert "row 2: until: " in str(outcome.faults[0])
    assert not outcome.is_kept
    assert load(store, part.format("2026-11-24")).is_kept
    lifted = "listing_id,until\ne1,2026-11-25\n"
    assert load(store, lifted).is_kept, "columns left out keep their value"


def test_an_entry_of_an_older_store_that_cannot_be_read_hides_no_other(store: FactStore) -> None:
    ends = {"from": "2026-11-24", "until": "2026-11-23", "order_ref": "o"}
    rows = [
        ("e1", {"list": "takedown", "member": "t1"} | ends),
        ("e2", {"list": "showcase", "member": "t2"} | ends),
        ("e3", {"list": "takedown", "member": "t2", "order_ref": "o"}),
    ]
    store.apply([("listing", key, row) for key, row in rows], actor="before", at_us=1)
    assert lists_of(store, "t1") == {"takedown"}, "the strict side: all days"
    assert lists_of(store, "t2") == {"takedown"}, "and none of a list that favours"


def test_lists_of_a_subject_may_stand_apart(store: FactStore) -> None:
    load(store, "id,kind,listings\nt1,drama,black_title | showcase\n")
    load(store, HEADER + "".join(
        f"e{day},embargo,t1,2026-09-{day:02},2026-09-{day:02},o\n" for day in range(1, 17)
    ))  # fmt: skip
    assert lists_of(store, "t1") == {"black_title", "embargo"}


def test_of_too_many_entries_burdens_run_through_and_favours_go() -> None:
    rows = [
        {
            "list": "embargo",
            "member": "t",
            "from": f"2026-09-{day:02}",
            "until": f"2026-09-{day:02}",
        }
        for day in range(1, LISTINGS_MAX + 1)
    ]
    rows += [{"list": "showcase", "member": "t"}, {"list": "denied_person", "member": "h"}]
    joined = Entries(rows).joined("t", {"people": "h"})
    assert joined["listings"] == "denied_person:..|embargo:2026-09-01..2026-09-16"
    few = Entries(rows[:2]).joined("t", {})
    assert few["listings"].count("|") == 1
