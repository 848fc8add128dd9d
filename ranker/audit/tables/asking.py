"""Asks questions of the tables: checks what was asked, and runs the engine beside this process."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from constraints.errors import OverloadedError, RequestError, SettingsError, quoted
from constraints.faults import did_you_mean
from constraints.law import law_rows
from ranker.audit.logs import homes_of
from ranker.audit.tables.manifest import FOLDER
from ranker.audit.tables.parquet import MISSING
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.registers import number_key
from ranker.audit.tables.rotating import signed_size
from ranker.audit.tables.schema import MANY

ROWS_MAX: Final = 1_000_000  # LIMIT: rows of one answer; a worksheet holds hardly more
SECONDS_MAX: Final = 600.0  # LIMIT: of one question
MEMORY_MB: Final = 2_048  # LIMIT: of one question
SQL_CHARS_MAX: Final = 20_000  # LIMIT: of a question in SQL
VALUE_CHARS_MAX: Final = 512  # LIMIT: of a value
FIRST, LAST = date(1970, 1, 1), date(9999, 12, 31)
_END_S: Final = 10.0  # after its time is over the engine is stopped from outside


@dataclass(frozen=True)
class Asking:
    """What is asked.

    Attributes:
        question: one of QUESTIONS, or empty where `sql` is given.
        value: the question's own: a title, an id.
        begin, end: first and last day in Shanghai.
        surface: name of one, or empty for all.
        rows: at most.
        seconds: at most.
        threads: at most.
        sql: one SELECT.
        values: of the names in it.
    """

    question: str = ""
    value: str = ""
    begin: date = FIRST
    end: date = LAST
    surface: str = ""
    rows: int = 1_000
    seconds: float = 30.0
    threads: int = 2
    sql: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def task(self) -> tuple[str, dict[str, Any]]:
        """Return the SQL and its values.

        Raises:
            RequestError: naming the field at fault.
        """
        self._check()
        if self.sql:
            return self.sql, dict(self.values)
        question = QUESTIONS[self.question]
        value = number_key(self.value) if self.question == "number" else self.value
        told = {
            "begin": self.begin.isoformat(),
            "end": self.end.isoformat(),
            "surface": self.surface,
            "value": value,
            "rows": self.rows + 1,
        }
        return question.sql, {name: told[name] for name in question.names}

    def _check(self) -> None:
        if bool(self.sql) == bool(self.question):
            raise RequestError("question: give one, or SQL", field="question")
        if len(self.sql) > SQL_CHARS_MAX:
            raise RequestError(f"sql: is longer than {SQL_CHARS_MAX} characters", field="sql")
        if not 1 <= self.rows <= ROWS_MAX:
            raise RequestError(f"limit: must be 1 to {ROWS_MAX}", field="limit")
        if not 0 < self.seconds <= SECONDS_MAX:
            raise RequestError(f"seconds: must be above 0, and at most {SECONDS_MAX:g}")
        for name, text in (("value", self.value), ("surface", self.surface)):
            if len(text) > VALUE_CHARS_MAX or not text.isprintable():
                fault = f"must be at most {VALUE_CHARS_MAX} characters that print"
                raise RequestError(f"{name}: {fault}", field=name)
        if self.begin > self.end:
            raise RequestError("from: must not be after until", field="from")
        if not self.sql:
            self._check_question()

    def _check_question(self) -> None:
        found = QUESTIONS.get(self.question)
        if found is None:
            hint = did_you_mean(self.question, set(QUESTIONS))
            fault = f"question: `{quoted(self.question)}` is not known{hint}"
            raise RequestError(fault, field="question")
        if found.needs_value and not self.value:
            assert found.value is not None
            fault = f"value: `{self.question}` needs one: {found.value[1]}"
            raise RequestError(fault, field="value")
        if found.value is None and self.value:
            raise RequestError(f"value: `{self.question}` takes none", field="value")


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        columns: name → type.
        rows: values, each of its column's type or None.
        more: there are more rows than were wanted.
        last_sequence: of the last record the tables reach, added up over the logs of all workers;
            rotated_us: since when, the oldest of them.
        signed: records under the checkpoints at this moment, added up.
        left_out: places of the log that are not whole records.
    """

    columns: dict[str, str]
    rows: list[list[Any]] = field(repr=False)
    more: bool
    last_sequence: int
    rotated_us: int
    signed: int
    left_out: int

    def with_articles(self, lang: str) -> "Answer":
        """Return it with what its sources are, as acts and articles, in `zh` or `en`."""
        names = list(self.columns)
        if "sources" not in names or "articles" in names:
            return self
        at, known = names.index("sources"), law_rows()

        def told(cell: Any) -> Any:
            sources = dict.fromkeys(str(cell or "").split(MANY))
            found = [known[source].citation(lang) for source in sources if source in known]
            return "；".join(found) if lang == "zh" else "; ".join(found)

        rows = [[*row, told(row[at])] for row in self.rows]
        fields = self.__dict__ | {"columns": {**self.columns, "articles": "text"}, "rows": rows}
        return Answer(**fields)


def ask(data_dir: Path, asking: Asking) -> Answer:
    """Ask the tables of a log.

    Args:
        data_dir: their folder `query` is asked.
        asking: what.

    Raises:
        RequestError: it cannot be asked like that.
        SettingsError: there are no tables, or a library is missing.
        OverloadedError: it took too long or too much memory.
    """
    sql, values = asking.task()
    if find_spec("duckdb") is None:
        raise SettingsError(MISSING)
    task = {
        "roots": [str((home / FOLDER).resolve()) for home in homes_of(data_dir) or [data_dir]],
        "sql": sql,
        "values": values,
        "rows": asking.rows,
        "seconds": asking.seconds,
        "threads": asking.threads,
        "memory_mb": MEMORY_MB,
    }
    told = _told(task, asking.seconds)
    if "No files found" in told.get("refused", "") or "No such file" in told.get("refused", ""):
        told = _told(task, asking.seconds)  # a rotation put others in their place meanwhile
    if "refused" in told:
        raise _refusal(told["refused"])
    signed = sum(map(signed_size, homes_of(data_dir)))
    return Answer(signed=signed, **told | {"columns": dict(told["columns"])})


def _told(task: dict[str, Any], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "ranker.audit.tables.engine"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(task).encode(),
            capture_output=True,
            check=False,
            timeout=seconds + _END_S,
        )
    except subprocess.TimeoutExpired:
        return {"refused": f"it took longer than {seconds:g} seconds"}
    if done.returncode != 0:  # the kernel took it for its memory, say
        return {"refused": "the engine ended without an answer"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _refusal(why: str) -> Exception:
    if why.startswith(("it took longer", "the ")) or "Out of Memory" in why:
        return OverloadedError(why, reason="QUERY_TOO_LARGE")
    if why.startswith("there are no tables"):
        return SettingsError(why)
    return RequestError(f"sql: {why}", field="sql")
