"""`playhead demo`: the main job on a film that is made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playhead.cli.files import write_png
from playhead.core.span import format_time


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write the demo film.")] = Path(),
) -> None:
    """Make a small film, and show what Playhead finds in it: shots, words, and when they are."""
    from playhead.cli.video import _in_words
    from playhead.video import open_video
    from playhead.video.demo import write_demo
    from playhead.video.sheets import contact_sheet
    from playhead.video.shots import find_shots
    from playhead.video.subtitles import embedded_subtitles

    film, picture = folder / "playhead-demo.mp4", folder / "playhead-demo.png"
    folder.mkdir(parents=True, exist_ok=True)
    write_demo(film)
    with open_video(film) as video:
        print(_in_words(film, video))
        shots = find_shots(video)
        print(f"\n{len(shots)} shots")
        for shot in shots:
            print(f"  {shot.span.timecode}")
        print("\nwhat is said")
        for track in video.info.text_tracks:
            for line in embedded_subtitles(video, track):
                print(f"  {format_time(line.span.start)}  {line.text}")
        write_png(picture, contact_sheet(video.frames(num=9, max_side=480)).picture)
    print(f"\nwritten: {film}, {picture}")
