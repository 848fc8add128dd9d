"""Decisions to bytes: indices become ids, groups become names, rules bring their sources."""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.decision import Blocked, Cause, Decision, Move, Owed, Placement, Reason, SlotState
from constraints.decision import VoidPin as Pin
from constraints.facts import BoolArray, Facts, WordArray
from constraints.govern import govern
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import Policy
from constraints.reasons.rows import Told
from constraints.reasons.tables import Article
from constraints.rule import Rule, Violation
from constraints.vocabulary import shown_name
from ranker import wire
from ranker.serving.citing import Cites, cited, cites_of, known, rules_of
from ranker.serving.decode import Asked
from ranker.v1 import decision_pb2 as out
from ranker.wire import (
    SMALL,
    TRUE,
    double,
    number,
    sized,
    text,
)

try:
    from constraints.jit import straight
    from ranker.serving import encode_kernel as kernel

    write = straight(kernel.write)
except ImportError:  # without numba
    kernel = None  # type: ignore[assignment]


_DECISION: Final = wire.tags(out.Decision)
_PLACEMENT: Final = wire.tags(out.Placement)
_MOVE: Final = wire.tags(out.Move)
_BLOCKED: Final = wire.tags(out.BlockedCandidate)
_REASON: Final = wire.tags(out.Reason)
_DUTY: Final = wire.tags(out.OwedDuty)
_FINDING: Final = wire.tags(out.Finding)
_PIN: Final = wire.tags(out.VoidPin)


_NO_NUMBERS: Final = np.zeros(0, np.uint64)


class Encoded(NamedTuple):
    """A `Decision` message in parts, as bytes.

    Attributes:
        above, below: the fields before and behind the citations.
        citations: the rules named, with the rows of the law they were named for.
    """

    above: bytes
    citations: bytes
    below: bytes

    @property
    def decision(self) -> bytes:
        """The decision without citations: they follow from it, the policy and the law."""
        return self.above + self.below


def encode(
    decision: Decision,
    asked: Asked,
    policy: Policy,
    themes: Sequence[str],
    *,
    seam_unverified: bool,
    facts_strict: bool,
) -> Encoded:
    """Turn a decision into the bytes of its message.

    Args:
        decision: what was decided.
        asked: gives candidates their ids.
        policy: gives rules their sources.
        themes: name of each theme number; a group of any other rule has no name.
        seam_unverified: the page was judged as the first of its surface.
        facts_strict: facts were too old to trust.
    """
    of, writer, parts = _DECISION, _Bytes(asked, policy, themes), decision.parts
    if isinstance(parts, Told) and kernel is not None:
        why = [writer.told(parts)]
    else:
        why = [
            *[sized(of["placements"], writer.placement(one)) for one in decision.placements],
            *[sized(of["moves"], writer.move(one)) for one in decision.moves],
            *writer.blocked(of["blocked"], decision.blocked),
            number(of["blocked_count"], decision.blocked_count),
        ]
    above = [
        *why,
        *[sized(of["relaxed"], writer.finding(one)) for one in decision.relaxed],
        *[sized(of["shadow"], writer.finding(one)) for one in decision.shadow],
        *[sized(of["withdrawn"], writer.finding(one)) for one in decision.withdrawn],
        wire.packed(of["empty_slots"], parts.empty_slots),
    ]
    below = [
        number(of["seam_unverified"], seam_unverified),
        number(of["facts_strict"], facts_strict),
        number(of["rounds"], decision.rounds),
        double(of["worth"], decision.worth),
        double(of["free_bound"], decision.free_bound),
        number(of["proved_best"], decision.is_proved_best),
        *[sized(of["void_pins"], writer.void_pin(one)) for one in decision.void_pins],
    ]
    return Encoded(b"".join(above), writer.citations(), b"".join(below))


