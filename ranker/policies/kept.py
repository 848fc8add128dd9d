"""Policies that were ever in force, by digest: what they decided can be decided again by them."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from constraints.errors import PolicyError, SettingsError
from constraints.policy import Policy, parse_policy
from ranker.files import sync_path
from ranker.policies.folder import read_files
from ranker.telemetry import note

FOLDER: Final = "kept-policies"


def keep(data_dir: Path, texts: Mapping[str, bytes], digest: str) -> None:
    """Keep the files of a policy; they are on the disk, all of them, when this returns.

    Args:
        data_dir: its folder `kept-policies` gets a folder named by the digest.
        texts: file name → content.
        digest: of the policy, hex.

    Raises:
        SettingsError: they cannot be kept.
    """
    folder = data_dir / FOLDER / digest
    if folder.is_dir():
        return
    partial = folder.with_name(f".{digest}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        for name, raw in texts.items():
            with (partial / name).open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        sync_path(partial)
        partial.rename(folder)
        sync_path(folder.parent)
    except OSError as error:
        if not folder.is_dir():  # else another process was faster
            raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def kept(data_dir: Path, digest: str) -> Policy | None:
    """Return the policy of a digest, None where it was not kept or is not that one any more."""
    try:
        texts = read_files(sorted((data_dir / FOLDER / digest).glob("*.toml")))
        policy = parse_policy(texts)
    except PolicyError:
        return None
    return policy if policy.digest == digest else None


def all_kept(data_dir: Path) -> Iterator[Policy]:
    """Yield every policy kept; one that is no longer what its digest says is left out."""
    for folder in sorted((data_dir / FOLDER).glob("*")):
        policy = kept(data_dir, folder.name)
        if policy is None:
            note("a policy kept is not what its digest says", policy=folder.name)
        else:
            yield policy
