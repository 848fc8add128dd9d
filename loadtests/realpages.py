"""Runs pages built from real data against the real server, and judges every reply.

Run `python -m loadtests.realpages --help`. The facts are assigned as `seeding.py` says and imported
through the product's own import; the replies are judged by `judge.py`, which shares no code with
the product. A server named by `--address` must be otherwise idle, serve the shipped policy, and
hold no facts of a run with another seed. Exit code: 0 when every figure that must be 0 is 0, else
1; 2 when there is nothing to run on.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from loadtests import serving
from loadtests.client import Client
from loadtests.data import missing, read
from loadtests.judge import SHANGHAI
from loadtests.pages import DATA_SETS, Pages
from loadtests.progress import progress
from loadtests.report import Summary, as_json, print_table, summarise
from loadtests.run import Books, ask, judge_all
from loadtests.seeding import Registry, register
from loadtests.statute import Law, Ledger
from loadtests.traffic import DATA, POLICIES


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.realpages",
        description="Run pages built from real data against the server and judge every reply.",
    )
    parser.add_argument(
        "--pages", type=int, default=5000, metavar="N", help="pages of each data set"
    )
    parser.add_argument(
        "--solver",
        choices=serving.SOLVERS,
        default="kernel",
        help="the product's, or a hostile one that its verifier must survive",
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="a server that runs already")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="its data folder")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the data sets")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of facts and pages")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    return parser


def main(words: list[str] | None = None) -> int:
    """Run, print, and return the exit code."""
    parser = arguments()
    asked = parser.parse_args(words)
    if asked.pages < 1:
        parser.error("--pages: must be at least 1")
    if bool(asked.address) != bool(asked.data_dir):
        parser.error("--address and --data-dir go together")
    if asked.address and asked.solver != "kernel":
        parser.error("--solver: a server that runs has its own")
    if lacking := missing(asked.data):
        print(f"{asked.data}: has no {', '.join(lacking)}; see --data", file=sys.stderr)
        return 2
    try:
        summaries = measure(asked)
    except serving.ServerError as error:
        print(error, file=sys.stderr)
        return 2
    for name, summary in summaries.items():
        for example in summary.examples:
            print(f"{name}: {example}", file=sys.stderr)
    told = as_json(summaries, solver=asked.solver, seed=asked.seed)
    if asked.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print_table(summaries, f"real pages, solver {asked.solver}, seed {asked.seed}")
    return 0 if told["is_clean"] else 1


def measure(asked: argparse.Namespace) -> dict[str, Summary]:
    """Run the pages of every data set against one server.

    Returns:
        Data set → its figures.
    """
    data = read(asked.data)
    registry = register(data, asked.seed, datetime.now(SHANGHAI).date())
    ledger = Ledger(registry.subjects, registry.clips, registry.aliases)
    policies = {path.name: path.read_text("utf-8") for path in sorted(POLICIES.glob("*.toml"))}
    law = Law(policies.values())
    source = Pages(data, registry, asked.seed)
    with _server(asked, registry, policies) as server, Client(server[0]) as client:
        _, revision, data_dir = server
        first = next(source.build(DATA_SETS[0], 1))
        serving.wait_for_revision(client, first, revision)
        runs = {}
        for name in DATA_SETS:
            with progress(f"{name}: asking", asked.pages) as tick:
                runs[name] = ask(client, source.build(name, asked.pages), tick)
        books = Books(revision, serving.decisions_of(data_dir))
    summaries = {}
    for name, run in runs.items():
        with progress(f"{name}: judging", len(run.pages)) as tick:
            verdicts = list(judge_all(run.pages, ledger, law, tick))
        faults = books.faults(reply for _, reply in run.pages)
        is_hostile = asked.solver != "kernel"
        summaries[name] = summarise(run, verdicts, faults, is_hostile=is_hostile)
    return summaries


@contextmanager
def _server(
    asked: argparse.Namespace, registry: Registry, policies: dict[str, str]
) -> Iterator[tuple[str, int, Path]]:
    if asked.address:
        revision = serving.import_facts(registry, asked.data_dir)
        yield asked.address, revision, asked.data_dir
        return
    with serving.own_server(registry, policies, asked.solver) as server:
        yield server


if __name__ == "__main__":
    sys.exit(main())
