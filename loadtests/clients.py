"""Builds the example clients and runs each against a real server that is then stopped.

`python -m loadtests.clients [--only LANGUAGE] [--transcript FILE]`: each must show what the server
decides, then its fallback slate, and nothing once that has expired; and where others ask for more
than the server answers, what it decides or the fallback slate.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import grpc
import numpy as np

from loadtests.process import Served, sample_page, serving
from loadtests.sender import flood
from ranker.v1 import rerank_pb2 as pb

ROOT: Final = Path(__file__).parents[1]
CLIENTS: Final = ROOT / "docs" / "clients"
PROTO: Final = ROOT / "proto"
FILES: Final = ("rerank", "decision")
JARS: Final = Path("/usr/share/java")  # Debian's libgrpc-java, libprotobuf-java and what they need
JAVA: Final = (
    *("grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-stub"),
    *("grpc-protobuf-lite", "protobuf", "guava", "perfmark-api", "jsr305"),
    *("netty-common", "netty-buffer", "netty-transport", "netty-resolver", "netty-handler"),
    *("netty-codec", "netty-codec-http", "netty-codec-http2", "netty-codec-socks"),
    *("netty-handler-proxy", "netty-transport-native-unix-common"),
    *("error_prone_annotations", "geronimo-annotation-1.3-spec", "gson"),
)
LASTS_S: Final = 3  # of a fallback slate, here
RUNS_S: Final = 9
PAUSE_S: Final = 0.2  # of a client between two pages
DEADLINE_S: Final = 0.5  # of each page
KEPT: Final = 0.8  # of the pages its pace allows, so many must come
PRESSED_S: Final = 6


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
            runs = {"the server is stopped": _run, "others flood it": _pressed}
            for what, run in runs.items():
                lines, faults = run(command, Path(folder))
                failed += bool(faults)
                text = "\n".join([*_shortened(lines), *faults])
                told.append(f"## {language}: {what}\n{text}\n")
                print(told[-1])
    if asked.transcript:
        asked.transcript.write_text("\n".join(told), encoding="utf-8")
    return 1 if failed else 0


def _run(command: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """Run a client beside a server that is stopped after a while; return its lines, and faults."""
    with _served(folder, "stopped", fallback_s_max=str(LASTS_S)) as (_, words, expected):
        client = _started([*command, *words, str(RUNS_S)])
        time.sleep(RUNS_S / 3)
    stopped_s = time.monotonic()
    lines = _lines(client)
    took_s = time.monotonic() - stopped_s
    faults = _faults(lines, expected, client.returncode)
    after = sum(not line.startswith("decided") for line in lines)
    least = KEPT * took_s / (PAUSE_S + DEADLINE_S)  # a page may try until its deadline
    if after < least:
        faults.append(f"FAULT: {after} pages once nobody answered, where {least:.0f} should come")
    return lines, faults


def _pressed(command: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """Run a client beside others that ask for more than the server answers."""
    with _served(folder, "pressed", calls_max="1", threads="1") as (served, words, expected):
        client = _started([*command, *words, str(PRESSED_S)])
        time.sleep(PRESSED_S / 3)
        page = sample_page(np.random.default_rng(3)).SerializeToString()
        sent = flood(served.address, [page], 4, PRESSED_S / 3, 1.0)
        lines = _lines(client)
    kinds = {line.split(" ", 1)[0] for line in lines}
    shown = {line.split(" ", 1)[1] for line in lines if " " in line}
    faults = [] if client.returncode == 0 else [f"FAULT: it ended with {client.returncode}"]
    if not sent.refused_ms:
        faults.append("FAULT: the server refused nobody")
    if "none" in kinds or "decided" not in kinds or shown != {expected}:
        faults.append(f"FAULT: {sorted(kinds)} of another page than {expected}, or of none")
    return lines, faults


@contextmanager
def _served(folder: Path, name: str, **settings: str) -> Iterator[tuple[Served, list[str], str]]:
    """Start a server; yield it, the words its clients are started with, and the page it decides."""
    data_dir = folder / name
    data_dir.mkdir()
    page = sample_page(np.random.default_rng(2), slot_count=5)
    candidates = folder / "candidates.txt"
    rows = zip(page.columns.string_ids, page.columns.utilities, strict=True)
    candidates.write_text("".join(f"{key} {value}\n" for key, value in rows), encoding="utf-8")
    del page.columns.kinds[:]
    with serving(data_dir, None, "", **settings) as served:
        expected = " ".join(key or "-" for key in _asked(served.address, page))
        yield served, [served.address, str(data_dir / "log.pub"), str(candidates)], expected


def _started(command: list[str]) -> "subprocess.Popen[str]":
    environment = os.environ | {"PROTO": str(PROTO)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=environment)


def _lines(client: "subprocess.Popen[str]") -> list[str]:
    out, _ = client.communicate(timeout=60)
    return out.splitlines()


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


def _java(folder: Path) -> list[str]:
    plugin = shutil.which("grpc_java_plugin") or shutil.which("protoc-gen-grpc-java")
    _needs("java", "javac", "protoc")
    jars = [JARS / f"{name}.jar" for name in JAVA]
    if plugin is None or not all(jar.exists() for jar in jars):
        raise MissingError("there is no libgrpc-java with its plugin of protoc")
    # The contract names no package of Java's: a copy of it does.
    protos = folder / "proto"
    shutil.copytree(PROTO / "ranker", protos / "ranker", ignore=shutil.ignore_patterns("*.py"))
    for path in protos.rglob("*.proto"):
        text = path.read_text("utf-8")
        package = 'package ranker.v1;\noption java_package = "cn.slotwarden.v1";'
        path.write_text(text.replace("package ranker.v1;", package), "utf-8")
    source, names = folder / "src", [f"ranker/v1/{name}.proto" for name in FILES]
    source.mkdir()
    _done("protoc", "-I", str(protos), f"--plugin=protoc-gen-grpc={plugin}",
          f"--java_out={source}", f"--grpc_out={source}", *names, folder=folder)  # fmt: skip
    classpath = ":".join(map(str, [folder / "classes", *jars]))
    sources = [str(path) for path in source.rglob("*.java")]
    _done("javac", "-nowarn", "-cp", classpath, "-d", str(folder / "classes"),
          str(CLIENTS / "java" / "Client.java"), *sources, folder=folder)  # fmt: skip
    return ["java", "-cp", classpath, "Client"]


BUILDERS: Final[dict[str, Callable[[Path], list[str]]]] = {
    "python": _python,
    "node": _node,
    "cpp": _cpp,
    "go": _go,
    "java": _java,
}


if __name__ == "__main__":
    raise SystemExit(main())
