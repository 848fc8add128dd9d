"""Compiles all kernels ahead, so that no request waits for a compiler: `python -m` this once."""

import shutil
import sys
import time

from constraints import govern, kernel
from ranker.facts import id_index
from ranker.serving import decode, encode


def warm_up() -> None:
    """Run every kernel once, or load what an earlier run compiled."""
    govern.warm()
    decode.warm()
    encode.warm()
    id_index.warm()


def main() -> None:
    """Compile, throw away what older sources were compiled to, and say how long it took."""
    begun_s = time.perf_counter()
    warm_up()
    name = kernel.load().__name__.rsplit(".", 1)[-1]
    if name == "compiled":
        from constraints import certify
        from constraints.jit import CACHE

        certify.warm()
        for old in CACHE.parent.glob("kernels-*"):
            if old != CACHE:
                shutil.rmtree(old, ignore_errors=True)
    spent_s = time.perf_counter() - begun_s
    print(f"kernels ready: {name}, {spent_s:.1f} s", file=sys.stderr)  # noqa: T201 -- a command


if __name__ == "__main__":
    main()
