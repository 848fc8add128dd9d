"""Generate `ranker/v1` from the contract. The result is committed; run this after a change."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent.parent


def generate(out: Path) -> None:
    """Write messages, stubs and type stubs below `out`, in the folders their packages name."""
    proto = ROOT / "proto"
    files = sorted(str(path) for path in proto.rglob("*.proto"))
    flags = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"-I{proto}", *flags, *files]) != 0:
        raise SystemExit("protoc failed")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
