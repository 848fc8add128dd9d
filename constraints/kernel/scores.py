"""The entries of a score: a row of numbers, lower is better, compared from the first one on."""

from typing import Final

from constraints.effects import LEVEL_MAX

HARD_BREAKS: Final = 0
EMPTY: Final = 1
SUNK: Final = 2
SOFT: Final = 2  # breaks of level 1 follow at SOFT + 1
OBJECTIVE: Final = LEVEL_MAX + 3
SCORES: Final = LEVEL_MAX + 4
