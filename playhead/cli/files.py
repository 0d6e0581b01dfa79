"""Writing results to disk: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def refuse_overwriting(paths: list[Path], *, force: bool) -> None:
    """Stop before anything is written if one of `paths` is there and `force` is not."""
    taken = [path for path in paths if path.exists()]
    if taken and not force:
        raise typer.BadParameter(f"{taken[0]} exists; add --force to overwrite it")


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB picture `[H, W, 3]` as PNG; a file of that name is replaced in one go."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(picture).save(part, "PNG")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
