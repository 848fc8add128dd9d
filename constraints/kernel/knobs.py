"""What steers the walk of the search: the compiled kernels and the reference share it."""

from typing import Final

SEED: Final = 0x9E3779B97F4A7C15
PATIENCE: Final = 8  # a page that gives up more than it must gets up to so many times the rounds
FAR_PERCENT: Final = 12  # a page first worth so much less than its bound is begun anew once
SLACK: Final = 200  # a rebuilt page may be worth 1/200 less than the one it replaces, at first
HOME_PART: Final = 8  # the last of so many parts of the rounds goes on from the best page
WANDER_IN: Final = 24  # 1 in so many rebuilt pages is gone on from although it gives up more,
BACK_AFTER: Final = 200  # but so many rounds later the walk is back at the best page
EXCHANGE_PERCENT: Final = 50  # of the rounds of a clean page; the others rebuild
EXCHANGE_BROKEN_PERCENT: Final = 10  # of the rounds that do not mend, where something is broken
FORCE_PERCENT: Final = 20  # of rebuilds begin by forcing somebody in, the others by clearing
FORCE_BROKEN_PERCENT: Final = 80  # the same where something is broken
CUT_IN: Final = 4  # 1 in so many rebuilds of a page with empty slots leaves the lowest to the sunk
CLEARED_LEAST: Final = 2  # a rebuild clears so many slots,
CLEARED_PERCENT: Final = 40  # or up to that share more, but once in CLEARED_ALL_IN all
CLEARED_ALL_IN: Final = 32
NARROW: Final = 8  # a group of so many ranks or fewer is looked at candidate by candidate
KEPT_OUT_MAX: Final = 12  # how many of the better ones kept out of a slot are drawn from
FREED_MAX: Final = 12  # LIMIT: slots refilled together
FREED_LEAST: Final = 3  # an exchange, or a mend, frees so many slots,
EXCHANGE_SPREAD: Final = 3  # or up to so many less one more,
MEND_SPREAD: Final = 8  # unless more keep someone out
EXCHANGE_TRIALS: Final = 20  # LIMIT: candidates tried in one refill
MEND_TRIALS: Final = 300  # LIMIT: the same where something is broken
LISTED: Final = 4  # a refill first lists so many candidates for each slot
