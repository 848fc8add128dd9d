"""Generates the sample catalogue that is shipped in `ranker/sample`: the same bytes everywhere.

What is real, what is made up and by which rule stands in `ranker/sample/README.md`; the shares are
in `catalogue/shares.toml`, the words in `catalogue/words.toml`, the page in `catalogue/home.toml`.
"""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from training.catalogue.dramas import Dramas, real_titles
from training.catalogue.draw import Draw, Row, csv_bytes, load
from training.catalogue.home import Page, clips
from training.catalogue.lists import COLUMNS as LISTING_COLUMNS
from training.catalogue.lists import listings
from training.catalogue.papers import COLUMNS as PAPERS
from training.catalogue.papers import drama_papers, real_papers, room_papers, video_papers
from training.catalogue.rooms import most_viewed, rooms, utilities, videos

SEED: Final = 20261124  # one of those by which orders and poor grades meet well-viewed rooms
TITLES: Final = 2300
ROOMS: Final = 650
TITLES_MAX: Final = 1_000_000  # LIMIT: generated dramas, all held in memory
SUBJECT_COLUMNS: Final = (
    "id",
    "title",
    "kind",
    "document",
    "document_number",
    "document_status",
    "document_from",
    "document_until",
    "recheck",
    "themes",
    "support",
    "support_list",
    "support_from",
    "support_until",
    "plan",
    "plan_batch",
    "plan_listed_on",
    "room_grade",
    "anchor_grade",
    "rated_on",
    "restriction",
    "restriction_from",
    "restriction_until",
    *PAPERS,
)


def build(
    data: Path, seed: int = SEED, titles: int = TITLES, room_count: int = ROOMS
) -> dict[str, bytes]:
    """Generate the catalogue.

    Args:
        data: folder with `nrta-microdrama` and `twitch-streamers`.
        seed: of all draws.
        titles: dramas to generate, next to the real ones.
        room_count: live rooms; at most as many as there are streamers.

    Returns:
        File name → content.

    Raises:
        OSError: a source file is missing.
    """
    words, shares = load("words.toml"), load("shares.toml")
    real = real_titles(_read_csv(data / "nrta-microdrama" / "titles.csv"), words)
    labels = _official_labels(data / "nrta-microdrama" / "filing_theme_stats.csv")
    taken = [row["title"] for row in real]
    made = Dramas(Draw(seed, "dramas"), words, shares, labels, taken).rows(titles)
    twitch = data / "twitch-streamers"
    streamers = most_viewed(
        _read_csv(twitch / "TW_target.csv.gz"),
        _read_json(twitch / "TW_features.json.gz"),
        room_count,
    )
    live = rooms(streamers, Draw(seed, "rooms"), words["rooms"], shares)
    others = videos(Draw(seed, "videos"), words["videos"])
    papers = load("papers.toml")
    real = [row | real_papers(row) for row in real]
    made = [row | drama_papers(row, seed, papers) for row in made]
    live = [row | room_papers(row, seed, papers) for row in live]
    subjects = real + made + live + [row | video_papers() for row in others]
    clip_ids = clips(real + made, Draw(seed, "clips"), shares)
    scores = dict(zip((row["id"] for row in live), utilities(streamers), strict=True))
    page = Page(subjects, words["aliases"], clip_ids, scores, Draw(seed, "home"))
    return {
        "subjects.csv": csv_bytes(SUBJECT_COLUMNS, map(_written, subjects)),
        "candidates.csv": _pairs(("candidate_id", "subject_id"), clip_ids),
        "listings.csv": csv_bytes(LISTING_COLUMNS, listings(made, live)),
        "aliases.csv": _pairs(("tag", "theme"), words["aliases"]),
        "home.json": page.fill(load("home.toml")),
        "LICENSE.twitch-mit.txt": (twitch / "LICENSE.MIT.txt").read_bytes(),
    }


def command(
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with nrta-microdrama/ and twitch-streamers/.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)],
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = SEED,
    titles: Annotated[
        int, typer.Option(help="Dramas to generate.", min=0, max=TITLES_MAX)
    ] = TITLES,
    rooms: Annotated[int, typer.Option(help="Live rooms.", min=0)] = ROOMS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Generate the sample catalogue: dramas, live rooms, clip ids, aliases and a request."""
    try:
        files = build(data, seed, titles, rooms)
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from None
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
        if not as_json:
            typer.echo(f"{len(content):>9,} bytes  {out / name}")
    if as_json:
        typer.echo(json.dumps({name: len(content) for name, content in files.items()}))


def _read_csv(path: Path) -> list[Row]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as raw:
        return list(csv.DictReader(io.StringIO(raw.read().decode(), newline="")))


def _read_json(path: Path) -> dict[str, list[int]]:
    with gzip.open(path, "rb") as raw:
        parsed: dict[str, list[int]] = json.loads(raw.read())
    return parsed


def _official_labels(path: Path) -> dict[str, int]:
    """Read titles filed by official label: micro-dramas in Beijing, December 2023."""
    wanted: dict[str, Any] = {"month": "2023-12", "medium": "micro_drama", "scope": "Beijing"}
    rows = [row for row in _read_csv(path) if all(row[k] == v for k, v in wanted.items())]
    return {row["theme"]: int(row["titles"]) for row in rows}


def _written(row: Row) -> Row:
    """Leave out what is no column: a note for those who choose the page."""
    return {name: text for name, text in row.items() if name != "is_in_order"}


def _pairs(header: tuple[str, str], pairs: dict[str, str]) -> bytes:
    left, right = header
    return csv_bytes(header, ({left: key, right: value} for key, value in pairs.items()))
