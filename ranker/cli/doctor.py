"""`slotwarden doctor`: is this machine ready to serve, and what is wrong if not."""

import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from constraints import jit
from constraints.errors import GovernanceError
from ranker.audit.checking import last_records
from ranker.audit.checkpoint import CHECKPOINT, KEY, PUBLIC, verified
from ranker.audit.log import FOLDER
from ranker.audit.logs import homes_of
from ranker.audit.viewers import FOLDER as VIEWERS
from ranker.cli.shared import (
    DataDir,
    Json,
    Lang,
    Language,
    PolicyDir,
    app,
    console,
    print_json,
    settings_with,
)
from ranker.clock import in_shanghai
from ranker.facts.store import FactStore
from ranker.policies.folder import PolicyFolder
from ranker.serving.identities import Gate
from ranker.serving.tls import Certificates
from ranker.serving.wire_limits import FILES_BESIDE, connections
from ranker.settings import Settings

FREE_MIN: Final = 5 << 30  # bytes below which the disk is soon full: a warning
State = Literal["ok", "warn", "fail"]
_STATES: Final = {"ok": ("正常", "ok"), "warn": ("注意", "warning"), "fail": ("有问题", "FAULT")}
_HEADINGS: Final = {
    Language.ZH: ("检查", "结果", "说明"),
    Language.EN: ("check", "result", "what was found"),
}


class Finding(NamedTuple):
    """What a check found."""

    zh: str
    en: str
    state: State
    told: str


@app.command("doctor")
def doctor(
    data_dir: DataDir = None,
    policy_dir: PolicyDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Look at everything a server needs, change nothing, and fail where it could not serve."""
    settings = settings_with(data_dir=data_dir, policy_dir=policy_dir)
    found = list(_checked(settings))
    if as_json:
        print_json([one._asdict() for one in found])
    else:
        table = Table(box=None, pad_edge=False)
        for heading in _HEADINGS[lang]:
            table.add_column(heading, overflow="fold")
        at = 0 if lang == Language.ZH else 1
        for one in found:
            table.add_row(*map(Text, ((one.zh, one.en)[at], _STATES[one.state][at], one.told)))
        console().print(table)
    if any(one.state == "fail" for one in found):
        raise typer.Exit(1)


def _checked(settings: Settings) -> Iterator[Finding]:
    checks: tuple[tuple[str, str, Callable[[Settings], tuple[State, str]]], ...] = (
        ("策略", "policy", _policy),
        ("事实", "facts", _facts),
        ("日志", "decision log", _log),
        ("密钥权限", "keys", _keys),
        ("证书", "certificates", _certificates),
        ("身份", "identities", _identities),
        ("内核", "kernels", _kernels),
        ("磁盘", "disk", _disk),
        ("文件数", "open files", _files),
        ("可选组件", "extras", _extras),
    )
    for zh, en, check in checks:
        try:
            state, told = check(settings)
        except (GovernanceError, ValueError, OSError) as error:
            state, told = "fail", str(error)
        yield Finding(zh, en, state, told)


def _policy(settings: Settings) -> tuple[State, str]:
    policy = PolicyFolder(settings.policy_dir).policy
    return "ok", f"{settings.policy_dir}: {len(policy.rules)} rules, {policy.digest[:12]}"


def _facts(settings: Settings) -> tuple[State, str]:
    if not (settings.data_dir / "facts.sqlite").exists():
        return "warn", f"{settings.data_dir}: no fact was imported; nothing licensed is known"
    with FactStore(settings.data_dir) as store:
        head = store.head()
        count = len(store.state("subject"))
    return ("ok" if count else "warn"), f"revision {head.revision}, {count:,} titles and rooms"


def _log(settings: Settings) -> tuple[State, str]:
    homes = homes_of(settings.data_dir)
    told = []
    for home in homes:
        (last,) = last_records(home / FOLDER, 1) or (None,)
        number = last.envelope.sequence if last else 0
        when = f" of {in_shanghai(last.envelope.instant_us):%Y-%m-%d %H:%M}" if last else ""
        signed = 0
        if (home / FOLDER / CHECKPOINT).exists():
            key = (home / PUBLIC).read_text(encoding="utf-8")
            note = (home / FOLDER / CHECKPOINT).read_text(encoding="utf-8")
            signed = verified(note, key).size
        if signed > number:
            raise ValueError(f"{home}: {signed} records are signed and {number} are there")
        told.append(f"{home.name}: {number} records, the last{when}, {signed} signed")
    return "ok", "; ".join(told) or "none yet"


def _keys(settings: Settings) -> tuple[State, str]:
    paths = [home / KEY for home in homes_of(settings.data_dir)]
    paths += [settings.data_dir / "page_token.keys"]
    paths += sorted((settings.data_dir / VIEWERS).glob("*.key"))
    there = [path for path in paths if path.exists()]
    wide = [path for path in there if path.stat().st_mode & 0o077]
    if wide:
        return "fail", f"{wide[0]}: others may read this key; chmod 600"
    return "ok", f"{len(there)} keys, readable to their owner alone"


def _certificates(settings: Settings) -> tuple[State, str]:
    if settings.tls_cert is None:
        is_local = settings.host in ("127.0.0.1", "::1", "localhost")
        return ("ok" if is_local else "warn"), f"plain text on {settings.host}"
    Certificates(settings)
    return "ok", str(settings.tls_cert)


def _identities(settings: Settings) -> tuple[State, str]:
    Gate(settings.identities)
    if settings.identities is None:
        return "ok", "everybody may ask for pages, this machine alone may ask the log"
    return "ok", str(settings.identities)


def _kernels(settings: Settings) -> tuple[State, str]:
    if any(Path(jit.CACHE).rglob("*.nbc")):
        return "ok", "compiled"
    told = "not compiled yet: the first start takes a minute"
    return "warn", f"{told}; python -m ranker.serving.warming"


def _disk(settings: Settings) -> tuple[State, str]:
    folder = settings.data_dir if settings.data_dir.exists() else Path()
    free = shutil.disk_usage(folder).free
    return ("ok" if free >= FREE_MIN else "warn"), f"{free / 1e9:,.1f} GB free"


def _files(settings: Settings) -> tuple[State, str]:
    taken, wanted = connections(settings), settings.connections_max
    if taken < wanted:
        needed = f"{wanted} connections (CONNECTIONS_MAX) and {FILES_BESIDE} others"
        return "warn", f"`ulimit -Hn` here is too small for {needed}: {taken} would be taken"
    return "ok", f"enough for {wanted} connections, by `ulimit -Hn` here"


def _extras(settings: Settings) -> tuple[State, str]:
    needed = {"audit": "pyarrow", "analyze": "z3", "train": "sklearn"}
    missing = [extra for extra, module in needed.items() if find_spec(module) is None]
    told = f"Python {sys.version.split()[0]}"
    return "ok", told + (f"; not installed: {', '.join(missing)}" if missing else "")
