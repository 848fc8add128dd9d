"""The README is true: its client runs, and the files it sends people to exist."""

import re
from contextlib import redirect_stdout
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest

from ranker.facts.importing import import_csv
from ranker.facts.store import FactStore
from ranker.serving.server import Server
from ranker.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_client_in_the_readme_gets_a_lawful_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FactStore(tmp_path) as store:
        for name in ("aliases.csv", "subjects.csv", "candidates.csv", "listings.csv"):
            content = files("ranker").joinpath("sample", name).read_bytes()
            assert import_csv(store, name, content, at_us=0).is_kept
    server = Server(Settings(data_dir=tmp_path, port=0))
    server.start()
    (client,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(client.strip().splitlines()) == 10
    code = client.replace("127.0.0.1:50051", server.address).replace("timeout=0.5", "timeout=10")
    printed = StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), {})
    finally:
        server.stop()
    ids = [line.split()[1] for line in printed.getvalue().splitlines() if len(line.split()) == 3]
    assert ids == ["t-2735", "t-0003", "t-1295"], "the stopped room is gone"


def test_every_place_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:constraints|ranker|proto|training|tests|loadtests)/[^` ]*)`", README)
    assert named
    for place in named:
        assert list(ROOT.glob(place.rstrip("/"))), f"{place} is named in the README"


def test_every_make_target_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        if target not in ("it", "change"):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
