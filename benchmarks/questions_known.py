"""Questions about real videos, and what is true: for `questions.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.memory.hour import make_hour

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Case:
    """A question whose answer is known."""

    film: str
    kind: str
    question: str
    words: tuple[str, ...] = ()
    """Each of which the answer must say; `a|b` is either."""
    spans: Spans = ()
    """The true seconds. Empty: not asked for."""
    is_absent: bool = False
    """Nothing of the kind is in the video."""
    options: tuple[str, ...] = ()
    picture: tuple[str, float] | None = None
    """The file and second of a picture that comes with the question."""


CASES = (
    Case("webb.mp4", "said", "Where is the cleanroom?", ("Goddard", "Maryland"), ((8.35, 12.47),)),
    Case("webb.mp4", "said", "When is NASA mentioned?", (), ((8.35, 12.47),)),
    Case("webb.mp4", "said", "What is said at 0:02?", ("optical and science segment",)),
    Case("webb.mp4", "said", "Who is speaking about the optical segment?", ("NAR",)),
    Case("webb.mp4", "said", "In which state is the space flight center?", ("Maryland",)),
    Case("webb.mp4", "said", "How many times is the word telescope said?", ("1 ",),
         ((4.26, 8.35),)),
    Case("demo.mp4", "said", "Where has the miller hidden his key?", ("under the old bridge",),
         ((7.5, 11.5),)),
    Case("demo.mp4", "said", "What is said after the key is mentioned?", ("stars come out",)),
    Case("demo.mp4", "said", "When does the boat sail home?", ("dawn",), ((19.5, 23.5),),
         options=("at dawn", "at noon", "at midnight")),
    Case("bunny.mp4", "written", "When does 'PEACH' appear on screen?", (), ((19.5, 23),)),
    Case("bunny.mp4", "written", "What is written at 21 s?", ("PEACH OPEN MOVIE PROJECT",)),
    Case("bunny.mp4", "written", "What is the title at 27 s?", ("Big Buck BUNNY",)),
    Case("timecode_2997.mp4", "written", "What is the timecode at 5.005 s?", ("00:00:05;00",)),
    Case("timecode_2997.mp4", "written", "When is 150.000 shown?", (), ((5.0, 6.0),)),
    Case("demo.mp4", "written", "What number is written on the sail?", ("42",)),
    Case("demo.mp4", "written", "What comes first, the windmill or the stars?",
         ("windmill\" comes first",)),
    Case("bunny.mp4", "shown", "When does this appear?", (), ((15.8, 23.0),),
         picture=("bunny.mp4", 17.0)),
    Case("webb.mp4", "shown", "When is this shown?", (), ((4.0, 9.0),), picture=("webb.mp4", 6.5)),
    Case("cars.mp4", "shown", "Where is this picture in the video?", (), ((15.0, 18.0),),
         picture=("cars.mp4", 16.0)),
    Case("cars.mp4", "counted", "How many times do cars drive through?", ("3",),
         ((4, 8), (14, 18), (24, 27))),
    Case("cars.mp4", "counted", "How many cars are there?", ("4",)),
    Case("cars.mp4", "counted", "How many red cars are there?", ("1",), ((14, 18),)),
    Case("people.mp4", "counted", "How many people come to the table?", ("6",)),
    Case("bunny.mp4", "counted", "How many shots are there?", ("4",)),
    Case("bottles.mp4", "counted", "How many bottles are on the table at the start?", ("3|three",)),
    Case("demo.mp4", "counted", "How many stars come out?", ("3|three",)),
    Case("cars.mp4", "located", "When do cars drive through?", (), ((4, 8), (14, 18), (24, 27))),
    Case("cars.mp4", "located", "When does the red car drive?", (), ((14, 18),)),
    Case("cars.mp4", "located", "When is nobody there?", (), ((0, 4), (9, 14), (19, 23), (27, 30))),
    Case("bottles.mp4", "located", "When is only one bottle on the table?", (), ((18, 22),)),
    Case("cars.mp4", "happens", "What happens at 16 s?", ("red",)),
    Case("webb.mp4", "happens", "What happens between 0:05 and 0:10?", ("Goddard",)),
    Case("demo.mp4", "happens", "What happens at the end?", ("Thank you", "Goodbye|The End")),
    Case("cups.mp4", "happens", "Under which cup is the ball at the end?", ("right",)),
    Case("juggle.mp4", "happens", "What does the man do with the ball?", ("juggl|kick",)),
    Case("webb.mp4", "summarise", "Summarise the video.", ("space telescope", "Goddard")),
    Case("demo.mp4", "summarise", "What is this film about?", ("red ball", "windmill", "boat")),
    Case("webb.mp4", "facts", "How long is the video?", ("13.0 seconds",)),
    Case("bunny.mp4", "facts", "Is there sound?", ("Yes",)),
    Case("webb.mp4", "negative", "When is Mars mentioned?", is_absent=True),
    Case("webb.mp4", "negative", "Where is the submarine?", is_absent=True),
    Case("bunny.mp4", "negative", "When does 'WOLF' appear on screen?", is_absent=True),
    Case("cars.mp4", "negative", "What is said about the weather?", is_absent=True),
    Case("people.mp4", "negative", "When does this appear?", is_absent=True,
         picture=("bunny.mp4", 17.0)),
    Case("demo.mp4", "negative", "Who steals the red diamond?", is_absent=True,
         options=("the miller", "the sailor", "the king")),
    Case("cars.mp4", "negative", "Is there a cat?", is_absent=True),
)  # fmt: skip


def hour_cases(folder: Path, videos: Path, minutes: float) -> tuple[Path, list[Case]]:
    """The long film, and questions about it."""
    hour = make_hour(folder, videos, minutes=minutes)
    name = hour.path.name
    cases: list[Case] = []
    for sentence in (hour.sentences[len(hour.sentences) // 3], hour.sentences[-1]):
        span = ((sentence.span.start, sentence.span.end),)
        one, other = sentence.words
        cases += [
            Case(name, "said", f"When is the {one} mentioned?", (), span),
            Case(name, "said", f"Where is the {other}?", ("behind the house",), span),
        ]
    moments = hour.moments("bunny.mp4", 22.0)
    shown = tuple((time_s - 0.5, time_s + 1.0) for time_s in moments)
    cases += [
        Case(name, "shown", "When does this appear?", (), shown, picture=("bunny.mp4", 22.0)),
        Case(name, "negative", "Where is the zeppelin?", is_absent=True),
        Case(name, "facts", "How long is it?", (f"{hour.duration_s:.1f} seconds",)),
    ]
    return hour.path, cases
