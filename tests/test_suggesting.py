"""Proposals of aliases and duplicates: what is found, and that only a person makes them facts."""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

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
from training.copies import propose_duplicates
from training.likeness import Titled, propose_aliases
from training.titles_csv import read_aliases, read_titles

SAMPLE = Path(__file__).parents[1] / "ranker" / "sample"
DATA = Path(__file__).parents[2] / "shared" / "data" / "movielens-latest-small"
NOW_US = day_of(make.TODAY) * 86_400_000_000  # eight in the morning in Shanghai
HEADER = "tag,theme,similarity,confirmed,confirmed_by,confirmed_on\n"
ON = make.TODAY.isoformat()
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
    return _csv([make.drama(id=f"t{n}", themes=tag) for n, tag in enumerate(TYCOONS)])


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted(set().union(*rows)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _proposals(path: Path) -> list[dict[str, str]]:
    """Read a file of proposals by the names in its header, as a person would leave it."""
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    assert all(not word.isascii() for word in header), "each name follows words of people"
    return [dict(zip((cell.split()[-1] for cell in header), row, strict=True)) for row in rows]


def _slate(store: FactStore, folder: Path, count: int) -> list[int]:
    """Show as many slots as there are subjects; the first is worth most."""
    facts = Snapshot.load(store, folder).facts
    worth = np.arange(count, 0, -1, dtype=np.float32)
    page = Page("home", "phone", day_of(make.TODAY), count, count)
    decision = govern(Candidates(worth, facts.take(np.arange(count))), page, POLICY)
    return [placement.candidate for placement in decision.placements]


def _shown(store: FactStore, folder: Path) -> int:
    """Count how many of three tycoons a page shows that may show one of a theme."""
    facts = Snapshot.load(store, folder).facts
    candidates = Candidates(np.array([3, 2, 1], np.float32), facts.take(np.arange(3)))
    page = Page("home", "phone", day_of(make.TODAY), 3, 3)
    return sum(p.candidate >= 0 for p in govern(candidates, page, POLICY).placements)


@pytest.mark.parametrize("said", ["", "no", "否", "NO"])
def test_a_proposal_nobody_confirmed_changes_nothing(tmp_path: Path, said: str) -> None:
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _tycoons().encode(), at_us=NOW_US)
        before = store.head()
        content = f"{HEADER}总裁,霸总,0.9,{said},,\n"
        outcome = import_csv(store, "p.csv", content.encode(), at_us=NOW_US)
        assert (outcome.rows, outcome.unconfirmed, outcome.changed) == (1, 1, 0)
        assert store.head().digest == before.digest
        assert _shown(store, tmp_path) == 3, "three words, and no cap sees one theme"


@pytest.mark.parametrize("said", ["yes", "是", "Yes"])
def test_synonyms_a_person_confirmed_share_one_cap(tmp_path: Path, said: str) -> None:
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _tycoons().encode(), at_us=NOW_US)
        rows = "".join(f"{tag},霸总,0.9,{said},王一,{ON}\n" for tag in TYCOONS[1:])
        content = HEADER + rows
        outcome = import_csv(store, "p.csv", content.encode(), at_us=NOW_US)
        assert (outcome.unconfirmed, outcome.changed, outcome.faults) == (0, 2, [])
        kept = {"theme": "霸总", "confirmed_by": "王一", "confirmed_on": ON}
        assert store.state("alias")["总裁"] == kept
        assert _shown(store, tmp_path) == 1


@pytest.mark.parametrize("seed", range(12))
def test_what_nobody_confirmed_never_changes_a_slate_and_what_somebody_did_binds_the_cap(
    tmp_path: Path, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    words = [f"词{n}" for n in range(6)]
    rows = [make.drama(id=f"t{n}", themes=str(chance.choice(words))) for n in range(8)]
    pairs = list(zip(words[1:], [words[0]] * 5, strict=True))
    chance.shuffle(pairs)
    said = [str(chance.choice(["", "no", "否"])) for _ in pairs]
    proposed = [f"{tag},{theme},0.5" for tag, theme in pairs]
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _csv(rows).encode(), at_us=NOW_US)
        before = _slate(store, tmp_path, len(rows))
        digest = store.head().digest
        lines = [f"{told},{word},王一,{ON}\n" for told, word in zip(proposed, said, strict=True)]
        outcome = import_csv(store, "p.csv", (HEADER + "".join(lines)).encode(), at_us=NOW_US)
        assert (outcome.unconfirmed, outcome.changed, outcome.faults) == (5, 0, [])
        assert (_slate(store, tmp_path, len(rows)), store.head().digest) == (before, digest)
        lines = [f"{told},yes,王一,{ON}\n" for told in proposed]
        import_csv(store, "p.csv", (HEADER + "".join(lines)).encode(), at_us=NOW_US)
        used = len({row["themes"] for row in rows})
        after = _slate(store, tmp_path, len(rows))
        assert sum(c >= 0 for c in before) == used > 1, "each word had a cap of its own"
        assert sum(c >= 0 for c in after) == 1, "all words are one theme"


