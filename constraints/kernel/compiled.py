"""The kernels, compiled. `reference.py` says the same in plain Python; tests hold them equal."""

from constraints.kernel.scoring import measure
from constraints.kernel.searching import search

__all__ = ["measure", "search"]
