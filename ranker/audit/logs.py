"""The logs of a data folder: each worker of a server writes one of its own.

The first worker's home is the data folder itself, that of worker N is `worker-N` in it: a folder
with a log, its key and its tables. Facts, policies and keys of viewers are shared.
"""

import re
from pathlib import Path
from typing import Final

from ranker.audit.checkpoint import CHECKPOINT
from ranker.audit.log import FOLDER
from ranker.audit.segments import segments_of

_WORKER: Final = re.compile(r"worker-(\d{1,4})")


def home_of(data_dir: Path, worker: int) -> Path:
    """Return the home of a worker, counted from 0."""
    return data_dir / f"worker-{worker}" if worker else data_dir


def homes_of(data_dir: Path) -> list[Path]:
    """Return the homes that hold a log, by worker; or held one, as a checkpoint there says."""
    found = {0: data_dir}
    for path in data_dir.glob("worker-*"):
        if name := _WORKER.fullmatch(path.name):
            found[int(name[1])] = path
    return [found[n] for n in sorted(found) if _has_log(found[n] / FOLDER)]


def _has_log(folder: Path) -> bool:
    return bool(segments_of(folder)) or (folder / CHECKPOINT).exists()
