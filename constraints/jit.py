"""How kernels are compiled: without the interpreter's lock, and kept on disk for the next start.

numba only looks at the file of the function it compiles, not at what that function calls. So the
folder its results are kept in is named by a digest of all that kernels are made of, and a change of
one file compiles all anew. Where that folder cannot be written what it holds is loaded all the
same, as from the read-only image of a container; what it lacks is compiled for this process alone.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.core import boxing, cgutils, imputils, pythonapi
from numba.core.caching import UserProvidedCacheLocator
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
)
from numba.np import arrayobj

_CONFIG: Final[Any] = config
_CGUTILS: Final[Any] = cgutils
_IMPUTILS: Final[Any] = imputils
_ARRAYS: Final[Any] = arrayobj
_BOXERS: Final[Any] = pythonapi._boxers.functions
_HERE: Final = Path(__file__).parent
_MADE_OF: Final = (
    *("jit.py", "program.py", "effects.py", "shape.py", "demands.py", "catalogue.py"),
    *("decision.py", "kernel/*.py", "judging/*.py", "reasons/*.py", "certify/*.py"),
)
_DIGEST: Final = hashlib.sha256(
    b"".join(path.read_bytes() for part in _MADE_OF for path in sorted(_HERE.glob(part)))
).hexdigest()[:16]
CACHE: Final = Path(_CONFIG.CACHE_DIR or _HERE / "__pycache__") / f"kernels-{_DIGEST}"
"""Where compiled kernels are kept: beside their source, or where NUMBA_CACHE_DIR says."""


class Kept(UserProvidedCacheLocator):
    """Finds kernels in a folder that nobody may write; numba's own asks for one that it may."""

    def ensure_cache_path(self) -> None:
        """Make the folder, unless it is there.

        Raises:
            OSError: it cannot be made.
        """
        Path(self._cache_path).mkdir(parents=True, exist_ok=True)


def _as_it_is(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """Take an index without asking whether it is to be counted from the end."""
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


def _handed_on(kind: Any, array: Any, context: Any) -> Any:
    """Hand an array to Python with its type held ready: numba asks Python for it at every array."""
    consts, api = context.env_manager, context.pyapi
    held = consts.read_const(consts.add_const(kind.box_type))
    with _reading(api, lambda _: held):
        return boxing.box_array(kind, array, context)


def _named(kind: Any, values: Any, context: Any) -> Any:
    """Hand a named tuple to Python, likewise."""
    consts, api = context.env_manager, context.pyapi
    held = consts.read_const(consts.add_const(kind.instance_class))

    def owned(_: Any) -> Any:
        api.incref(held)
        return held

    with _reading(api, owned):  # its class comes first: what it holds reads in its own way
        return boxing.box_namedtuple(kind, values, context)


@contextmanager
def _reading(api: Any, unserialize: Callable[[Any], Any]) -> Iterator[None]:
    """Have constants read in another way."""
    api.unserialize = unserialize
    try:
        yield
    finally:
        vars(api).pop("unserialize", None)


def _in_our_way(compile_core: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as above, all within and nothing else; numba compiles one function at a time."""

    def compiled(*told: Any) -> Any:
        before = _ARRAYS.fix_integer_index, dict(_BOXERS)
        _ARRAYS.fix_integer_index = _as_it_is
        _BOXERS.update(dict.fromkeys((types.NamedTuple, types.NamedUniTuple), _named))
        _BOXERS[types.Array] = _handed_on
        try:
            return compile_core(*told)
        finally:
            _ARRAYS.fix_integer_index = before[0]
            _BOXERS.update(before[1])

    return compiled


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile into the cache, or only for this process where nothing can be written.

    INVARIANT: indices are never below 0. An eighth of the time would go into asking whether each is
    to be counted from the end.
    """

    def compile_one(function: Any) -> Any:
        before = _CONFIG.CACHE_DIR, _CONFIG.CACHE_LOCATOR_CLASSES
        _CONFIG.CACHE_DIR = str(CACHE)
        _CONFIG.CACHE_LOCATOR_CLASSES = f"{Kept.__module__}.{Kept.__name__}"
        try:
            found = numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # there is no folder, and none can be made
            found = numba.njit(nogil=True, **options)(function)
        finally:
            _CONFIG.CACHE_DIR, _CONFIG.CACHE_LOCATOR_CLASSES = before
        found._cache.save_overload = _if_it_can(found._cache.save_overload)
        found._compiler._compile_core = _in_our_way(found._compiler._compile_core)
        return found

    return compile_one


def _if_it_can(save: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Keep what was compiled where that can be written."""

    def saved(signature: Any, compiled: Any) -> None:
        with suppress(OSError):
            save(signature, compiled)

    return saved


kernel: Final = _compiled()
"""For functions that make arrays."""
bare: Final = _compiled(_nrt=False)
"""For hot functions, which make none: counting references to a tuple of arrays at every call
would cost more than the function does."""
inline: Final = _compiled(forceinline=True, _nrt=False)
"""The same, for those worth a copy at every place that calls them."""


def straight(function: Any) -> Callable[..., Any]:
    """Return a kernel that does not look at the kinds of its arguments at every call.

    To tell them takes a fifth of a small kernel's time. INVARIANT: callers give what it was first
    called with; arrays of another size of items or dimension are told apart all the same.
    """
    entries: list[Any] = []

    def call(*arguments: Any) -> Any:
        if not entries:
            found = function(*arguments)
            if len(function.signatures) == 1:
                entries.append(function.overloads[function.signatures[0]].entry_point)
            return found
        try:
            return entries[0](*arguments)
        except TypeError:
            return function(*arguments)

    return call


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


class View(types.Type):
    """The type of a pointer to a named tuple: what `view` returns."""

    def __init__(self, of: Any) -> None:
        super().__init__(f"View({of})")
        self.of = of


@register_model(View)
class _ViewModel(models.OpaqueModel):
    """One pointer."""


@infer_getattr
class _ViewAttributes(AttributeTemplate):
    key = View

    def generic_resolve(self, view: Any, name: str) -> Any:  # type: ignore[override]
        """Return the type of a field, None where there is none of that name."""
        return view.of.types[view.of.fields.index(name)] if name in view.of.fields else None


@lower_getattr_generic(View)  # type: ignore[no-untyped-call]
def _view_attribute(context, builder, view, pointer, name):  # type: ignore[no-untyped-def]
    index, held = view.of.fields.index(name), context.get_value_type(view.of).as_pointer()
    at = _CGUTILS.gep_inbounds(builder, builder.bitcast(pointer, held), 0, index)
    return _IMPUTILS.impl_ret_borrowed(context, builder, view.of.types[index], builder.load(at))


@_intrinsic
def view(typing_context, held):  # type: ignore[no-untyped-def]
    """Return a pointer to a named tuple of arrays, whose fields are read like the tuple's.

    A call copies every array of a tuple, 7 words each; of a view it copies one word. The tuple must
    outlive the view: see `keep`.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        at = _CGUTILS.alloca_once_value(builder, arguments[0])
        return builder.bitcast(at, context.get_value_type(signature.return_type))

    return View(held)(held), generate


@_intrinsic
def keep(typing_context, held):  # type: ignore[no-untyped-def]
    """Hold a tuple up to here, and not beyond: numba frees arrays after their last use.

    No view of the tuple may be read after this.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return context.get_dummy_value()

    return types.none(held), generate