class _Bytes:
    """Writes the parts of a decision, and notes the rules they name."""

    def __init__(self, asked: Asked, policy: Policy, themes: Sequence[str]) -> None:
        self.themes, self.policy, self.asked = themes, policy, asked
        # Single numbers are read quicker through this than from an array.
        self.ids: Any = asked.ids.data if isinstance(asked.ids, np.ndarray) else asked.ids
        self.offered = len(asked.ids) - asked.joined
        self.rules = rules_of(policy)
        self.named: set[Article] = set()
        self.cites: Cites | None = None
        self.told_named = np.zeros(0, np.bool_)

    def _id(self, candidate: int) -> bytes:
        """Write a candidate's id, its head left out."""
        told = str(self.ids[candidate]).encode()
        return SMALL[len(told)] + told  # at most 128 characters

    def told(self, told: Told) -> bytes:
        """Write placements, moves and who may stand nowhere, from rows of numbers."""
        raw, self.told_named = _written(told, self.asked.ids, self.offered, self.themes)
        self.cites = cites_of(self.policy, told.names)
        return raw

    def placement(self, p: Placement) -> bytes:
        """Write what stands in a slot."""
        if p.candidate < 0:
            return _vacant(p.slot, p.state, p.is_first_screen)
        of = _PLACEMENT
        more = b""
        if not p.is_registered:
            more = of["unregistered"] + TRUE
        if p.reasons:
            more += self.reasons(of["reasons"], p.reasons)
        if p.is_first_screen:
            more += of["first_screen"] + TRUE
        if p.duties:
            more += self._duties(p.duties)
        if p.candidate >= self.offered:
            more += of["joined"] + TRUE
        return (
            _vacant(p.slot, p.state, False)
            + number(of["candidate"], p.candidate)
            + of["id"]
            + self._id(p.candidate)
            + wire.single(of["utility"], p.utility)
            + double(of["scored"], p.scored)
            + more
        )

    def _duties(self, duties: Iterable[Owed]) -> bytes:
        self.named.update([(owed.rule_id, owed.source) for owed in duties])
        return b"".join([_duty(owed.duty, owed.rule_id, owed.source) for owed in duties])

    def move(self, m: Move) -> bytes:
        """Write who is held back from a slot."""
        of = _MOVE
        now = of["shown"] + TRUE + number(of["slot"], m.slot) if m.slot >= 0 else b""
        return (
            number(of["candidate"], m.candidate)
            + of["id"]
            + self._id(m.candidate)
            + number(of["wanted_slot"], m.wanted)
            + now
            + self.reasons(of["reasons"], m.reasons)
        )

    def blocked(self, head: bytes, blocked: Sequence[Blocked]) -> list[bytes]:
        """Write who may stand nowhere; many are there for the same reasons."""
        of, found, known = _BLOCKED, list[bytes](), dict[tuple[int, int], bytes]()
        for candidate, rule_ids, sources in blocked:
            same = id(rule_ids), id(sources)  # those of a class are the same objects
            if same not in known:
                self.named.update(zip(rule_ids, sources, strict=True))
                known[same] = _rules(rule_ids, sources)
            who = number(of["candidate"], candidate) + of["id"] + self._id(candidate)
            found.append(sized(head, who + known[same]))
        return found

    def void_pin(self, pin: Pin) -> bytes:
        """Write a pin that does not hold."""
        of = _PIN
        self.named.add((pin.rule_id, ""))
        return b"".join(
            (
                text(of["rule_id"], pin.rule_id),
                number(of["slot"], pin.slot),
                text(of["subject_id"], pin.subject),
                number(of["cause"], pin.void),
                of["id"] + self._id(pin.candidate) if pin.candidate >= 0 else b"",
                self.reasons(of["reasons"], pin.reasons),
            )
        )

    def finding(self, v: Violation) -> bytes:
        """Write what a judge found."""
        of = _FINDING
        self.named.add((v.rule_id, ""))
        return b"".join(
            (
                text(of["rule_id"], v.rule_id),
                number(of["level"], v.level),
                number(of["count"], v.count),
                text(of["group"], _group(self.rules, self.themes, v.rule_id, v.group)),
                wire.packed(of["slots"], v.slots),
            )
        )

    def reasons(self, head: bytes, reasons: Iterable[Reason]) -> bytes:
        """Write reasons."""
        found = []
        for r in reasons:
            self.named.add((r.rule_id, r.source))
            group = ""
            if r.group >= 0:
                group = _group(self.rules, self.themes, r.rule_id, r.group)
            by = _REASON["by_id"] + self._id(r.by) if r.by >= 0 else b""
            told, behind = _reason(r.rule_id, r.cause, r.ratio, group, r.source, r.slot)
            found.append(sized(head, told + by + behind))
        return b"".join(found)

    def citations(self) -> bytes:
        """Write every rule named so far with each row of the law it was named for."""
        more = {known(one, self.rules) for one in self.named}
        if self.cites is None:
            return cited(self.policy, more)
        return self.cites.pick(self.told_named, more)


