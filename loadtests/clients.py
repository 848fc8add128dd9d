"""Builds the example clients and runs each against real servers that stop, refuse, or are ill.

`python -m loadtests.clients [--only LANGUAGE] [--transcript FILE]`: each must show what the server
decides, then its fallback slate, and nothing once that has expired, a page every `PACE_S` all the
while; and repeat calls as `docs/clients.md` says, neither sooner nor more often.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from loadtests.client_builds import BUILDERS, MissingError
from loadtests.client_runs import (
    Flood,
    Line,
    Refusal,
    Running,
    counted,
    decided,
    free_port,
    identities,
    refusals,
)
from loadtests.process import serving

LASTS_S: Final = 3  # of a fallback slate, where the server stops
RUNS_S: Final = 9
PACE_S: Final = 0.2  # between two pages of a client
SHARE_MIN: Final = 0.8  # of the pages that the pace allows
CALLS_PER_S: Final = 17
"""The quota: a wait is 60 ms at most, far less than a page, and in no step with pages."""
FLOODED_S: Final = 6
ROUNDING_S: Final = 0.002  # of the instants in the server's log
OLD_S: Final = 5  # facts older than that are not used
ILL_S: Final = 3
FITS: Final = 20  # candidates of a page that is not too large
REPEATS_MAX: Final = 5  # of a call that nobody answered
Found = tuple[list[str], list[str]]
"""What a run showed, and faults."""


def main(words: list[str] | None = None) -> int:
    """Build and run all, and fail where one does not do as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(BUILDERS), default="")
    parser.add_argument("--transcript", type=Path)
    asked = parser.parse_args(words)
    told, failed = [], 0
    for language, build in BUILDERS.items():
        if asked.only not in ("", language):
            continue
        with TemporaryDirectory(prefix="clients-") as folder:
            try:
                command = build(Path(folder))
            except MissingError as error:
                told.append(f"## {language}: not run, {error}\n")
                print(told[-1])
                continue
            lines = [f"## {language}"]
            for run in RUNS:
                data_dir = Path(folder) / run.__name__
                data_dir.mkdir()
                shown, faults = run(command, data_dir)
                failed += bool(faults)
                lines += [*shown, *faults]
        told.append("\n".join(lines) + "\n")
        print(told[-1])
    if asked.transcript:
        asked.transcript.write_text("\n".join(told), encoding="utf-8")
    return 1 if failed else 0


def _stopped(command: list[str], data_dir: Path) -> Found:
    """Stop the server under a client."""
    with serving(data_dir, fallback_s_max=str(LASTS_S)) as served:
        lawful = decided(served.address)
        client = Running(command, served.address, data_dir, seconds=RUNS_S)
        client.begun()
        time.sleep(RUNS_S / 3)
    stopped_s = time.time()
    faults = _faults(client, {lawful})
    order = [line.origin for line in client.lines]
    if list(dict.fromkeys(order)) != ["decided", "fallback", "none"] or order != sorted(order):
        faults.append("FAULT: it must be decided, then fallback, then none")
    came = sum(line.at_s > stopped_s for line in client.lines)
    until_s = client.lines[0].at_s + RUNS_S if client.lines else stopped_s + RUNS_S
    allowed = int((until_s - stopped_s) / PACE_S)
    if came < SHARE_MIN * allowed:
        faults.append(f"FAULT: {came} pages came, the pace allows {allowed}")
    faults += client.said() if faults else []
    told = f"the server stops; {came} pages after that, the pace allows {allowed}"
    return [told, *_shortened(client.lines)], faults


