"""Replies of a run in a row: one policy, facts no older, and every decision of the log answered."""

from typing import Any

import pytest

from loadtests.run import Books

DECISIONS = {4: "before", 7: "a", 9: "b", 12: "c"}
FIRST = {
    "sequence": 7,
    "origin": "log",
    "facts_revision": 5,
    "policy_digest": "one",
    "decision_id": "a",
}


def test_replies_that_follow_the_decisions_of_the_log_have_no_fault() -> None:
    second = FIRST | {"sequence": 9, "decision_id": "b", "facts_revision": 6}
    assert list(Books(5, DECISIONS).faults([FIRST, second])) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sequence": 12, "decision_id": "c"}, "receipt 12 of `log`, expected 9"),
        ({"sequence": 7, "decision_id": "a"}, "receipt 7 of `log`, expected 9"),
        ({"sequence": 8}, "receipt 8: the log holds another decision there, or none"),
        ({"decision_id": "c"}, "receipt 9: the log holds another decision there, or none"),
        ({"facts_revision": 4}, "facts of revision 4"),
        ({"policy_digest": "other"}, "policy other"),
        ({"origin": ""}, "receipt 9 of ``"),
    ],
)
def test_the_books_must_balance(change: dict[str, Any], fault: str) -> None:
    second = FIRST | {"sequence": 9, "decision_id": "b"} | change
    assert fault in " / ".join(Books(5, DECISIONS).faults([FIRST, second]))
