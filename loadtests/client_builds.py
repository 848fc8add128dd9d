"""Builds the example clients from their sources, with the tools this machine has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
CLIENTS: Final = ROOT / "docs" / "clients"
PROTO: Final = ROOT / "proto"
FILES: Final = ("rerank", "decision")
JARS: Final = Path("/usr/share/java")  # where Debian keeps them
JAVA_JARS: Final = (
    *("grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite"),
    *("grpc-stub", "protobuf", "guava", "perfmark-api", "geronimo-annotation-1.3-spec"),
    *("netty-buffer", "netty-codec", "netty-codec-http", "netty-codec-http2", "netty-common"),
    *("netty-handler", "netty-handler-proxy", "netty-resolver", "netty-transport"),
)


class MissingError(Exception):
    """This machine lacks the tools of a language."""


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
    _needs("javac", "java", "protoc", "grpc_java_plugin")
    missing = [name for name in JAVA_JARS if not (JARS / f"{name}.jar").exists()]
    if missing:
        raise MissingError(f"there is no {JARS / missing[0]}.jar")
    plugin = f"--plugin=protoc-gen-grpc-java={shutil.which('grpc_java_plugin')}"
    protos = [f"ranker/v1/{name}.proto" for name in FILES]
    where = ["-I", str(PROTO), "--java_out", ".", "--grpc-java_out", "."]
    _done("protoc", *where, plugin, *protos, folder=folder)
    jars = ":".join(str(JARS / f"{name}.jar") for name in JAVA_JARS)
    sources = [str(path) for path in folder.rglob("*.java")]
    classes = folder / "classes"
    _done("javac", "-nowarn", "-cp", jars, "-d", str(classes), *sources,
          str(CLIENTS / "java" / "Client.java"), folder=folder)  # fmt: skip
    return ["java", "-cp", f"{classes}:{jars}", "Client"]


BUILDERS: Final[dict[str, Callable[[Path], list[str]]]] = {
    "python": _python,
    "node": _node,
    "cpp": _cpp,
    "go": _go,
    "java": _java,
}
