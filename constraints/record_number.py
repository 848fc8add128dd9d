"""Licence and filing numbers of micro-dramas: what a number must look like to be one.

The form proves nothing; a number that has it is claimed, never verified.
"""

import re
import unicodedata
from typing import Final

_BRACKETS: Final = str.maketrans("〔〕【】[]﹝﹞", "()()()()")
_NOISE: Final = re.compile(r"[\s\u200b\ufeff·•]+")
_FORMS: Final = (
    re.compile(r"\([^()]{1,12}\)网微剧[审备]字\(20[0-9]{2}\)第[0-9]{1,8}号"),  # notice 35 three 2
    re.compile(r"(\([^()]{1,12}\))?网[剧影]审字\(20[0-9]{2}\)第[0-9]{1,8}号"),  # since 2022-06
)


def normalise(text: str) -> str:
    """Return a number with its brackets, digits and spaces in one form."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).translate(_BRACKETS))


def is_record_number(text: str) -> bool:
    """Tell whether a text has the form of a licence or filing number, issuer included."""
    plain = normalise(text)
    return any(form.fullmatch(plain) for form in _FORMS)
