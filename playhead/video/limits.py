"""What one video may cost this machine. Checked before anything is allocated.

The defaults follow the threat model: pictures up to 4096 x 2160, a decoder held to 2 GiB and 60
seconds a call. A trusted file that needs more gets more by `open_video(path, limits=...)`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds for one video and for one call on it."""

    file_bytes: int = 64 * 2**30
    """Size of the file."""
    pixels_per_frame: int = 4096 * 2160
    """Height times width of one picture."""
    streams: int = 32
    """Streams in the container: pictures, sound, subtitles, attachments."""
    packets: int = 20_000_000
    """Packets of the picture stream: about 90 hours at 60 frames a second."""
    bytes_per_call: int = 512 * 2**20
    """Pixels or samples handed over by one call."""
    frames_per_call: int = 4096
    """Pictures handed over by one call."""
    memory_bytes: int = 2 * 2**30
    """Memory the decoder process may use beyond what it holds after start-up."""
    cpu_s: int = 3600
    """Processor seconds the decoder process may use in its life."""
    wall_s: float = 60.0
    """Seconds one call may take."""
