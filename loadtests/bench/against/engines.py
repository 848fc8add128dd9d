"""Asks policy engines which titles rules let stand: JSON in, JSON out.

Run by the peers' own Python, so it imports nothing of this project. Each engine gets its best case:
policies compiled and facts loaded ahead; what is timed is the question for a page. Days are whole
numbers, -1 for unknown; unknown words are empty.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import cedarpy
from cel_expr_python import cel
from regopy import Interpreter

Title = dict[str, Any]
Pages = list[list[Title]]
Question = Callable[[], list[bool]]
# Each rule: when it forbids, in three languages. They are those of eligible.toml.
CEL = """
!(
  (t.kind == "drama" && t.provider_until < today)
  || (t.kind == "drama" && t.platform_review != "yes")
  || (t.kind == "drama" && t.ai_generated in ["yes", "suspected", ""] && t.ai_label != "all")
  || (t.kind in ["drama", "room"] && t.minor_impact != "none")
  || (t.kind == "drama" && t.uploader in ["individual", ""] && !(t.account_grade in ["a", "b"]))
  || (t.kind == "room" && !(t.merchant in ["no_commerce", "verified"]))
  || (t.kind == "room" && !(t.operator_grade in ["a", "b", "c"]))
)
"""
CEDAR = """
permit(principal, action, resource);
forbid(principal, action, resource)
when { resource.kind == "drama" && resource.provider_until < context.today };
forbid(principal, action, resource)
when { resource.kind == "drama" && resource.platform_review != "yes" };
forbid(principal, action, resource)
when { resource.kind == "drama" && ["yes", "suspected", ""].contains(resource.ai_generated)
       && resource.ai_label != "all" };
forbid(principal, action, resource)
when { ["drama", "room"].contains(resource.kind) && resource.minor_impact != "none" };
forbid(principal, action, resource)
when { resource.kind == "drama" && ["individual", ""].contains(resource.uploader)
       && !["a", "b"].contains(resource.account_grade) };
forbid(principal, action, resource)
when { resource.kind == "room" && !["no_commerce", "verified"].contains(resource.merchant) };
forbid(principal, action, resource)
when { resource.kind == "room" && !["a", "b", "c"].contains(resource.operator_grade) };
"""
REGO = """
package slots

import rego.v1

forbidden(t) if { t.kind == "drama"; t.provider_until < input.today }
forbidden(t) if { t.kind == "drama"; t.platform_review != "yes" }
forbidden(t) if {
    t.kind == "drama"; t.ai_generated in {"yes", "suspected", ""}; t.ai_label != "all"
}
forbidden(t) if { t.kind in {"drama", "room"}; t.minor_impact != "none" }
forbidden(t) if {
    t.kind == "drama"; t.uploader in {"individual", ""}; not t.account_grade in {"a", "b"}
}
forbidden(t) if { t.kind == "room"; not t.merchant in {"no_commerce", "verified"} }
forbidden(t) if { t.kind == "room"; not t.operator_grade in {"a", "b", "c"} }

out contains number if { title := data.titles[input.page][number]; forbidden(title) }
"""


def ask_cel(pages: Pages, today: int) -> Iterator[Question]:
    """Evaluate the expression once a title."""
    known = {"t": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "today": cel.Type.INT}
    env = cel.NewEnv(variables=known)
    rule = env.compile(CEL)
    ready = [[env.Activation({"t": title, "today": today}) for title in page] for page in pages]
    for page in ready:

        def ask(page: list[Any] = page) -> list[bool]:
            return [bool(rule.eval(one).value()) for one in page]

        yield ask


def ask_cedar(pages: Pages, today: int) -> Iterator[Question]:
    """Ask once a page for all its titles."""
    policies = cedarpy.PolicySet.from_str(CEDAR)
    for page in pages:
        entities = [
            {"uid": {"type": "Title", "id": str(number)}, "attrs": title, "parents": []}
            for number, title in enumerate(page)
        ]
        held = cedarpy.Entities.from_json_str(json.dumps(entities))
        asked = [
            {
                "principal": 'Service::"feed"',
                "action": 'Action::"show"',
                "resource": f'Title::"{number}"',
                "context": {"today": today},
            }
            for number in range(len(page))
        ]

        def ask(asked: list[Title] = asked, held: Any = held) -> list[bool]:
            return [one.allowed for one in cedarpy.is_authorized_batch(asked, policies, held)]

        yield ask


def ask_rego(pages: Pages, today: int) -> Iterator[Question]:
    """Ask once a page for the numbers of those that are forbidden."""
    rego = Interpreter()
    rego.add_module("slots", REGO)
    rego.add_data({"titles": {str(number): page for number, page in enumerate(pages)}})
    for number, page in enumerate(pages):

        def ask(number: int = number, page: list[Title] = page) -> list[bool]:
            rego.set_input({"page": str(number), "today": today})
            told = json.loads(str(rego.query("out = data.slots.out")))
            out = told["bindings"]["out"] if isinstance(told, dict) else told[0]["bindings"]["out"]
            forbidden = set(out)
            return [place not in forbidden for place in range(len(page))]

        yield ask


ENGINES = {
    "CEL": ("cel-expr-python", ask_cel),
    "Cedar": ("cedarpy", ask_cedar),
    "Rego": ("regopy", ask_rego),
}


def main() -> None:
    """Answer for every engine: its version, what it allows, and the time of each page."""
    asked = json.load(sys.stdin)
    told = {}
    for name, (package, ask) in ENGINES.items():
        allowed, micros = [], []
        for question in ask(asked["pages"], asked["today"]):
            question()  # warm
            begun = time.perf_counter()
            allowed.append(question())
            micros.append((time.perf_counter() - begun) * 1e6)
        told[name] = {"version": version(package), "allowed": allowed, "micros": micros}
    json.dump(told, sys.stdout)


main()
