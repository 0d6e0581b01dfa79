"""torchcodec: PyTorch's decoder, in its exact mode.

It counts frames as we do (by display time, after the edit list) and tells the time of each, which
is compared. It needs PyTorch and FFmpeg's libraries on the system, takes seconds to import and
hundreds of megabytes to hold; what it brings is pictures as tensors, which this adapter does not
use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from playhead.core.errors import MissingExtra
from playhead.video.decoders.container import View
from playhead.video.decoders.foreign import ForeignDecoder

_BATCH = 16


class TorchcodecDecoder(ForeignDecoder):
    """Pictures by `torchcodec.decoders.VideoDecoder`. See `base.Decoder`."""

    name = "torchcodec"

    def _turns(self) -> bool:
        return True

    def _open(self, file: BinaryIO) -> None:
        try:
            from torchcodec.decoders import VideoDecoder  # pyright: ignore[reportPrivateImportUsage]
        except (ImportError, RuntimeError, OSError) as error:
            raise MissingExtra(
                "torchcodec is installed but does not load: it needs the FFmpeg libraries of the "
                f"system and a matching PyTorch ({type(error).__name__})"
            ) from None
        self._decoder: Any = VideoDecoder(
            View(file),
            stream_index=self._index,
            dimension_order="NHWC",
            num_ffmpeg_threads=2,
            seek_mode="exact",
        )

    def close(self) -> None:
        """Give back the file."""
        self._decoder = None

    def _frames(self, ranks: list[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        begins_s = self.opened.info["start_s"]
        for i in range(0, len(ranks), _BATCH):
            batch = self._decoder.get_frames_at(ranks[i : i + _BATCH])
            for rank, time_s, picture in zip(
                ranks[i : i + _BATCH], batch.pts_seconds.tolist(), batch.data.numpy(), strict=True
            ):
                if abs(time_s - begins_s - self.opened.timeline.times_s[rank]) <= 1e-4:
                    yield rank, picture
