"""`slotwarden backup`: copy a data folder while its server runs."""

from pathlib import Path
from typing import Annotated, Final

import typer

from ranker.backup import back_up
from ranker.cli.shared import Bar, DataDir, Json, Lang, Language, app, print_json, settings_with

_WORDS: Final = {
    Language.ZH: "已备份 {logs} 个日志、{files} 个文件、{bytes:,} 字节到 {out}；"
    "内含密钥，请妥善保管",
    Language.EN: "{logs} logs, {files} files, {bytes:,} bytes copied to {out};"
    " it holds keys: keep it safe",
}


@app.command("backup")
def backup_command(
    out: Annotated[Path, typer.Option(help="Folder of the copy; it must not be there yet.")],
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Copy facts, logs, keys and policies; a server started on the copy goes on from there."""
    with Bar("backup") as tick:
        done = back_up(settings_with(data_dir=data_dir).data_dir, out, tick)
    if as_json:
        print_json(done._asdict() | {"out": out})
    else:
        told = {"logs": done.logs, "files": done.files, "bytes": done.bytes_copied, "out": out}
        print(_WORDS[lang].format(**told))
