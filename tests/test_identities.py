"""The file of identities: what it may say, and when it is in force."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from constraints.errors import OverloadedError, SettingsError
from ranker.serving.identities import Gate

TOKEN = "t" * 40
LIMITED = f"""
[identity.feed]
tokens = ["{hashlib.sha256(TOKEN.encode()).hexdigest()}"]
methods = ["Rerank"]
calls_per_s = {{}}
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[identity.a]\nmethods = ['Rerank']", "identity.a: has neither names nor tokens"),
        ("[identity.a]\nnames = ['x']\nmethods = ['Delete']", "identity.a.methods"),
        ("[identity.a]\nnames = ['x']\nmethods = []\nadmin = true", "identity.a.admin"),
        ("[identity.a]\ntokens = ['secret']\nmethods = []", "identity.a.tokens"),
        (
            "[identity.a]\nnames = ['x']\nmethods = []\n[identity.b]\nnames = ['x']\nmethods = []",
            "`x` names both a and b",
        ),
        ("identity = 3 3", "identities.toml"),
    ],
)
def test_what_a_file_of_identities_may_not_say(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "identities.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        Gate(path)
    assert fault in str(caught.value)


@pytest.mark.parametrize(("before", "after"), [(1_000, 2), (2, 1_000)])
def test_a_changed_quota_is_in_force_at_once(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "identities.toml"
    path.write_text(LIMITED.format(before), encoding="utf-8")
    gate = Gate(path, lambda: 0.0)
    caller = SimpleNamespace(
        auth_context=dict,
        invocation_metadata=lambda: (("authorization", f"Bearer {TOKEN}"),),
        peer=lambda: "ipv4:127.0.0.1:1",
    )
    gate.admit("Rerank", caller)
    path.write_text(LIMITED.format(after), encoding="utf-8")
    gate.look()
    for _ in range(after):
        gate.admit("Rerank", caller)
    with pytest.raises(OverloadedError, match=f"{after} times a second"):
        gate.admit("Rerank", caller)
