"""Eyes: what turns pictures and sound into vectors and words, with weights or without.

`find_eye` and `find_embedder` make one from its name, ours or an installed plug-in's. What takes
arguments, such as a folder of weights, is made by its own class and passed as an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from playhead.core.plugins import find_plugin

_EYES = {
    "activity": "playhead.models.eyes.activity:Activity",
    "moving": "playhead.models.eyes.activity:MovingThings",
    "screen_text": "playhead.models.eyes.screen_text:ScreenText",
    "world": "playhead.models.eyes.world:WorldEye",
}
_EMBEDDERS = {
    "plain": "playhead.models.eyes.plain:PlainEmbedder",
    "open_clip": "playhead.models.eyes.open_clip:OpenClip",
    "sentences": "playhead.models.eyes.sentences:Sentences",
}


def find_eye(name: str) -> Any:
    """A new `Eye` of that name.

    Raises:
        NoSuchPlugin: There is none; the message lists what there is.
        MissingExtra: It needs a part that is not installed.
    """
    return find_plugin("eyes", name, _makers(_EYES))()


def find_embedder(name: str) -> Any:
    """A new `PictureEmbedder` or `TextEmbedder` of that name. Errors as for `find_eye`."""
    return find_plugin("embedders", name, _makers(_EMBEDDERS))()


def _makers(homes: Mapping[str, str]) -> dict[str, Callable[[], Any]]:
    """What makes each, without loading it before."""

    def maker(home: str) -> Callable[[], Any]:
        module, _, name = home.partition(":")
        return lambda: getattr(import_module(module), name)()

    return {name: maker(home) for name, home in homes.items()}
