"""Builds the example clients and runs each against a real server that is then stopped.

`python -m loadtests.clients [--only LANGUAGE] [--transcript FILE]`: each must show what the server
decides, then its fallback slate, and nothing once that has expired.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import grpc
import numpy as np

from loadtests.process import sample_page, serving
from ranker.v1 import rerank_pb2 as pb

ROOT: Final = Path(__file__).parents[1]
CLIENTS: Final = ROOT / "docs" / "clients"
PROTO: Final = ROOT / "proto"
FILES: Final = ("rerank", "decision")
LASTS_S: Final = 3  # of a fallback slate, here
RUNS_S: Final = 9


class MissingError(Exception):
    """This machine lacks the tools of a language."""


def main(words: list[str] | None = None) -> int:
    """Build and run all, and fail where one does not do as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(BUILDERS), default="")
    parser.add_argument("--transcript", type=Path)
    asked = parser.parse_args(words)
    told, failed = [], 0
    for language, build in BUILDERS.items():
        if asked.only not in ("", language):
            continue
        with TemporaryDirectory(prefix="clients-") as folder:
            try:
                command = build(Path(folder))
            except MissingError as error:
                told.append(f"## {language}: not run, {error}\n")
                print(told[-1])
                continue
            lines, faults = _run(command, Path(folder))
        failed += bool(faults)
        told.append(f"## {language}\n" + "\n".join([*_shortened(lines), *faults]) + "\n")
        print(told[-1])
    if asked.transcript:
        asked.transcript.write_text("\n".join(told), encoding="utf-8")
    return 1 if failed else 0


def _run(command: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """Run a client beside a server that is stopped after a while; return its lines, and faults."""
    data_dir = folder / "data"
    data_dir.mkdir()
    page = sample_page(np.random.default_rng(2), slot_count=5)
    candidates = folder / "candidates.txt"
    rows = zip(page.columns.string_ids, page.columns.utilities, strict=True)
    candidates.write_text("".join(f"{key} {value}\n" for key, value in rows), encoding="utf-8")
    del page.columns.kinds[:]
    environment = os.environ | {"PROTO": str(PROTO)}
    with serving(data_dir, fallback_s_max=str(LASTS_S)) as served:
        words = [served.address, str(data_dir / "log.pub"), str(candidates), str(RUNS_S)]
        client = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, encoding="utf-8", env=environment
        )
        lawful = _asked(served.address, page)
        time.sleep(RUNS_S / 3)
    out, _ = client.communicate(timeout=60)
    lines = out.splitlines()
    expected = " ".join(key or "-" for key in lawful)
    return lines, _faults(lines, expected, client.returncode)


def _asked(address: str, page: pb.RerankRequest) -> list[str]:
    with grpc.insecure_channel(address) as channel:
        call: Callable[..., bytes] = channel.unary_unary("/ranker.v1.RerankService/Rerank")
        reply = pb.RerankResponse.FromString(call(page.SerializeToString(), timeout=10))
    return [placement.id for placement in reply.decision.placements]


def _faults(lines: list[str], expected: str, code: int) -> list[str]:
    """Say what a client did that it must not."""
    faults = [] if code == 0 else [f"FAULT: it ended with {code}"]
    order = [line.split(" ", 1)[0] for line in lines]
    if list(dict.fromkeys(order)) != ["decided", "fallback", "none"] or order != sorted(order):
        faults.append("FAULT: it must be decided, then fallback, then none")
    shown = {line.split(" ", 1)[1] for line in lines if " " in line}
    if shown != {expected}:
        faults.append(f"FAULT: it showed another page than {expected}")
    return faults


def _shortened(lines: list[str]) -> list[str]:
    """Return each line once, with how often it stood in a row."""
    told: list[tuple[str, int]] = []
    for line in lines:
        if told and told[-1][0] == line:
            told[-1] = (line, told[-1][1] + 1)
        else:
            told.append((line, 1))
    return [f"{count:>3} × {line}" for line, count in told]


def _needs(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            raise MissingError(f"there is no {tool}")


def _done(*command: str, folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"{command[0]} failed")


def _python(folder: Path) -> list[str]:
    return [sys.executable, str(CLIENTS / "python" / "client.py")]


def _node(folder: Path) -> list[str]:
    _needs("node", "npm")
    shutil.copytree(CLIENTS / "node", folder / "node")
    _done("npm", "install", "--silent", "--ignore-scripts", folder=folder / "node")
    return ["node", str(folder / "node" / "client.js")]


def _cpp(folder: Path) -> list[str]:
    _needs("g++", "protoc", "grpc_cpp_plugin", "pkg-config")
    plugin = f"--plugin=protoc-gen-grpc={shutil.which('grpc_cpp_plugin')}"
    protos = [f"ranker/v1/{name}.proto" for name in FILES]
    where = ["-I", str(PROTO), "--cpp_out", ".", "--grpc_out", "."]
    _done("protoc", *where, plugin, *protos, folder=folder)
    sources = [f"ranker/v1/{name}{kind}.pb.cc" for name in FILES for kind in ("", ".grpc")]
    flags = subprocess.check_output(
        ["pkg-config", "--cflags", "--libs", "grpc++", "protobuf", "openssl"], text=True
    ).split()
    main_file = str(CLIENTS / "cpp" / "client.cc")
    _done("g++", "-std=c++17", "-O1", "-I.", main_file, *sources, "-o", "client",
          *flags, folder=folder)  # fmt: skip
    return [str(folder / "client")]


def _go(folder: Path) -> list[str]:
    _needs("go", "protoc", "protoc-gen-go")
    package = "slotwarden/rankerv1"
    names = [f"ranker/v1/{name}.proto" for name in FILES]
    mapped = [f"--go_opt=M{name}={package}" for name in names]
    source = folder / "src"
    source.mkdir()
    _done("protoc", "-I", str(PROTO), f"--go_out={source}", *mapped, *names, folder=folder)
    shutil.copytree(CLIENTS / "go", source / "client")
    _done("go", "build", "-o", str(folder / "client"), "client", folder=folder,
          GO111MODULE="off", GOPATH=f"{folder}:/usr/share/gocode", GOFLAGS="",
          GOCACHE=str(folder / "cache"))  # fmt: skip
    return [str(folder / "client")]


BUILDERS: Final[dict[str, Callable[[Path], list[str]]]] = {
    "python": _python,
    "node": _node,
    "cpp": _cpp,
    "go": _go,
}


if __name__ == "__main__":
    raise SystemExit(main())
