"""What a policy file may say. Mistakes stand one a file in `policies_bad`, with their message."""

import re
from pathlib import Path

import pytest

from constraints import faults
from constraints.errors import PolicyError, UnknownSurfaceError
from constraints.page import ViewerClass
from constraints.policy import RULES_MAX, WEIGHT_RANGE, parse_policy
from constraints.toml_text import FILE_BYTES_MAX
from tests import make

FOLDER = Path(__file__).parent / "policies_bad"
BAD = sorted(FOLDER.glob("*.toml"))
BASE = make.SURFACES + make.rule_text("record_required", id="base-rule")
RULE = make.rule_text("record_required")
SURFACE = "[surface.home]\n"


def fault(*texts: str | bytes) -> str:
    """Return what is said of files a.toml, b.toml and so on."""
    told = (text if isinstance(text, bytes) else text.encode() for text in texts)
    files = {f"{letter}.toml": text for letter, text in zip("abc", told, strict=False)}
    with pytest.raises(PolicyError) as caught:
        parse_policy(files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_mistake_is_named_with_file_place_and_fault(path: Path) -> None:
    content = path.read_bytes()
    expected = content.decode().partition("\n")[0].removeprefix("# expect: ")
    with pytest.raises(PolicyError) as caught:
        parse_policy({"base.toml": BASE.encode(), path.name: content})
    assert str(caught.value) == expected


def test_every_wording_of_a_mistake_has_its_file() -> None:
    files = [*BAD, *FOLDER.with_name("cases_bad").glob("*.toml")]
    expected = "\n".join(path.read_text(encoding="utf-8").partition("\n")[0] for path in files)
    for words in faults._WORDS.values():
        pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(words))
        assert re.search(f": {pattern}|` {pattern}", expected), words


def test_the_base_of_the_bad_files_is_good() -> None:
    assert [rule.id for rule in parse_policy({"base.toml": BASE.encode()}).rules] == ["base-rule"]


def test_policy_without_a_surface_is_refused() -> None:
    assert fault(RULE, "") == "a.toml, b.toml: has no surface; give all files of the policy"
    assert fault() == "policy: has no surface; give all files of the policy"


def test_weight_range_stands_in_one_file_only() -> None:
    limits = "weight_range = [0.5, 2.0]\n"
    assert fault(limits + SURFACE, limits) == (
        "b.toml: weight_range: weight_range already stands in a.toml"
    )


def test_file_that_is_no_text_is_refused() -> None:
    assert fault(b"\xff\xfe") == "a.toml: is not UTF-8 text"
    assert fault("# 首屏".encode("gb18030")) == "a.toml: is not UTF-8 text"


def test_file_larger_than_the_limit_is_refused() -> None:
    comment = "#" * (FILE_BYTES_MAX - len(SURFACE))
    assert parse_policy({"a.toml": (SURFACE + comment).encode()}).surfaces
    assert fault(SURFACE + comment + "#") == f"a.toml: is larger than {FILE_BYTES_MAX} bytes"


DEEP = {
    "lists": "a = " + "[" * 5000,
    "tables": "a = " + "{b=" * 5000,
    "dotted key": "a" + ".a" * 5000 + " = 1",
    "dotted table": "[" + "a." * 5000 + "a]",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_file_nested_too_deeply_is_refused(text: str) -> None:
    assert fault(text) == "a.toml: is nested too deeply"


def test_policy_with_too_many_rules_is_refused() -> None:
    rules = [make.rule_text("record_required", id=f"rule-{i}") for i in range(RULES_MAX + 1)]
    assert len(make.policy(*rules[1:]).rules) == RULES_MAX
    assert fault(SURFACE, "".join(rules)) == f"policy: has more than {RULES_MAX} rules"


def test_control_characters_of_a_name_do_not_reach_the_message() -> None:
    assert fault('[surface."a\\nb"]\nx = 1\n') == "a.toml: surface.a\\nb.x: is not a field here"
    assert fault('[[rules]]\ntype = "a\\u0007b"\n').startswith("a.toml: rules.0.type: `a\\x07b` is")


def test_first_mistake_by_name_of_file_is_reported() -> None:
    assert fault(SURFACE + "x = 1", "y = 1") == "a.toml: surface.home.x: is not a field here"


def test_comments_blank_lines_and_order_do_not_change_the_digest() -> None:
    one = make.rule_text("record_required", id="one")
    two = make.rule_text("theme_cap", id="two", most_on_page=2)
    digest = make.policy(one, two).digest
    assert make.policy(two, one).digest == digest
    assert make.policy(one + two).digest == digest
    assert make.policy(two + "\n\n# why: see LIC-01\n" + one).digest == digest
    assert make.policy(one, two, surfaces="# ours\n" + make.SURFACES).digest == digest


def test_default_that_is_spelt_out_does_not_change_the_digest() -> None:
    plain = make.policy(RULE)
    spelt = make.policy(RULE + 'mode = "enforce"\nsurfaces = []\n', "weight_range = [0.25, 2.0]\n")
    assert spelt.digest == plain.digest
    assert plain.weight_range == WEIGHT_RANGE


@pytest.mark.parametrize(
    "text",
    [
        make.rule_text("record_required", mode="shadow"),
        make.rule_text("record_required", since=make.TODAY),
        make.rule_text("record_required", surfaces=["home"]),
        make.rule_text("record_required", source="LIC-01"),
        make.rule_text("record_required", id="another"),
        RULE + make.rule_text("theme_cap", most_on_page=2),
        "weight_range = [0.25, 1.9]\n" + RULE,
        RULE + "[surface.more]\n",
    ],
)
def test_content_changes_the_digest(text: str) -> None:
    assert make.policy(text).digest != make.policy(RULE).digest


def test_digest_is_the_same_everywhere() -> None:
    digest = parse_policy({"a.toml": SURFACE.encode()}).digest
    assert digest == "95253a9f8770abe9d3e60d266ea70c4ed4ad7e45aa747261329a2534fdaab188"


def test_unknown_terminal_has_the_largest_first_screen() -> None:
    surface = make.policy().surface("home")
    assert [surface.first_screen(name) for name in ("phone", "tv", "watch")] == [2, 4, 4]
    assert make.policy().surface("live").first_screen("phone") == 0


def test_surface_that_no_policy_speaks_of_is_an_error_of_its_own() -> None:
    with pytest.raises(UnknownSurfaceError, match="surface: no policy for `billboard`") as caught:
        make.policy().surface("billboard")
    assert caught.value.reason == "NO_POLICY_FOR_SURFACE"


def test_rules_of_one_mode_are_asked_for_by_its_name_and_those_off_are_not_compiled() -> None:
    modes = ("off", "enforce", "shadow")
    policy = make.policy(*(make.rule_text("record_required", id=m, mode=m) for m in modes))
    page = make.page(viewer_class=ViewerClass.MINOR)
    assert [rule.id for rule in policy.compiled] == ["enforce", "shadow"]
    for place, mode in enumerate(("enforce", "shadow")):
        assert policy.rules_for(page, mode) == {place: policy.compiled[place]}
