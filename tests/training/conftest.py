"""Tiny models that the tests of training share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", params=["qwen3_vl", "qwen2_5_vl"])
def tiny_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen-VL of each family, whose tokens are bytes."""
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    pytest.importorskip("transformers")
    from tests.models.policies.tiny import write_tiny

    return write_tiny(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.fixture
def tiny(tiny_folder: Path) -> tuple[Any, Any]:
    """The tiny model and its processor, loaded anew."""
    from playhead.models.policies.transformers import load_model

    return load_model(tiny_folder, "cpu", "float32")
