"""How kernels are compiled: without the interpreter's lock, and kept on disk for the next start.

numba only looks at the file of the function it compiles, not at what that function calls. So the
folder its results are kept in is named by a digest of all that kernels are made of, and a change of
one file compiles all anew. Where that folder cannot be written, numba looks for another by itself.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

_CONFIG: Final[Any] = config
_HERE: Final = Path(__file__).parent
_MADE_OF: Final = (
    *("jit.py", "program.py", "effects.py", "shape.py", "demands.py", "catalogue.py"),
    *("kernel/*.py", "judging/*.py", "certify/*.py"),
)
_DIGEST: Final = hashlib.sha256(
    b"".join(path.read_bytes() for part in _MADE_OF for path in sorted(_HERE.glob(part)))
).hexdigest()[:16]
CACHE: Final = Path(_CONFIG.CACHE_DIR or _HERE / "__pycache__") / f"kernels-{_DIGEST}"
"""Where compiled kernels are kept: beside their source, or where NUMBA_CACHE_DIR says."""


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile into the cache, or only for this process where nothing can be written."""

    def compile_one(function: Any) -> Any:
        before, _CONFIG.CACHE_DIR = _CONFIG.CACHE_DIR, str(CACHE)
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # numba finds no folder for its cache
            return numba.njit(nogil=True, **options)(function)
        finally:
            _CONFIG.CACHE_DIR = before

    return compile_one


kernel: Final = _compiled()
"""For functions that make arrays."""
bare: Final = _compiled(_nrt=False)
"""For hot functions, which make none: counting references to a tuple of arrays at every call
would cost more than the function does."""
inline: Final = _compiled(forceinline=True, _nrt=False)
"""The same, for those worth a copy at every place that calls them."""


_intrinsic: Final[Callable[[Any], Any]] = intrinsic


@_intrinsic
def popcount(typing_context, word):  # type: ignore[no-untyped-def]
    """Count the bits of a uint64."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@_intrinsic
def lowest(typing_context, word):  # type: ignore[no-untyped-def]
    """Return the index of the lowest bit of a uint64, 64 for none."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate
