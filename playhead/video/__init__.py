"""From a file to pictures and time: open, decoders, selectors, shots, subtitles, sound."""

from typing import TYPE_CHECKING

from playhead._lazy import lazy

if TYPE_CHECKING:
    from playhead.video.base import Frames, Video
    from playhead.video.file import VideoFile, open_video
    from playhead.video.limits import Limits
    from playhead.video.sandbox.walls import SandboxWarning

__all__ = ["Frames", "Limits", "SandboxWarning", "Video", "VideoFile", "open_video"]

__getattr__ = lazy(
    __name__,
    {
        "Frames": "playhead.video.base",
        "Limits": "playhead.video.limits",
        "SandboxWarning": "playhead.video.sandbox.walls",
        "Video": "playhead.video.base",
        "VideoFile": "playhead.video.file",
        "open_video": "playhead.video.file",
    },
)
