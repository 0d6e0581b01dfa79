"""How bright each picture is that a Qwen-VL is given: enough to tell which it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def brightness(inputs: Mapping[str, Any]) -> list[float]:
    """The mean of each picture's patches, in their order."""
    sizes = [int(grid.prod()) for grid in inputs["image_grid_thw"]]
    return [float(patches.mean()) for patches in inputs["pixel_values"].split(sizes)]
