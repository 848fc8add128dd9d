"""Compile the kernels into numba's cache, so that no request waits for a compiler."""

import sys
import time


def main() -> None:
    """Compile and say how long it took."""
    begun = time.perf_counter()
    from constraints.kernel import load, warm

    warm()
    name = load().__name__.rsplit(".", 1)[-1]
    print(f"kernel ready: {name}, {time.perf_counter() - begun:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
