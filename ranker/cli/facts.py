"""`slotwarden facts`: import them, and see what the store holds."""

import csv
import hashlib
import io
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from constraints.catalogue import compile_catalogue
from constraints.facts import date_of
from constraints.terms import Listing
from ranker.audit.desk import note_at_desk
from ranker.cli.shared import (
    Bar,
    DataDir,
    Json,
    facts_app,
    fail,
    print_json,
    settings_with,
)
from ranker.clock import day_at, now_us
from ranker.facts import aliases
from ranker.facts.importing import Fault, Import, import_csv, place_of
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore, Head
from ranker.policies.folder import PolicyFolder
from ranker.serving.state import NAMED_MAX
from ranker.settings import Settings

UNCONFIRMED: Final = (
    "{file}: {count} 行未经确认，没有导入 · {count} rows not confirmed, not imported"
)


@facts_app.command("import")
def facts_import(
    paths: Annotated[list[Path], typer.Argument(help="CSV files; the header says of what.")],
    data_dir: DataDir = None,
    accept_partial: Annotated[
        bool, typer.Option(help="Keep rows without a fault though others have one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import subjects, candidates, aliases or lists: a file whole or not at all.

    Of several files those that others name come first, whatever their order here.
    """
    refused = False
    outcomes = []
    contents = {path: path.read_bytes() for path in paths}
    where = settings_with(data_dir=data_dir).data_dir
    with FactStore(where) as store:
        for path, content in sorted(contents.items(), key=lambda one: place_of(one[1])):
            before = store.head()
            with Bar(path.name) as tick:
                outcome = import_csv(
                    store,
                    path.name,
                    content,
                    at_us=now_us(),
                    accept_partial=accept_partial,
                    tick=tick,
                )
            refused |= bool(outcome.faults)
            outcomes.append(outcome)
            digest = hashlib.sha256(content).hexdigest()
            _note("import", where, before, store.head(), f"{path.name} {digest}")
    for outcome in outcomes:
        if not as_json:
            report(outcome)
    if as_json:
        print_json([_import_json(outcome) for outcome in outcomes])
    if refused:
        raise typer.Exit(1)


@facts_app.command()
def takedown(
    subject: Annotated[str, typer.Argument(help="Id of the title or room.")],
    order_ref: Annotated[str, typer.Option(help="The order it rests on.")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, today unless given.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day, open unless given.")
    ] = None,
    note: Annotated[str, typer.Option(help="For people.")] = "",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take a title or room down: it stands on the list `takedown` from its first day on.

    Each order has an entry of its own, and none lifts another's. The same order told again changes
    its entry: with `--until` it ends.
    """
    entry = {
        "listing_id": _takedown_id(subject, order_ref),
        "list": Listing.TAKEDOWN.name.lower(),
        "member": subject,
        "order_ref": order_ref,
    }
    where = settings_with(data_dir=data_dir).data_dir
    with FactStore(where) as store:
        if since or entry["listing_id"] not in store.state("listing"):
            first = since.date() if since else date_of(day_at(now_us()))
            entry["from"] = first.isoformat()
        entry |= {"until": until.date().isoformat() if until else "", "note": note}
        text = io.StringIO()
        csv.writer(text).writerows([entry.keys(), entry.values()])
        content, before = text.getvalue().encode("utf-8", "surrogatepass"), store.head()
        outcome = import_csv(store, "takedown", content, at_us=now_us())
        _note("takedown", where, before, store.head(), f"{subject} {order_ref}")
    if as_json:
        print_json(_import_json(outcome))
    else:
        report(outcome)
    if outcome.faults:
        raise typer.Exit(1)


def _takedown_id(subject: str, order_ref: str) -> str:
    """Return the id of an order's entry; a listing's id may be no longer than a subject's."""
    digest = hashlib.sha256(f"{subject}\n{order_ref}".encode("utf-8", "surrogatepass"))
    return f"takedown {subject[:96]} {digest.hexdigest()[:16]}"


def _note(action: str, data_dir: Path, before: Head, after: Head, told: str) -> None:
    """Put a change of the facts on record, if there was one."""
    if after != before:
        was, now = (f"{head.revision} {head.digest.hex()}" for head in (before, after))
        note_at_desk(data_dir, action, was, now, told)


def report(outcome: Import) -> None:
    """Print what became of a file to standard error."""
    for fault in (*outcome.faults, *outcome.quarantined):
        print(fault, file=sys.stderr)
    kept = "kept" if outcome.is_kept else "refused, nothing was imported"
    if not outcome.rows and outcome.is_kept:
        kept = "the file has no rows"
    print(
        f"{outcome.file}: {outcome.rows} rows, {outcome.changed} changed, "
        f"{len(outcome.faults)} faults, {kept}; revision {outcome.revision}",
        file=sys.stderr,
    )
    if outcome.unconfirmed:
        print(UNCONFIRMED.format(file=outcome.file, count=outcome.unconfirmed), file=sys.stderr)


def _import_json(outcome: Import) -> dict[str, object]:
    names = ("file", "row", "column", "fault")

    def told(faults: list[Fault]) -> list[dict[str, object]]:
        return [{name: getattr(fault, name) for name in names} for fault in faults]

    return {
        "file": outcome.file,
        "rows": outcome.rows,
        "changed": outcome.changed,
        "unconfirmed": outcome.unconfirmed,
        "kept": outcome.is_kept,
        "revision": outcome.revision,
        "faults": told(outcome.faults),
        "quarantined": told(outcome.quarantined),
    }


@facts_app.command("status")
def facts_status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show what the store holds and costs, and check that its history was not changed."""
    settings = settings_with(data_dir=data_dir)
    folder = settings.data_dir
    if not (folder / "facts.sqlite").exists():
        fail(f"{folder}: holds no fact store")
    with FactStore(folder) as store:
        head, broken = store.head(), store.check()
        status: dict[str, object] = {
            "revision": head.revision,
            "digest": head.digest.hex(),
            "subjects": len(store.state("subject")),
            "candidates": len(store.state("candidate")),
            "aliases": len(aliases.in_force(store.state("alias"))),
            "listings": len(store.state("listing")),
            **_catalogue_status(settings, Snapshot.load(store, folder)),
            "first_broken_revision": broken,
        }
    if as_json:
        print_json(status)
    else:
        history = f"broken at revision {broken}" if broken else "intact"
        for name, value in {**status, "first_broken_revision": history}.items():
            print(f"{name.replace('first_broken_revision', 'history')}: {value}")
    if broken:
        raise typer.Exit(1)


def _catalogue_status(settings: Settings, snapshot: Snapshot) -> dict[str, object]:
    """Compile a snapshot for today and the policy in settings, and tell what comes of it."""
    rules = PolicyFolder(settings.policy_dir).policy.compiled
    catalogue = compile_catalogue(rules, snapshot.facts, day_at(now_us()))
    quarantined = catalogue.quarantined
    index_bytes = sum(column.nbytes for column in snapshot.index.columns().values())
    return {
        "rows": len(catalogue),
        "bytes_a_row": round(catalogue.bytes_a_row + index_bytes / len(catalogue), 1),
        "facts_bytes_a_row": round(catalogue.facts_bytes_a_row, 1),
        "quarantined_rows": len(quarantined),
        "quarantined_ids": snapshot.ids(quarantined, NAMED_MAX),
    }
