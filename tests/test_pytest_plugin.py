"""The pytest plugin, in runs of pytest of its own."""

from pathlib import Path

import numpy as np
import pytest

from constraints.errors import CaseError
from constraints.policy import shipped_policy
from ranker.lawful import assert_lawful
from tests import make

pytest_plugins = ["pytester"]

POLICY = make.SURFACES + make.rule_text("fact_required", of={"kind": ["video"]}, id="no-video")
CASES = """
page = { surface = "home" }
[[case]]
name = "video_waits"
candidates = [{ id = "v", utility = 9, kind = "video" }, { id = "d", utility = 1 }]
slate = ["d", "", ""]
"""
LAW = "Notice 345 (2022) three (two) 4; Order 16 (2026) art. 22 and 43"


def rows(**columns: str) -> list[dict[str, str]]:
    return [{"id": "good", **make.drama()}, {"id": "other", **make.drama(**columns)}]


def test_a_lawful_slate_passes_and_an_unlawful_one_says_slot_rule_and_article(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        GOOD = {"id": "good", "kind": "video"}
        BAD = {"id": "bad", "kind": "video", "listings": "takedown"}
        PAGE = {"surface": "search", "day": "2026-11-24"}

        def test_good(policy, assert_lawful):
            assert_lawful(["good", ""], [GOOD, BAD], {"surface": "search"}, policy)

        def test_bad(policy, assert_lawful):
            assert_lawful(["good", "bad"], [GOOD, BAD], {"surface": "search"}, policy)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*the slate is not lawful:", "*slot 1 (`bad`): rule `takedown` (*Notice 345 (2022)*"]
    )


def test_the_policy_is_that_of_the_option_or_of_the_setting(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("rules")
    (folder / "all.toml").write_text(POLICY, encoding="utf-8")
    pytester.makepyfile("def test_it(policy): assert [r.id for r in policy.rules] == ['no-video']")
    given = pytester.runpytest_subprocess("--slotwarden-policy", "rules")
    given.assert_outcomes(passed=1)
    pytester.makeini("[pytest]\nslotwarden_policy = rules\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_policy_that_cannot_be_read_fails_the_test_in_one_line(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(policy): pass")
    result = pytester.runpytest_subprocess("--slotwarden-policy", "nowhere")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*nowhere: there is no such folder*"])


def test_case_files_named_slot_toml_are_collected(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("rules")
    (folder / "all.toml").write_text(POLICY, encoding="utf-8")
    (pytester.path / "good.slot.toml").write_text(CASES, encoding="utf-8")
    wrong = CASES.replace('slate = ["d", "", ""]', 'slate = ["v", "d", ""]')
    (pytester.path / "wrong.slot.toml").write_text(wrong, encoding="utf-8")
    (pytester.path / "bad.slot.toml").write_text("casse = 1", encoding="utf-8")
    (pytester.path / "other.toml").write_text("casse = 1", encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "--slotwarden-policy", "rules", "--continue-on-collection-errors"
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "bad.slot.toml: casse: is not a field here; did you mean `case`?",
            "第 0 位：预期 `v`，实为 `d`；`v` 不得占此位，规则 `no-video`*",
            "slot 0: expected `v`, got `d`; `v` may not stand there, by rule `no-video`*",
        ]
    )


def test_a_run_that_does_not_use_the_plugin_imports_nothing_of_it(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = [name for name in sys.modules if name.startswith(("constraints", "ranker."))]
            assert ours == ["ranker.pytest_plugin"]
            assert "numpy" not in sys.modules
        """
    )
    pytester.runpytest_subprocess(
        "-p", "no:xdist", "-p", "no:_hypothesis_pytestplugin"
    ).assert_outcomes(passed=1)


def test_the_plugin_can_be_switched_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(assert_lawful): pass")
    result = pytester.runpytest_subprocess("-p", "no:slotwarden")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'assert_lawful' not found*"])


def test_a_fact_that_is_not_told_is_unknown_unless_good_papers_are_asked_for() -> None:
    page, bare = {"surface": "home"}, [{"id": "a", "kind": "drama"}]
    assert_lawful(["a"], bare, page, shipped_policy(), good_papers=True)
    with pytest.raises(AssertionError, match=r"slot 0 \(`a`\): rule `record-number`"):
        assert_lawful(["a"], bare, page, shipped_policy())


def test_soft_rules_are_asked_for_only_when_told_so() -> None:
    policy = make.policy(make.rule_text("theme_cap", most_on_page=1, level=2))
    alike = rows(themes="甜宠")
    alike[0]["themes"] = "甜宠"
    assert_lawful(["good", "other"], alike, {"surface": "home"}, policy)
    with pytest.raises(AssertionError, match="rule `the-theme-cap`, soft, by 1"):
        assert_lawful(["good", "other"], alike, {"surface": "home"}, policy, soft=True)


def test_whoever_was_not_offered_or_stands_twice_is_not_lawful() -> None:
    page = {"surface": "home"}
    with pytest.raises(AssertionError, match="slot 1: `goood` was not offered"):
        assert_lawful(["good", "goood"], rows(), page, make.policy())
    with pytest.raises(AssertionError, match=r"slot 1 \(`good`\): an offered candidate stands"):
        assert_lawful(["good", "good"], rows(), page, make.policy())


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(CaseError, match=r"candidate `other`: documnt: .* mean `document`"):
        assert_lawful([""], rows(documnt="licence"), {"surface": "home"}, make.policy())
    with pytest.raises(CaseError, match="surface: no policy for `hom`; did you mean `home`"):
        assert_lawful([""], rows(), {"surface": "hom"}, make.policy())


def test_slots_the_caller_fills_and_those_above_are_counted() -> None:
    policy = make.policy(make.rule_text("theme_cap", most_in_window=1, window_slots=2, level=0))
    row = {"id": "a", **make.drama(themes="甜宠")}
    page = {"surface": "home", "reserved": {"1": {"themes": "甜宠"}}}
    assert_lawful([None, "#", None, "a"], [row], page, policy)
    with pytest.raises(AssertionError, match=r"slot 2 \(`a`\): rule `the-theme-cap`"):
        assert_lawful([None, "#", "a", None], [row], page, policy)


def test_arrays_are_judged_too() -> None:
    offered = make.candidates([make.drama(), make.drama(document="none")])
    policy = make.policy(make.rule_text("record_required"))
    assert_lawful([0, -1, -1], offered, make.page(), policy)
    with pytest.raises(AssertionError, match=r"slot 1 \(`1`\): rule `the-record-required`"):
        assert_lawful(np.array([0, 1, -1]).tolist(), offered, make.page(), policy)
    with pytest.raises(TypeError, match="go with a Page"):
        assert_lawful([0], offered, {"surface": "home"}, policy)
    with pytest.raises(TypeError, match="go with a page in words"):
        assert_lawful(["a"], [{"id": "a"}], make.page(), policy)


def test_the_example_of_the_docs_runs(pytester: pytest.Pytester) -> None:
    page = (Path(__file__).parents[1] / "docs" / "policy-tests.md").read_text(encoding="utf-8")
    pytester.makepyfile(page.partition("```python\n")[2].partition("```")[0])
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
