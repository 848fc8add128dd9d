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


class Told(NamedTuple):
    """What a check found, in Chinese and in English."""

    state: State
    zh: str
    en: str


class Finding(NamedTuple):
    """A check and what it found."""

    zh: str
    en: str
    state: State
    told_zh: str
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
        for one in found:
            zh, en = _STATES[one.state]
            cells = (one.zh, zh, one.told_zh) if lang == Language.ZH else (one.en, en, one.told)
            table.add_row(*map(Text, cells))
        console().print(table)
    if any(one.state == "fail" for one in found):
        raise typer.Exit(1)


def _checked(settings: Settings) -> Iterator[Finding]:
    checks: tuple[tuple[str, str, Callable[[Settings], Told]], ...] = (
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
            told = check(settings)
        except (GovernanceError, ValueError, OSError) as error:
            told = Told("fail", str(error), str(error))
        yield Finding(zh, en, *told)


def _policy(settings: Settings) -> Told:
    policy, where = PolicyFolder(settings.policy_dir).policy, settings.policy_dir
    count, digest = len(policy.rules), policy.digest[:12]
    return Told("ok", f"{where}：{count} 条规则，{digest}", f"{where}: {count} rules, {digest}")


def _facts(settings: Settings) -> Told:
    where = settings.data_dir
    if not (where / "facts.sqlite").exists():
        zh, en = "尚未导入事实，无从得知许可", "no fact was imported; nothing licensed is known"
        return Told("warn", f"{where}：{zh}", f"{where}: {en}")
    with FactStore(where) as store:
        revision = store.head().revision
        count = len(store.state("subject"))
    return Told(
        "ok" if count else "warn",
        f"版本 {revision}，剧目与直播间 {count:,} 个",
        f"revision {revision}, {count:,} titles and rooms",
    )


def _log(settings: Settings) -> Told:
    told_zh, told = [], []
    for home in homes_of(settings.data_dir):
        (last,) = last_records(home / FOLDER, 1) or (None,)
        number = last.envelope.sequence if last else 0
        when = f"{in_shanghai(last.envelope.instant_us):%Y-%m-%d %H:%M}" if last else ""
        signed = 0
        if (home / FOLDER / CHECKPOINT).exists():
            key = (home / PUBLIC).read_text(encoding="utf-8")
            note = (home / FOLDER / CHECKPOINT).read_text(encoding="utf-8")
            signed = verified(note, key).size
        if signed > number:
            raise ValueError(f"{home}: {signed} records are signed and {number} are there")
        newest_zh, newest = (f"最近一条 {when}，", f"the last of {when}, ") if when else ("", "")
        told_zh.append(f"{home.name}：记录 {number} 条，{newest_zh}已签名 {signed} 条")
        told.append(f"{home.name}: {number} records, {newest}{signed} signed")
    return Told("ok", "；".join(told_zh) or "尚无", "; ".join(told) or "none yet")


def _keys(settings: Settings) -> Told:
    paths = [home / KEY for home in homes_of(settings.data_dir)]
    paths += [settings.data_dir / "page_token.keys"]
    paths += sorted((settings.data_dir / VIEWERS).glob("*.key"))
    there = [path for path in paths if path.exists()]
    wide = [path for path in there if path.stat().st_mode & 0o077]
    if wide:
        zh, en = "他人可读，请 chmod 600", "others may read this key; chmod 600"
        return Told("fail", f"{wide[0]}：{zh}", f"{wide[0]}: {en}")
    count = len(there)
    return Told("ok", f"{count} 个，仅属主可读", f"{count} keys, readable to their owner alone")


def _certificates(settings: Settings) -> Told:
    if settings.tls_cert is None:
        host = settings.host
        state: State = "ok" if host in ("127.0.0.1", "::1", "localhost") else "warn"
        return Told(state, f"明文，监听 {host}", f"plain text on {host}")
    Certificates(settings)
    return Told("ok", str(settings.tls_cert), str(settings.tls_cert))


def _identities(settings: Settings) -> Told:
    Gate(settings.identities)
    if settings.identities is None:
        en = "everybody may ask for pages, this machine alone may ask the log"
        return Told("ok", "任何人可请求页面，仅本机可查询日志", en)
    return Told("ok", str(settings.identities), str(settings.identities))


def _kernels(settings: Settings) -> Told:
    if any(Path(jit.CACHE).rglob("*.nbc")):
        return Told("ok", "已编译", "compiled")
    command = "python -m ranker.serving.warming"
    en = f"not compiled yet: the first start takes two or three minutes; {command}"
    return Told("warn", f"尚未编译：首次启动需两三分钟；{command}", en)


def _disk(settings: Settings) -> Told:
    folder = settings.data_dir if settings.data_dir.exists() else Path()
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= FREE_MIN else "warn"
    return Told(state, f"剩余 {free / 1e9:,.1f} GB", f"{free / 1e9:,.1f} GB free")


def _files(settings: Settings) -> Told:
    taken, wanted = connections(settings), settings.connections_max
    if taken < wanted:
        return Told(
            "warn",
            f"此处 `ulimit -Hn` 太小：连接 {wanted} 个（CONNECTIONS_MAX）加其他文件"
            f" {FILES_BESIDE} 个，只能接受 {taken} 个连接",
            f"`ulimit -Hn` here is too small for {wanted} connections (CONNECTIONS_MAX) and"
            f" {FILES_BESIDE} others: {taken} would be taken",
        )
    return Told(
        "ok",
        f"按此处 `ulimit -Hn`，足够 {wanted} 个连接",
        f"enough for {wanted} connections, by `ulimit -Hn` here",
    )


def _extras(settings: Settings) -> Told:
    needed = {"audit": "pyarrow", "analyze": "z3", "otel": "opentelemetry.sdk", "train": "sklearn"}
    missing = ", ".join(extra for extra, module in needed.items() if not _is_there(module))
    python = f"Python {sys.version.split()[0]}"
    if not missing:
        return Told("ok", python, python)
    return Told("ok", f"{python}；未安装：{missing}", f"{python}; not installed: {missing}")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor what it is a part of
        return False
