"""Holds that Spark answers the canned questions as DuckDB does: `make test-engines`.

Not part of the suite: it needs Java 17 and an environment with pyspark, whose Python is given.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ranker.audit.tables.asking import Asking, ask
from ranker.audit.tables.kinds import LOGGED
from ranker.audit.tables.manifest import FOLDER, Manifest
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.registers import REGISTERS
from ranker.audit.tables.rotating import rotate
from ranker.v1 import exposure_pb2
from tests.logged import CLIP, decisions, logging
from tests.serving import NOW_US, request

ROWS = 1_000


def main(words: list[str]) -> int:
    (python,) = words
    with TemporaryDirectory() as name:
        folder = Path(name)
        with logging(folder) as app:
            reply = app.rerank(request())
            shown = [
                exposure_pb2.Exposure(decision_id=reply.decision_id, slot=n, shown_at_us=NOW_US)
                for n in range(3)
            ]
            told_of = exposure_pb2.ReportRequest(exposures=shown)
            app.server.reporter.report(told_of.SerializeToString())
        rotate(folder)
        asked = dict(_asked(folder))
        spark = _spark(python, folder, asked)
        wrong = [name for name, one in asked.items() if not _is_same(folder, name, one, spark)]
    told = [f"{each}: Spark and DuckDB differ" for each in wrong]
    found = sum(bool(spark[each]["rows"]) for each in asked)
    told.append(
        f"{len(asked) - len(wrong)} of {len(asked)} answers are the same, {found} not empty"
    )
    sys.stdout.write("\n".join(told) + "\n")
    return bool(wrong) or found < len(asked) // 2


def _asked(folder: Path) -> Iterator[tuple[str, Asking]]:
    """Yield every question, with values that find something and one that finds nothing."""
    values = {
        "title": ["剧", "改名", "nobody"],
        "number": ["（京）网微剧审字（2025）"],
        "room": ["room-a"],
        "anchor": ["hash"],
        "candidate": [CLIP],
        "decision": [decisions(folder)[4].id],
        "surface": ["theatre"],
        "rule": ["first-screen-licence", "theme-spread", "quality-support", "room-rating"],
        "blocked": ["", "room-rating"],
    }
    for name in QUESTIONS:
        for value in values.get(name, [""]):
            for surface in ("", "home"):
                yield (
                    f"{name} {value} {surface}".strip(),
                    Asking(name, value, surface=surface, rows=ROWS),
                )


def _spark(python: str, folder: Path, asked: dict[str, Asking]) -> dict[str, Any]:
    root = folder / FOLDER
    manifest = Manifest.load(root)
    assert manifest is not None
    tables = {
        table.name: {
            "root": str(root / table.name),
            "files": [str(root / f.path) for f in manifest.files if f.table == table.name],
        }
        for table in (*LOGGED, *REGISTERS)
    }
    questions = {}
    for name, one in asked.items():
        sql, values = one.task()
        questions[name] = {"sql": sql.replace("$", ":"), "values": values}
    script = Path(__file__).with_name("spark_asks.py")
    told = json.dumps({"tables": tables, "questions": questions})
    done = subprocess.run([python, str(script)], input=told.encode(), stdout=-1, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _is_same(folder: Path, name: str, asking: Asking, spark: dict[str, Any]) -> bool:
    ours, theirs = ask(folder, asking), spark[name]
    assert not ours.more
    return list(ours.columns) == theirs["columns"] and ours.rows == theirs["rows"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
