"""The page a request is for: its place on the surface, and the token for the page below it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from constraints.errors import RequestError, UnknownSurfaceError
from constraints.page import POSITIONS_MAX, Page
from constraints.policy import Policy, Surface
from constraints.shape import shape_of
from ranker.clock import day_at
from ranker.serving import page_token
from ranker.serving.decode import Asked
from ranker.serving.page_token import Seam


class Placed(NamedTuple):
    """A page and its place on the surface.

    Attributes:
        page: the page.
        tail_ids: ids just above it, nearest last; empty text where nothing stood.
        standing: place on the page or above it → id of what stands there by others' doing.
        seam_unverified: it asked for a place below another page, and could not prove it.
    """

    page: Page
    tail_ids: tuple[str, ...]
    standing: Mapping[int, str]
    seam_unverified: bool


def build_page(asked: Asked, policy: Policy, keys: list[bytes], now_us: int) -> Placed:
    """Describe the page a request is for.

    Raises:
        UnknownSurfaceError: the policy has no such surface, or is not the one expected.
        RequestError: too many slots, or the page token is not for this page.
    """
    first_slot, tail_ids = _seam(asked, keys, now_us)
    is_unverified = bool(asked.first_slot) and not asked.page_token
    return place(asked, policy, first_slot, tail_ids, now_us, seam_unverified=is_unverified)


def place(
    asked: Asked,
    policy: Policy,
    first_slot: int,
    tail_ids: tuple[str, ...],
    now_us: int,
    *,
    seam_unverified: bool,
) -> Placed:
    """Describe a page whose place on the surface is known.

    Args:
        asked: the request.
        policy: knows the surface.
        first_slot: slots of the surface above the page.
        tail_ids: as in `Placed`.
        now_us: the instant of the decision, microseconds since 1970 (UTC).
        seam_unverified: as in `Placed`.

    Raises:
        UnknownSurfaceError, RequestError: as `build_page`.
    """
    surface = _surface(asked, policy)
    standing = {
        **{at - len(tail_ids): key for at, key in enumerate(tail_ids) if key},
        **{slot: key for slot, key in asked.reserved.items() if key},
    }
    page = _page(
        surface=asked.surface,
        terminal=asked.terminal if asked.terminal in policy.terminals else "",
        day=day_at(now_us),
        slot_count=asked.slot_count,
        first_screen_slots=surface.first_screen(asked.terminal),
        first_slot=first_slot,
        is_recommended=surface.is_recommended,
        viewer_class=asked.viewer_class,
        is_personalised=asked.is_personalised,
        reserved=sum([1 << slot for slot in asked.reserved]),
        tail_count=len(tail_ids),
    )
    return Placed(page, tail_ids, standing, seam_unverified)


_page = lru_cache(1_024)(Page)  # few differ, and what is looked up by the same one is found sooner


def next_token(
    asked: Asked,
    placed: Placed,
    ids: Sequence[str],
    policy: Policy,
    keys: list[bytes],
    expires_s: int,
) -> str:
    """Sign what the page below this one must know: ids enough for windows to look back to.

    They reach past a page shorter than a window, and cover all of an unfinished first screen.

    Args:
        asked: the request.
        placed: its page.
        ids: of those we put into its slots, empty for nobody.
        policy: knows the windows.
        keys: the first signs.
        expires_s: seconds since 1970 (UTC).
    """
    page = placed.page
    first_slot = page.first_slot + page.slot_count
    above_fold = first_slot if first_slot < page.first_screen_slots else 1
    look_back = max(shape_of(policy, page).look_back, above_fold)
    here = [*ids]
    for slot, key in asked.reserved.items():
        here[slot] = key
    above = (*placed.tail_ids, *here)
    seam = Seam(
        surface=asked.surface,
        terminal=asked.terminal,
        session_id=asked.session_id,
        first_slot=first_slot,
        tail_ids=above[-min(look_back, POSITIONS_MAX - 1) :],
        expires_s=expires_s,
    )
    return page_token.sign(seam, keys)


def _surface(asked: Asked, policy: Policy) -> Surface:
    expected = asked.expected_policy_digest
    if expected and expected != policy.digest:
        raise UnknownSurfaceError(
            f"expected_policy_digest: the policy in force is {policy.digest}",
            reason="POLICY_DIGEST_MISMATCH",
            field="expected_policy_digest",
        )
    surface = policy.surface(asked.surface)
    if asked.slot_count > surface.slot_count_max:
        raise RequestError(
            f"slot_count: is {asked.slot_count}, `{asked.surface}` has at most"
            f" {surface.slot_count_max}",
            reason="SLOT_COUNT_OUT_OF_RANGE",
            field="slot_count",
        )
    return surface


def _seam(asked: Asked, keys: list[bytes], now_us: int) -> tuple[int, tuple[str, ...]]:
    """Return the first slot and the ids above it, from the token if there is one."""
    if not asked.page_token:
        return 0, asked.tail_ids
    seam = page_token.read(asked.page_token, keys, now_us / 1e6)
    here = (asked.surface, asked.terminal, asked.session_id, asked.first_slot)
    if here != (seam.surface, seam.terminal, seam.session_id, seam.first_slot):
        raise RequestError(
            "page_token: belongs to another surface, terminal, session or first_slot",
            reason="PAGE_TOKEN_MISMATCH",
            field="page_token",
        )
    tail_ids = seam.tail_ids
    if len(tail_ids) + asked.slot_count > POSITIONS_MAX:
        most = POSITIONS_MAX - len(tail_ids)
        raise RequestError(
            f"slot_count: is {asked.slot_count}, at most {most} fit below this page_token",
            reason="SLOT_COUNT_OUT_OF_RANGE",
            field="slot_count",
        )
    if asked.tail_ids and asked.tail_ids != tail_ids:
        raise RequestError(
            "tail_ids: differ from those of the page_token; leave them out",
            reason="TAIL_IDS_DIFFER",
            field="tail_ids",
        )
    return seam.first_slot, tail_ids
