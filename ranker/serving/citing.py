"""Citations: the rules a decision names, each with the rows of the law it is named for."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from constraints.catalogue import SHAPES_MAX
from constraints.law import law_rows
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


@lru_cache(SHAPES_MAX)
def known_of(policy: Policy, names: Named) -> list[Article]:
    """Return of each article what is cited for it."""
    rules = rules_of(policy)
    return [known(article, rules) for article in names.articles]


@lru_cache(1_024)
def cited(policy: Policy, articles: frozenset[Article]) -> bytes:
    """Write the citations of some articles as they stand in a decision."""
    return b"".join([_cited(policy, *one) for one in sorted(articles - {NOTHING})])


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
