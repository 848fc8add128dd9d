"""Citations: the rules a decision names, each with the rows of the law it is named for."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from constraints.catalogue import SHAPES_MAX
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.reasons.tables import Article, Named
from constraints.rule import Rule
from ranker.serving.wire import BYTES, sized, tag
from ranker.v1 import decision_pb2 as out

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


class _Cited(dict[Article, bytes]):
    """Citations as they stand in a decision, each written once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __missing__(self, article: Article) -> bytes:
        message = _citation(self.policy, *article)
        raw = sized(_CITATIONS, message.SerializeToString(deterministic=True))
        self[article] = raw
        return raw


@lru_cache(4)
def cited_by(policy: Policy) -> _Cited:
    """Return the citations a policy has made so far."""
    return _Cited(policy)


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
