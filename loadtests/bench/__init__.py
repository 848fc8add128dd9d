"""The engine against proven optima and against its peers, on pages of its own."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: peers have one thread, as we do