def test_an_alias_that_ended_no_longer_joins_words_and_its_history_stays(tmp_path: Path) -> None:
    yesterday = (make.TODAY - timedelta(days=1)).isoformat()
    with FactStore(tmp_path) as store:
        import_csv(store, "s.csv", _tycoons().encode(), at_us=NOW_US)
        rows = "".join(f"{tag},霸总,,yes,王一,{yesterday}\n" for tag in TYCOONS[1:])
        import_csv(store, "p.csv", (HEADER + rows).encode(), at_us=NOW_US)
        joined = store.head().revision
        assert _shown(store, tmp_path) == 1
        ended = f"tag,until\n总裁,{yesterday}\n"
        assert import_csv(store, "a.csv", ended.encode(), at_us=NOW_US).faults == []
        assert _shown(store, tmp_path) == 2
        assert Snapshot.build(store, joined).themes.aliases == dict.fromkeys(TYCOONS[1:], "霸总")
        again = f"{HEADER}总裁,霸总,,yes,李二,{ON}\n"
        assert import_csv(store, "p.csv", again.encode(), at_us=NOW_US).faults == []
        assert _shown(store, tmp_path) == 1, "confirmed anew, it holds again"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("总裁,霸总,,2099-01-01", "until: `2099-01-01` has not come yet"),
        (f"总裁,霸总,,{ON}", f"until: `{ON}` is not over; give the last day it held"),
        ("总裁,霸总,2099-01-01,", "from: `2099-01-01` has not come yet"),
        ("总裁,霸总,2026-02-01,2026-01-31", "until: is before from"),
        ("总裁,霸总,soon,", "from: `soon` is not a date like 2026-09-01, year 2000 to 2099"),
    ],
)
def test_a_date_an_alias_cannot_have_is_named(tmp_path: Path, row: str, fault: str) -> None:
    with FactStore(tmp_path) as store:
        content = f"tag,theme,from,until\n{row}\n"
        outcome = import_csv(store, "a.csv", content.encode(), at_us=NOW_US)
        assert [str(each) for each in outcome.faults] == [f"a.csv: row 2: {fault}"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"总裁,霸总,maybe,王一,{ON}", "row 2: confirmed: `maybe` is not one of yes, no"),
        (f"总裁,霸总,yes,,{ON}", "row 2: confirmed_by: is missing: who confirmed it?"),
        (f"总裁,,yes,王一,{ON}", "row 2: theme: is missing"),
        ("总裁,霸总,yes,王一,", "row 2: confirmed_on: is missing: on which day was it confirmed?"),
        ("总裁,霸总,yes,王一,2099-01-01", "row 2: confirmed_on: `2099-01-01` has not come yet"),
        (
            "总裁,霸总,yes,王一,1/9",
            "row 2: confirmed_on: `1/9` is not a date like 2026-09-01, year 2000 to 2099",
        ),
        (
            f"总裁,霸总,yes,{'王' * 129},{ON}",
            "row 2: confirmed_by: is longer than 128 characters",
        ),
    ],
)
def test_what_nobody_can_read_refuses_the_file(tmp_path: Path, row: str, fault: str) -> None:
    with FactStore(tmp_path) as store:
        columns = "tag,theme,confirmed,confirmed_by,confirmed_on"
        content = f"{columns}\n{row}\n豪门,霸总,yes,王一,{ON}\n"
        outcome = import_csv(store, "p.csv", content.encode(), at_us=NOW_US)
        assert [str(each) for each in outcome.faults] == [f"p.csv: {fault}"]
        assert not outcome.is_kept