def _written(
    told: Told, ids: Sequence[str] | WordArray, offered: int, themes: Sequence[str]
) -> tuple[bytes, BoolArray]:
    """Write fields 1 to 4 by the kernel; return which articles they name, too."""
    assert kernel is not None
    groups = [_shown(themes, group).encode() for group in told.rows.group.tolist()]
    raw, named = write(
        told.rows,
        kernel.Asked(
            told.slots,
            np.uint64(told.page.first_screen),
            np.uint64(told.page.reserved),
            offered,
            ids if isinstance(ids, np.ndarray) else _NO_NUMBERS,
            _no_texts() if isinstance(ids, np.ndarray) else _ids(told, ids),
            kernel.Texts(told.names.text, told.names.text_start),
            _texts(groups),
        ),
    )
    return raw.tobytes(), named


def _ids(told: Told, ids: Sequence[str]) -> Any:
    """Lay out the ids of those whom rows name."""
    rows, texts = told.rows, [b""] * len(ids)
    for one in (*told.slate, *rows.move[:, 0].tolist(), *rows.blocked[:, 0].tolist()):
        if one >= 0:
            texts[one] = ids[one].encode()
    return _texts(texts)


def _texts(texts: Sequence[bytes]) -> Any:
    assert kernel is not None
    start = np.array([0, *accumulate(map(len, texts))], np.int32)
    return kernel.Texts(np.frombuffer(bytearray().join(texts), np.uint8), start)


@cache
def _no_texts() -> Any:
    return _texts([])


def warm() -> None:
    """Write one decision, so that its kernel is compiled before a reply needs it."""
    policy, page = Policy({}, (), (1.0, 1.0), ""), Page("", "", 0, 1, 0)
    parts = govern(Candidates(np.ones(1, np.float32), Facts.unknown(1)), page, policy).parts
    if isinstance(parts, Told):
        _written(parts, np.ones(1, np.uint64), 1, ())


def _group(rules: dict[str, Rule], themes: Sequence[str], rule_id: str, group: int) -> str:
    rule = rules.get(rule_id)
    if group < 0 or rule is None or not rule.labels:
        return ""
    return _shown(themes, group)


def _shown(themes: Sequence[str], group: int) -> str:
    return shown_name(themes[group]) or "unknown"


@lru_cache(1_024)
def _vacant(slot: int, state: SlotState, is_first_screen: bool) -> bytes:
    of = _PLACEMENT
    screen = number(of["first_screen"], is_first_screen)
    return number(of["slot"], slot) + number(of["state"], state) + screen


@lru_cache(1_024)
def _duty(duty: int, rule_id: str, source: str) -> bytes:
    of = _DUTY
    told = number(of["duty"], duty) + text(of["rule_id"], rule_id) + text(of["source"], source)
    return sized(_PLACEMENT["duties"], told)


@lru_cache(16_384)
def _rules(rule_ids: tuple[str, ...], sources: tuple[str, ...]) -> bytes:
    of = _BLOCKED
    ids = [sized(of["rule_ids"], one.encode()) for one in rule_ids]
    return b"".join([*ids, *[sized(of["sources"], one.encode()) for one in sources]])


@lru_cache(16_384)
def _reason(
    rule_id: str, cause: Cause, ratio: float, group: str, source: str, slot: int
) -> tuple[bytes, bytes]:
    """Return the fields of a reason before and behind the id of who stands there instead."""
    of = _REASON
    told = (
        text(of["rule_id"], rule_id),
        number(of["cause"], cause),
        double(of["ratio"], ratio),
        text(of["group"], group),
    )
    return b"".join(told), text(of["source"], source) + number(of["slot"], max(slot, 0))


class Writer:
    """Writes reasons as messages, and collects the rules they name with their sources."""

    def __init__(self, asked: Asked, policy: Policy, themes: Sequence[str]) -> None:
        self._bytes = _Bytes(asked, policy, themes)

    def cite(self, rule_id: str) -> None:
        """Note that a rule is named."""
        self._bytes.named.add((rule_id, ""))

    def reasons(self, reasons: Iterable[Reason]) -> list[out.Reason]:
        """Write reasons."""
        raw = self._bytes.reasons(_MOVE["reasons"], reasons)
        return list(out.Move.FromString(raw).reasons)

    def citations(self) -> list[out.Citation]:
        """Write every rule named so far with each row of the law it was named for."""
        return list(out.Decision.FromString(self._bytes.citations()).citations)
