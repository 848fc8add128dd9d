"""Asks policy engines which titles rules let stand: JSON in, JSON out.

Run by the peers' own Python, so it imports nothing of this project. Each engine gets its best case:
rules compiled and facts of the whole catalogue loaded ahead; what is timed is the question for a
page, in processor time. The rules stand in `eligible.cel`, `.cedar` and `.rego`; days are whole
numbers.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cedarpy
import cel
from regopy import Interpreter

Title = dict[str, Any]
Ask = Callable[[list[int]], list[bool]]


def ask_cel(titles: Sequence[Title], today: int) -> Ask:
    """Evaluate one expression a title, in a context of its own."""
    rule = cel.compile(_rules("cel"))
    contexts = []
    for title in titles:
        context = cel.Context()
        context.update({**title, "today": today})
        contexts.append(context)
    return lambda rows: [rule.execute(contexts[row]) for row in rows]


def ask_cedar(titles: Sequence[Title], today: int) -> Ask:
    """Ask once a page for all its titles."""
    policies = cedarpy.PolicySet.from_str(_rules("cedar"))
    entities = [
        {"uid": _named("Title", str(row)), "attrs": title, "parents": []}
        for row, title in enumerate(titles)
    ]
    held = cedarpy.Entities.from_json_str(json.dumps(entities))
    who = {"principal": _named("Service", "feed"), "action": _named("Action", "show")}
    context = json.dumps({"today": today})
    asked = [
        {**who, "resource": _named("Title", str(row)), "context": context}
        for row in range(len(titles))
    ]

    def ask(rows: list[int]) -> list[bool]:
        page = [asked[row] for row in rows]
        return [one.allowed for one in cedarpy.is_authorized_batch(page, policies, held)]

    return ask


def ask_rego(titles: Sequence[Title], today: int) -> Ask:
    """Ask once a page for those that may stand, by a plan compiled ahead."""
    rego = Interpreter()
    rego.add_module("slots", _rules("rego"))
    rego.add_data({"titles": titles})
    plan = rego.build(None, ["slots/may"])

    def ask(rows: list[int]) -> list[bool]:
        rego.set_input({"rows": rows, "today": today})
        told = json.loads(str(rego.query_bundle_entrypoint(plan, "slots/may")))
        may = set(told["expressions"][0])
        return [row in may for row in rows]

    return ask


ENGINES = {
    "CEL": ("common-expression-language", ask_cel),
    "Cedar": ("cedarpy", ask_cedar),
    "Rego": ("regopy", ask_rego),
}


def _named(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _rules(language: str) -> str:
    return Path(__file__).with_name(f"eligible.{language}").read_text("utf-8")


def main() -> None:
    """Answer for every engine: its version, what it allows, and what that takes."""
    asked = json.load(sys.stdin)
    titles, pages = asked["titles"], asked["pages"]
    told = {}
    for name, (package, make) in ENGINES.items():
        begun = time.process_time()
        ask = make(titles, asked["today"])
        once_us = (time.process_time() - begun) * 1e6 / len(titles)
        ask(pages[0])  # warm
        allowed, micros = [], []
        for rows in pages:
            begun = time.process_time()
            allowed.append(ask(rows))
            micros.append((time.process_time() - begun) * 1e6)
        told[name] = {
            "version": f"{package} {version(package)}",
            "allowed": allowed,
            "micros": micros,
            "once_us": once_us,
        }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