def test_evidence_is_a_column_of_proposals_alone(tmp_path: Path) -> None:
    with FactStore(tmp_path) as store:
        outcome = import_csv(store, "a.csv", b"tag,theme,similarity\n", at_us=NOW_US)
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
        import_csv(store, "a.csv", f"tag,theme\n{rows}".encode(), at_us=NOW_US)
        found = propose_aliases(_sample(), known)
        assert found
        assert not {p.tag for p in found} & (known.keys() | set(known.values()))
        rows = "".join(f"{p.tag},{p.theme},,yes,王一,{ON}\n" for p in found)
        content = HEADER + rows
        assert import_csv(store, "p.csv", content.encode(), at_us=NOW_US).faults == []


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
    rows = _proposals(out)
    assert rows
    empty = ("confirmed", "confirmed_by", "confirmed_on")
    assert {row[name] for row in rows for name in empty} == {""}
    data_dir = ("--data-dir", tmp_path / "data")
    assert spawn("facts", "import", out, *data_dir).err == (
        f"proposals.csv: {len(rows)} rows, 0 changed, 0 faults, kept; revision 0\n"
        f"proposals.csv: {len(rows)} 行未经确认，没有导入 ·"
        f" {len(rows)} rows not confirmed, not imported\n"
    )
    told = json.loads(spawn("suggest-aliases", SAMPLE / "subjects.csv", *aliases, "--json").out)
    assert [p["tag"] for p in told["proposals"]] == [row["tag"] for row in rows]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"id,title\na,b\n", "row 1: themes: is missing"),
        (b"id,title,themes\n,b,c\n", "row 2: id: must be 1 to 128 characters"),
        (b"id,title,themes\na,b,c\na,d,e\n", "row 3: id: `a` stands twice in the file"),
        (b"id,title,themes\na,b," + b"c" * 2000, "row 2: themes: is longer than 512 characters"),
        (
            b"id,title,themes\na,b,1|2|3|4|5|6|7|8|9|a|b|c|d",
            "row 2: themes: has more than 12 themes",
        ),
        (b"id,title,themes\na,b\n", "row 2: has 2 values for 3 columns"),
        (b"\xff", "is not UTF-8 text"),
        (b'id,title,themes\n"a', "is not CSV: unexpected end of data"),
    ],
)
def test_a_file_the_command_cannot_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, fault: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match="1"):
        read_titles(path)
    assert capsys.readouterr().err == f"{path}: {fault}\n"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    assert spawn("suggest-duplicates", path).fault() == f"{path}: no such file or directory"


def test_aliases_that_ended_are_proposed_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("tag,theme,until\n总裁,霸总,\n豪门,霸总,2026-01-01\n", encoding="utf-8")
    assert read_aliases(path) == {"总裁": "霸总"}


@pytest.mark.skipif(not DATA.exists(), reason="the MovieLens data is not beside this checkout")
def test_tags_real_people_gave_films_yield_ways_to_write_one_word() -> None:
    with gzip.open(DATA / "tags.csv.gz", "rt", encoding="utf-8") as file:
        tags = defaultdict[str, set[str]](set)
        for row in csv.DictReader(file):
            tags[row["movieId"]].add(row["tag"])
    with gzip.open(DATA / "movies.csv.gz", "rt", encoding="utf-8") as file:
        films = list(csv.DictReader(file))
    told = [
        Titled(f["movieId"], f["title"], tuple(sorted(tags[f["movieId"]])))
        for f in films
        if f["movieId"] in tags
    ]
    found = {frozenset((p.tag, p.theme)) for p in propose_aliases(told, {})}
    assert any(len({word.casefold() for word in pair}) == 1 for pair in found), found


def test_a_tag_a_spreadsheet_would_compute_is_counted_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = "a,霸总的秘密,=霸总\nb,霸总的秘密二,霸总\n"
    path.write_text("id,title,themes\n" + rows, encoding="utf-8")
    done = spawn("suggest-aliases", path, "--json", "--lang", "en")
    told = json.loads(done.out)
    assert (told["proposals"], told["formulas_left_out"]) == ([], 1)
    assert "1 proposals were not written" in done.err


def test_what_a_person_completed_in_the_file_the_command_wrote_is_imported(tmp_path: Path) -> None:
    out = tmp_path / "proposals.csv"
    assert spawn("suggest-aliases", SAMPLE / "subjects.csv", "--out", out).code == 0
    first, *rest = out.read_text(encoding="utf-8-sig").splitlines()
    done = rest[0].removesuffix(",,,") + ",是,王一,2026-11-01"
    out.write_text("\n".join([first, done, *rest[1:]]) + "\n", encoding="utf-8-sig")
    with FactStore(tmp_path / "data") as store:
        outcome = import_csv(store, out.name, out.read_bytes(), at_us=NOW_US)
        assert (outcome.faults, outcome.changed, outcome.unconfirmed) == ([], 1, len(rest) - 1)
