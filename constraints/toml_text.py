"""Reads TOML as files of the product are read: within limits, and with faults in plain words."""

import re
import tomllib
from typing import Any, Final

FILE_BYTES_MAX: Final = 262_144  # LIMIT: one file


def read_toml(content: bytes) -> dict[str, Any]:
    """Read a file; its lists become tuples, for strict models take no list for one.

    Raises:
        ValueError: it cannot be read; the message is the fault.
    """
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        tables: dict[str, Any] = frozen(tomllib.loads(content.decode("utf-8")))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, or a number too long for Python
        raise ValueError(_fault(error)) from None
    return tables


def _fault(error: ValueError) -> str:
    """Say what makes a text no TOML, without words of the host language."""
    fault = re.sub(r"\('(.*?)',?\)", lambda match: match[1].replace("', '", "."), str(error))
    if "integer string conversion" in fault:
        fault = "a number has too many digits"
    return f"is not TOML: {fault[0].lower()}{fault[1:]}"


def frozen(value: Any) -> Any:
    """Return the same with tuples for lists, however deep."""
    if isinstance(value, dict):
        return {key: frozen(inner) for key, inner in value.items()}
    return tuple(frozen(inner) for inner in value) if isinstance(value, list) else value
