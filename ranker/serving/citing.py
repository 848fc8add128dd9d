"""Citations: the rules a decision names, each with the rows of the law it is named for."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Final

import numpy as np

from constraints.facts import BoolArray, IntArray
from constraints.law import law_rows
from constraints.page import SHAPES_MAX
from constraints.policy import Policy
from constraints.reasons.tables import Article, Named
from constraints.rule import Rule
from ranker.v1 import decision_pb2 as out
from ranker.wire import BYTES, sized, tag

NOTHING: Final = ("", "")
_CITATIONS: Final = tag(out.Decision.CITATIONS_FIELD_NUMBER, BYTES)


def known(article: Article, rules: Mapping[str, Rule]) -> Article:
    """Return a rule of the policy with a row, its own unless one is told; else NOTHING."""
    rule_id, row = article
    return (rule_id, row or rules[rule_id].source) if rule_id in rules else NOTHING


def cited(policy: Policy, articles: Set[Article]) -> bytes:
    """Write the citations of some articles as they stand in a decision."""
    return b"".join([_cited(policy, *one) for one in sorted(articles - {NOTHING})])


@dataclass(frozen=True, slots=True, eq=False)
class Cites:
    """All that pages of one shape may cite, laid out so that a page only picks from it.

    Attributes:
        policy: it gives the rules their sources.
        articles: sorted; at: their places.
        written: the citation of each.
        place: (a,) of each article of the shape, one behind the last for what is not cited.
    """

    policy: Policy
    articles: tuple[Article, ...]
    at: Mapping[Article, int]
    written: tuple[bytes, ...]
    place: IntArray

    def pick(self, named: BoolArray, more: Set[Article]) -> bytes:
        """Write the citations of a page.

        Args:
            named: (a,) which articles of the shape it names.
            more: others, as `known` says them.
        """
        picked = np.zeros(len(self.written) + 1, np.bool_)
        picked[self.place[named]] = True
        for one in more - {NOTHING}:
            if one not in self.at:  # it does not steer the page: a rule in shadow, say
                return cited(self.policy, more | set(compress(self.articles, picked.tolist())))
            picked[self.at[one]] = True
        return b"".join(compress(self.written, picked.tolist()))


@lru_cache(SHAPES_MAX)
def cites_of(policy: Policy, names: Named) -> Cites:
    """Lay out what pages of a shape may cite."""
    rules = rules_of(policy)
    knowns = [known(article, rules) for article in names.articles]
    articles = tuple(sorted({*knowns} - {NOTHING}))
    at = {article: place for place, article in enumerate(articles)}
    place = np.array([at.get(one, len(articles)) for one in knowns], np.int64)
    written = tuple(_cited(policy, *one) for one in articles)
    return Cites(policy, articles, at, written, place)


@lru_cache(1_024)
def _cited(policy: Policy, rule_id: str, source: str) -> bytes:
    return sized(
        _CITATIONS, _citation(policy, rule_id, source).SerializeToString(deterministic=True)
    )


@lru_cache(4)
def rules_of(policy: Policy) -> dict[str, Rule]:
    """Return id → rule."""
    return {rule.id: rule for rule in policy.rules}


def _citation(policy: Policy, rule_id: str, source: str) -> out.Citation:
    rule, row = rules_of(policy)[rule_id], law_rows()[source]
    return out.Citation(
        rule_id=rule_id,
        rule_type=rule.type,
        source=source,
        citation_zh=row.citation("zh"),
        citation_en=row.citation("en"),
        quote_zh=row.quote_zh,
        quote_en=row.quote_en,
        order_ref=rule.order_ref or "",
    )
