"""Proposals of aliases and duplicates: what is found, and that only a person makes them facts."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from constraints.facts import day_of
from constraints.govern import govern
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import parse_policy
from ranker.facts.importing import import_csv
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from tests import make
from tests.commands import spawn
from training.likeness import Titled, propose_aliases, propose_duplicates

SAMPLE = Path(__file__).parents[1] / "ranker" / "sample"
TYCOONS = ("霸总", "总裁", "豪门")
POLICY = parse_policy(
    {
        "p.toml": b"""
[surface.home]
[[rules]]
id = "cap"
type = "theme_cap"
source = "DIV-01"
most_on_page = 1
level = 0
"""
    }
)


def _sample() -> list[Titled]:
    with (SAMPLE / "subjects.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [Titled(r["id"], r["title"], tuple(filter(None, r["themes"].split("|")))) for r in rows]


def _known() -> dict[str, str]:
    with (SAMPLE / "aliases.csv").open(encoding="utf-8") as file:
        return {row["tag"]: row["theme"] for row in csv.DictReader(file)}


def _tycoons() -> str:
    rows = [make.drama(id=f"t{n}", themes=tag) for n, tag in enumerate(TYCOONS)]
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted(set().union(*rows)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _shown(store: FactStore, folder: Path) -> int:
    """Count how many of three tycoons a page shows that may show one of a theme."""
    facts = Snapshot.load(store, folder).facts
    candidates = Candidates(np.array([3, 2, 1], np.float32), facts.take(np.arange(3)))
    page = Page("home", "phone", day_of(make.TODAY), 3, 3)
    return sum(p.candidate >= 0 for p in govern(candidates, page, POLICY).placements)


@pytest.mark.parametrize("said", ["", "no", "否", "NO"])
def test_a_proposal_nobody_confirmed_changes_nothing(tmp_path: Path, said: str) -> None:
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _tycoons().encode(), at_us=1)
        before = store.head()
        content = f"tag,theme,similarity,confirmed,confirmed_by\n总裁,霸总,0.9,{said},\n"
        outcome = import_csv(store, "p.csv", content.encode(), at_us=2)
        assert (outcome.rows, outcome.unconfirmed, outcome.changed) == (1, 1, 0)
        assert store.head().digest == before.digest
        assert _shown(store, tmp_path) == 3, "three words, and no cap sees one theme"


@pytest.mark.parametrize("said", ["yes", "是", "Yes"])
def test_synonyms_a_person_confirmed_share_one_cap(tmp_path: Path, said: str) -> None:
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _tycoons().encode(), at_us=1)
        rows = "".join(f"{tag},霸总,0.9,{said},王一\n" for tag in TYCOONS[1:])
        content = "tag,theme,similarity,confirmed,confirmed_by\n" + rows
        outcome = import_csv(store, "p.csv", content.encode(), at_us=2)
        assert (outcome.unconfirmed, outcome.changed, outcome.faults) == (0, 2, [])
        assert store.state("alias")["总裁"] == {"theme": "霸总", "confirmed_by": "王一"}
        assert _shown(store, tmp_path) == 1


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("总裁,霸总,maybe,王一", "row 2: confirmed: `maybe` is not one of yes, no"),
        ("总裁,霸总,yes,", "row 2: confirmed_by: is missing: who confirmed it?"),
        ("总裁,,yes,王一", "row 2: theme: is missing"),
        (
            f"总裁,霸总,yes,{'王' * 129}",
            "row 2: confirmed_by: is longer than 128 characters",
        ),
    ],
)
def test_what_nobody_can_read_refuses_the_file(tmp_path: Path, row: str, fault: str) -> None:
    with FactStore(tmp_path) as store:
        content = f"tag,theme,confirmed,confirmed_by\n{row}\n豪门,霸总,yes,王一\n"
        outcome = import_csv(store, "p.csv", content.encode(), at_us=1)
        assert [str(each) for each in outcome.faults] == [f"p.csv: {fault}"]
        assert not outcome.is_kept


def test_evidence_is_a_column_of_proposals_alone(tmp_path: Path) -> None:
    with FactStore(tmp_path) as store:
        outcome = import_csv(store, "a.csv", b"tag,theme,similarity\n", at_us=1)
        (fault,) = outcome.faults
        assert str(fault) == "a.csv: row 1: similarity: is not a column here"


def test_of_the_known_aliases_of_the_sample_most_are_found_again() -> None:
    found = {(p.tag, p.theme) for p in propose_aliases(_sample(), {})}
    pairs = {frozenset(pair) for pair in found}
    tags = {tag for one in _sample() for tag in one.tags}
    known = {frozenset(pair) for pair in _known().items() if set(pair) <= tags}
    again = len(known & pairs) / len(known)
    assert again >= 0.5


def test_proposals_can_be_imported_beside_the_aliases_there_are(tmp_path: Path) -> None:
    known = dict(list(_known().items())[::2])
    with FactStore(tmp_path) as store:
        rows = "".join(f"{tag},{theme}\n" for tag, theme in known.items())
        import_csv(store, "a.csv", f"tag,theme\n{rows}".encode(), at_us=1)
        found = propose_aliases(_sample(), known)
        assert found
        assert not {p.tag for p in found} & (known.keys() | set(known.values()))
        rows = "".join(f"{p.tag},{p.theme},yes,王一\n" for p in found)
        content = f"tag,theme,confirmed,confirmed_by\n{rows}"
        assert import_csv(store, "p.csv", content.encode(), at_us=2).faults == []


def test_the_order_of_titles_does_not_matter_to_what_is_alike() -> None:
    told = _sample()[:600]
    ways = [propose_aliases(titles, {}) for titles in (told, told, told[::-1])]
    assert ways[0] == ways[1]
    assert {(p.tag, p.theme) for p in ways[0]} == {(p.tag, p.theme) for p in ways[2]}


def test_titles_that_differ_by_a_mark_are_proposed_as_one_work() -> None:
    titles = ["重生之我是王妃", "重生之 我是王妃！", "夜里的面包房", "老街修表匠纪实", ""]
    found = propose_duplicates([Titled(f"t{n}", title, ()) for n, title in enumerate(titles)])
    assert {(p.id, p.duplicate) for p in found} == {("t0", "t0"), ("t1", "t0")}


def test_nothing_to_compare_proposes_nothing() -> None:
    assert propose_aliases([], {}) == propose_aliases([Titled("a", "", ("x",))], {}) == []
    assert propose_duplicates([]) == propose_duplicates([Titled("a", "题", ())]) == []


def test_the_command_writes_a_file_a_person_completes(tmp_path: Path) -> None:
    out = tmp_path / "proposals.csv"
    aliases = ("--aliases", SAMPLE / "aliases.csv")
    done = spawn("suggest-aliases", SAMPLE / "subjects.csv", *aliases, "--out", out)
    assert done.code == 0
    assert "confirmed_by" in done.out
    assert str(out) in done.out
    assert out.read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets read it as UTF-8"
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"))))
    assert rows
    assert {row["confirmed"] for row in rows} == {row["confirmed_by"] for row in rows} == {""}
    data_dir = ("--data-dir", tmp_path / "data")
    assert spawn("facts", "import", out, *data_dir).err == (
        f"proposals.csv: {len(rows)} rows, 0 changed, 0 faults, {len(rows)} not confirmed, kept;"
        " revision 0\n"
    )
    told = json.loads(spawn("suggest-aliases", SAMPLE / "subjects.csv", *aliases, "--json").out)
    assert [p["tag"] for p in told["proposals"]] == [row["tag"] for row in rows]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"id,title\na,b\n", "row 1: themes: is missing"),
        (b"id,title,themes\na,b\n", "row 2: has 2 values for 3 columns"),
        (b"\xff", "is not UTF-8 text"),
        (b'id,title,themes\n"a', "is not CSV: unexpected end of data"),
    ],
)
def test_a_file_the_command_cannot_read_is_named(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    assert spawn("suggest-aliases", path).fault() == f"{path}: {fault}"
    path.unlink()
    assert spawn("suggest-duplicates", path).fault() == f"{path}: no such file or directory"