def _flooded(command: list[str], data_dir: Path) -> Found:
    """Use up the quota of a client that holds a fallback slate."""
    token, path = identities(data_dir, ("Rerank", "FallbackSlate"), CALLS_PER_S)
    with serving(data_dir, identities=str(path)) as served:
        lawful = decided(served.address, token)
        client = Running(command, served.address, data_dir, seconds=FLOODED_S, token=token)
        client.begun()
        time.sleep(1)  # for its fallback slate
        flooded_s = time.time()
        with Flood(served.address, token):
            faults = _faults(client, {lawful})
    refused = refusals(data_dir / "server.log")
    shown = Counter(line.origin for line in client.lines if line.at_s > flooded_s)
    faults += _faults_of_refused(shown, refused)
    faults += client.said() if faults else []
    told = f"its quota is used up; of its calls {len(refused)} refused, for these pages"
    return [told, *(f"{shown[origin]:>3} × {origin}" for origin in sorted(shown))], faults


def _faults_of_refused(shown: Counter[str], refused: list[Refusal]) -> list[str]:
    """Say what a client did wrong that was told when to come back.

    Args:
        shown: how many pages came from where.
        refused: its calls that were refused, in order.
    """
    faults = []
    if shown["none"]:
        faults.append("FAULT: it showed nothing while a fallback slate held")
    if not shown["fallback"]:
        faults.append("FAULT: no page was refused twice: the run proves nothing")
    least = 2 * shown["fallback"]
    most = least + shown["decided"]  # a page that is decided may have been refused once
    if not least <= len(refused) <= most:
        faults.append(
            f"FAULT: {len(refused)} refusals, where one repetition makes {least} to {most}"
        )
    for before, after in pairwise(refused):
        waited_s = after.at_s - before.at_s
        if waited_s < before.retry_s - ROUNDING_S:
            told = f"{waited_s * 1000:.0f} ms, it was told {before.retry_s * 1000:.0f}"
            faults.append(f"FAULT: it came back after {told}")
    return faults


def _ill(command: list[str], data_dir: Path) -> Found:
    """Refuse pages for good, then leave them unanswered for now."""
    token, path = identities(data_dir, ("Rerank",), 1_000)
    port, told, faults = free_port(), list[str](), list[str]()
    with serving(
        data_dir,
        identities=str(path),
        metrics_port=str(port),
        request_bytes_max="1024",
        age_s_max=str(OLD_S),
        age_s_strict=str(OLD_S),
        poll_s="3600",
    ) as served:
        time.sleep(OLD_S)
        for reason, status, rows, least, most in (
            ("REQUEST_TOO_LARGE", "RESOURCE_EXHAUSTED without a time", 0, 1, 1),
            ("FACTS_TOO_OLD", "UNAVAILABLE", FITS, 2, 1 + REPEATS_MAX),
        ):
            client = Running(
                command, served.address, data_dir, seconds=ILL_S, token=token, rows=rows
            )
            faults += _faults(client, {""})
            pages, calls = len(client.lines), counted(port, reason)
            told.append(f"{status}; {pages} pages, none shown, {calls} calls")
            if not pages or not least * pages <= calls <= most * pages:
                faults.append(f"FAULT: {least} to {most} calls a page it must be")
            faults += client.said() if faults else []
    return told, faults


def _faults(client: Running, lawful: set[str]) -> list[str]:
    """Wait for a client's end, and say what it showed that it must not.

    Args:
        client: still runs.
        lawful: pages it may show, as it prints them.
    """
    code = client.ended()
    faults = [] if code == 0 else [f"FAULT: it ended with {code}"]
    for line in client.lines:
        if line.origin not in ("decided", "fallback", "none"):
            faults.append(f"FAULT: it said {line.origin}")
        elif line.shown not in ({""} if line.origin == "none" else lawful):
            faults.append(f"FAULT: {line.origin} {line.shown} is not what the server decides")
    return faults


def _shortened(lines: list[Line]) -> list[str]:
    """Return each line once, with how often it stood in a row."""
    told: list[tuple[str, int]] = []
    for line in lines:
        text = f"{line.origin} {line.shown}".rstrip()
        if told and told[-1][0] == text:
            told[-1] = (text, told[-1][1] + 1)
        else:
            told.append((text, 1))
    return [f"{count:>3} × {text}" for text, count in told]


RUNS: Final[tuple[Callable[[list[str], Path], Found], ...]] = (_stopped, _flooded, _ill)


if __name__ == "__main__":
    raise SystemExit(main())
