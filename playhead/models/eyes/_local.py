"""Models that lie in a folder of this machine: found, named, never downloaded."""

from __future__ import annotations

import os
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from playhead.core.errors import MissingExtra

_ENDS = 2**20  # bytes at each end of a file that count: a model of many gigabytes is not read whole


def require(*modules: str, extra: str, what: str) -> None:
    """Make sure that the libraries are there, without loading them.

    Raises:
        MissingExtra: One is not; the message says how to install it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtra(f'{what} needs {", ".join(missing)}: pip install "playhead[{extra}]"')


def local_folder(path: str | os.PathLike[str], *needed: str, what: str) -> Path:
    """`path` as a folder that holds the files `needed`.

    Args:
        path: As the user gave it.
        *needed: Names of files. Libraries fetch some of them when they are missing.
        what: What is in such a folder, for the message.

    Raises:
        ValueError: No folder there, or it lacks a file.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(
            f"{what} is a folder on this machine, and nothing is downloaded here: no folder at "
            f"{str(path)!r}; download one first, then give its path"
        )
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{what} has {', '.join(needed)}: {str(path)!r} lacks {missing[0]}")
    return folder


def fingerprint(*paths: Path) -> str:
    """Eight letters for the size and both ends of each file: other weights, another name."""
    digest = blake2b(digest_size=4)
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name} {size} ".encode())
        with path.open("rb") as file:
            digest.update(file.read(_ENDS))
            file.seek(max(_ENDS, size - _ENDS))
            digest.update(file.read(_ENDS))
    return digest.hexdigest()
