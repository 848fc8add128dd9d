"""What steers the walk of the search: the compiled kernels and the reference share it."""

from typing import Final

SEED: Final = 0x9E3779B97F4A7C15
PATIENCE: Final = 8  # a page that is not clean gets up to so many times the rounds
SLACK: Final = 400  # a rebuilt page may be worth 1/400 less than the one it replaces, at first
NARROW: Final = 8  # a group of so many ranks or fewer is looked at candidate by candidate
KEPT_OUT_MAX: Final = 12  # how many of the better ones kept out of a slot are drawn from
FREED_LEAST: Final = 3  # an exchange frees so many slots, or up to FREED_SPREAD - 1 more,
FREED_SPREAD: Final = 3  # unless more keep someone out
FREED_MAX: Final = 6  # LIMIT: slots refilled together in the best way
POOL_MORE: Final = 2  # a refill first gathers so many more for each slot than there are slots
TRIALS: Final = 30  # LIMIT: candidates placed on trial in one refill
