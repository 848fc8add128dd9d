"""Files of facts: each fault with its exact place and words, and a file whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from constraints.terms import Document, DocumentStatus, Kind, Plan
from ranker.facts.importing import Import, import_csv
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore

KINDS = ", ".join(kind.name.lower() for kind in Kind if kind)
PLANS = ", ".join(plan.name.lower() for plan in Plan if plan)
DATE = "is not a date like 2026-09-01, year 2000 to 2099"
HEADERS = "row 1: the header must have one of `id`, `candidate_id`, `tag`, `listing_id`"
LONG_ID = "must be 1 to 128 printable characters"

# What a file says beside one good row, and the faults of that; the store knows subject s, clip c,
# and the alias 总裁 → 霸总.
SUBJECTS: dict[str, tuple[str, list[str]]] = {
    "no id": ("id,kind\n ,drama\n", ["row 2: id: is missing"]),
    "a long id": (f"id,kind\n{'x' * 129},drama\n", [f"row 2: id: {LONG_ID}"]),
    "an odd id": ('id,kind\n"a\nb",drama\n', [f"row 2: id: {LONG_ID}"]),
    "an id twice": (
        "id,kind\na,drama\nb,room\na,video\n",
        ["row 4: id: `a` stands twice in the file"],
    ),
    "an id twice, the first with a fault": (
        "id,kind\na,drum\na,drama\n",
        [
            f"row 2: kind: `drum` is not one of {KINDS}",
            "row 3: id: `a` stands twice in the file",
        ],
    ),
    "the id of a clip": ("id,kind\nc,drama\n", ["row 2: id: `c` is already the id of a candidate"]),
    "no kind": ("id,kind\na,\n", ["row 2: kind: is missing"]),
    "no column for the kind": ("id,title\na,x\n", ["row 2: kind: is missing"]),
    "a kind taken away": ("id,kind\ns,\n", ["row 2: kind: is missing"]),
    "unknown words": (
        "id,kind,plan\na,drama,trawel\nb,unknown,\n",
        [
            f"row 2: plan: `trawel` is not one of {PLANS}",
            f"row 3: kind: `unknown` is not one of {KINDS}",
        ],
    ),
    "no dates": (
        "id,kind,rated_on,document_from\na,room,2026/09/01,\nb,drama,,2026-02-30\nc2,room,1999-12-31,\n",
        [
            f"row 2: rated_on: `2026/09/01` {DATE}",
            f"row 3: document_from: `2026-02-30` {DATE}",
            f"row 4: rated_on: `1999-12-31` {DATE}",
        ],
    ),
    "an end before its beginning": (
        "id,kind,support_from,support_until\na,drama,2026-09-02,2026-09-01\n",
        ["row 2: support_until: is before support_from"],
    ),
    "an end before the beginning kept in the store": (
        "id,document_until\ns,2025-12-31\n",
        ["row 2: document_until: is before document_from"],
    ),
    "many themes": (
        f"id,kind,themes\na,drama,{'|'.join(map(str, range(13)))}\n",
        ["row 2: themes: has more than 12 themes"],
    ),
    "a long title": (
        f"id,kind,title\na,drama,{'长' * 513}\n",
        ["row 2: title: is longer than 512 characters"],
    ),
    "few and many values": (
        "id,kind,title\na,drama\nb,drama,x,y\n",
        ["row 2: has 2 values for 3 columns", "row 3: has 4 values for 3 columns"],
    ),
    "an unknown column": ("id,kind,colour\na,drama,red\n", ["row 1: colour: is not a column here"]),
    "an odd column": ('id,"co\nlour"\na,red\n', ["row 1: co\\nlour: is not a column here"]),
    "a column of another table": (
        "id,kind,subject_id\na,drama,s\n",
        ["row 1: subject_id: is not a column here"],
    ),
    "a column twice": ("id,kind,kind\na,drama,x\n", ["row 1: kind: stands twice in the header"]),
    "an empty column name": ("id,kind,\na,drama,\n", ["row 1: is not a column here"]),
    "semicolons": ("id;kind\na;drama\n", [HEADERS]),
    "no header": ("a,drama\n", [HEADERS]),
    "nothing": ("", [HEADERS]),
    "blank lines counted": (
        "id,kind\n\na,drama\n\nb,drum\n",
        [f"row 5: kind: `drum` is not one of {KINDS}"],
    ),
    "a quoted newline is one row": (
        'id,kind,title\na,drama,"x\ny\nz"\nb,drum,\n',
        [f"row 3: kind: `drum` is not one of {KINDS}"],
    ),
    "a quote left open": (
        'id,kind\na,drama\n"b,drama\nc2,drama\n',
        ["row 3: is not CSV: unexpected end of data"],
    ),
    "a quote left open in the header": ('id,"kind', ["row 1: is not CSV: unexpected end of data"]),
    "a quote inside": (
        'id,kind\n"a"b,drama\n',
        ["row 2: is not CSV: ',' expected after '\"'"],
    ),
    "a huge value": (
        f"id,kind,title\na,drama,{'x' * 200_000}\n",
        ["row 2: is not CSV: field larger than field limit (131072)"],
    ),
}
CLIPS = {
    "of nobody": (
        "candidate_id,subject_id\na,nobody\n",
        ["row 2: subject_id: `nobody` is not a known subject"],
    ),
    "of an odd one": (
        'candidate_id,subject_id\na,"x\ny"\n',
        ["row 2: subject_id: `x\\ny` is not a known subject"],
    ),
    "of none": (
        "candidate_id,subject_id\na,\n",
        ["row 2: subject_id: `` is not a known subject"],
    ),
    "of a clip": (
        "candidate_id,subject_id\na,c\n",
        ["row 2: subject_id: `c` is not a known subject"],
    ),
    "a subject": (
        "candidate_id,subject_id\ns,s\n",
        ["row 2: candidate_id: `s` is already the id of a subject"],
    ),
}
NO_CHAIN = "theme: an alias may not lead to another alias"
ALIASES = {
    "of nothing": ("tag,theme\na,\n", ["row 2: theme: is missing"]),
    "no theme column": ("tag\na\n", ["row 2: theme: is missing"]),
    "a long theme": (
        f"tag,theme\na,{'x' * 513}\n",
        ["row 2: theme: is longer than 512 characters"],
    ),
    "of itself": ("tag,theme\na,a\n", ["row 2: theme: `a` is an alias of itself"]),
    "a loop": ("tag,theme\na,b\nb,a\n", [f"row 3: {NO_CHAIN}"]),
    "a chain onto the store": ("tag,theme\na,总裁\n", [f"row 2: {NO_CHAIN}"]),
    "a chain under the store": ("tag,theme\n霸总,a\n", [f"row 2: {NO_CHAIN}"]),
    "a loop with the store": ("tag,theme\n霸总,总裁\n", [f"row 2: {NO_CHAIN}"]),
}
FAULTY = SUBJECTS | CLIPS | ALIASES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    with FactStore(tmp_path) as opened:
        for text in (
            "id,kind,document_from,title\ns,drama,2026-01-01,旧\n",
            "candidate_id,subject_id\nc,s\n",
            "tag,theme\n总裁,霸总\n",
        ):
            assert _read(opened, text).is_kept
        yield opened


def _read(store: FactStore, text: str | bytes, *, accept_partial: bool = False) -> Import:
    content = text.encode() if isinstance(text, str) else text
    return import_csv(store, "f.csv", content, at_us=1, accept_partial=accept_partial)


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_is_told_by_file_row_and_column_and_nothing_is_kept(
    store: FactStore, name: str
) -> None:
    text, faults = FAULTY[name]
    head = store.head()
    outcome = _read(store, text)
    assert [str(fault) for fault in outcome.faults] == [f"f.csv: {fault}" for fault in faults]
    assert not outcome.is_kept
    assert (outcome.changed, outcome.revision) == (0, head.revision)
    assert store.head() == head


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "latin-1"])
def test_text_that_is_not_utf_8_is_refused_with_its_row(store: FactStore, encoding: str) -> None:
    content = "id,kind,title\na,drama,x\nb,drama,é\n".encode(encoding)
    row = 1 if encoding == "utf-16" else 3
    (fault,) = _read(store, content).faults
    assert str(fault) == f"f.csv: row {row}: is not UTF-8 text"


@pytest.mark.parametrize("row", ["a\0,drama,", "a,drama,\0", 'a,drama,"x\0"'])
def test_a_nul_is_refused_with_its_row(store: FactStore, row: str) -> None:
    (fault,) = _read(store, f"id,kind,title\nb,room,\n{row}\n").faults
    assert str(fault) == "f.csv: row 3: holds a NUL character"


def test_the_good_rows_of_a_faulty_file_are_kept_only_on_demand(store: FactStore) -> None:
    text = "id,kind\na,drama\nb,drum\nd,room\na,video\n"
    outcome = _read(store, text, accept_partial=True)
    assert outcome.is_kept
    assert (outcome.rows, outcome.changed, len(outcome.faults)) == (4, 2, 2)
    assert outcome.revision == store.head().revision
    kinds = {key: row["kind"] for key, row in store.state("subject").items()}
    assert kinds == {"s": "drama", "a": "drama", "d": "room"}
    hopeless = _read(store, "id,kind\nx,drum\n", accept_partial=True)
    assert (hopeless.is_kept, hopeless.changed) == (False, 0)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_byte_order_marks_and_any_line_ending_are_understood(
    store: FactStore, mark: str, ending: str
) -> None:
    lines = ["id,kind,title,themes", 'a,drama,"第一,季", 甜宠 | 古装 ', "b,room,,"]
    outcome = _read(store, mark + ending.join(lines) + ending)
    assert (outcome.rows, outcome.changed, outcome.faults) == (2, 2, [])
    assert store.state("subject")["a"] == {
        "kind": "drama",
        "title": "第一,季",
        "themes": "甜宠 | 古装",
    }


def test_a_header_alone_is_a_file_without_rows(store: FactStore) -> None:
    outcome = _read(store, "id,kind\n")
    assert (outcome.rows, outcome.changed, outcome.is_kept) == (0, 0, True)


def test_what_looks_like_a_formula_is_text(store: FactStore) -> None:
    titles = ["=1+1", "+86", "-1", "@SUM(A1)", "\t=cmd|' /C calc'!A0"]
    rows = "".join(f'x{i},video,"{title}"\n' for i, title in enumerate(titles))
    assert _read(store, "id,kind,title\n" + rows).is_kept
    kept = store.state("subject")
    assert [kept[f"x{i}"]["title"] for i in range(5)] == [title.strip() for title in titles]


def test_a_file_read_again_changes_nothing(store: FactStore) -> None:
    text = "id,kind,title\na,drama,x\nb,room,\n"
    assert _read(store, text).changed == 2
    head = store.head()
    again = _read(store, text)
    assert (again.rows, again.changed, again.is_kept) == (2, 0, True)
    assert store.head() == head


def test_a_file_with_fewer_columns_keeps_the_others(store: FactStore) -> None:
    assert _read(store, "id,document\ns,licence\n").changed == 1
    kept = {"kind": "drama", "document": "licence", "document_from": "2026-01-01", "title": "旧"}
    assert store.state("subject")["s"] == kept
    assert _read(store, "id,title\ns,\n").changed == 1
    del kept["title"]
    assert store.state("subject")["s"] == kept


def test_a_claimed_document_needs_a_number_of_the_right_form(tmp_path: Path) -> None:
    header = "id,kind,document,document_status,document_number\n"
    truncated = "the issuer is missing; the year is missing; the serial is missing"
    for number, fault_told in (
        ("", "there is no text"),
        ("网微剧备字", truncated),
    ):
        content = f"{header}a,drama,platform_filing,claimed,{number}\n".encode()
        with FactStore(tmp_path) as store:
            outcome = import_csv(store, "a.csv", content, at_us=0)
        (fault,) = outcome.faults
        told = f"a.csv: row 2: document_number: `{number}` is no licence or filing number"
        assert str(fault) == f"{told}: {fault_told}"


def test_a_title_whose_number_contradicts_its_document_is_kept_and_quarantined(
    tmp_path: Path,
) -> None:
    header = "id,kind,document,document_status,document_number\n"
    for document, status, number in (
        ("licence", "verified", "（七猫）网微剧审字（2025）第01177号"),
        ("licence", "claimed", "（七猫）网微剧审字（2025）第01177号"),
        ("bureau_filing", "verified", "（七猫）网微剧备字（2025）第01177号"),
        ("licence", "verified", "（京）网微剧备字（2025）第001号"),
    ):
        content = f"{header}a,drama,{document},{status},{number}\n".encode()
        with FactStore(tmp_path) as store:
            outcome = import_csv(store, "a.csv", content, at_us=0)
            facts = Snapshot.load(store, tmp_path).facts
        assert outcome.is_kept
        (told,) = outcome.quarantined
        fault = f"`{number}` cannot be the number of {document}"
        after = "kept, and shown nowhere until it is cleared up"
        assert str(told) == f"a.csv: row 2: document_number: {fault}; {after}"
        assert facts.document[0] == Document.UNKNOWN
        assert facts.document_status[0] != DocumentStatus.VERIFIED


def test_no_register_holds_a_number_that_has_no_form(tmp_path: Path) -> None:
    header = "id,kind,document,document_status,document_number\n"
    content = f"{header}a,drama,platform_filing,verified,网微剧备字\n".encode()
    with FactStore(tmp_path) as store:
        assert import_csv(store, "a.csv", content, at_us=0).is_kept
        facts = Snapshot.load(store, tmp_path).facts
    assert facts.document_status[0] == DocumentStatus.UNKNOWN


def test_a_claimed_number_of_an_issuer_in_no_table_is_kept(tmp_path: Path) -> None:
    header = "id,kind,document,document_status,document_number\n"
    content = f"{header}a,drama,platform_filing,claimed,（某台）网微剧备字（2025）第1号\n".encode()
    with FactStore(tmp_path) as store:
        assert import_csv(store, "a.csv", content, at_us=0).is_kept
