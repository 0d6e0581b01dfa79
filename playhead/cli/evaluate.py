"""`playhead eval`: measure models, and compare what was measured."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from playhead.core.trajectory import Task
    from playhead.evaluation.questions import Questions
    from playhead.evaluation.run import Run


class _Benchmarks(TyperGroup):
    """`playhead eval NAME` is `playhead eval run NAME` where NAME is no command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Benchmarks,
    help="Measure models, on rendered worlds or on benchmarks.",
    no_args_is_help=True,
)

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Who is measured; may be repeated. See playhead models."),
]
Strategy = Annotated[str, typer.Option(help="As of playhead ask.")]
EffortName = Annotated[str, typer.Option(help="What a question may cost: quick, normal, deep.")]
Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", help="Bounds, such as frames=64; repeated: a curve, a run for each."),
]
Frames = Annotated[str, typer.Option(help="A curve over pictures, such as 8,32,128.")]
Out = Annotated[Path | None, typer.Option(help="Where runs and reports are kept.")]
AtOnce = Annotated[int, typer.Option(help="How many questions are attempted at the same time.")]
Retry = Annotated[
    bool, typer.Option("--retry-failed", help="Attempt again what broke by no fault of the model.")
]
Receipts = Annotated[bool, typer.Option(help="Keep a hash of every picture shown.")]
First = Annotated[int | None, typer.Option(help="Only so many questions, from the first.")]
TrainedOn = Annotated[
    list[Path] | None,
    typer.Option(help="Trajectories that a model learned from; repeatable: none may be asked."),
]
Contaminated = Annotated[
    bool, typer.Option("--allow-contaminated", help="Go on although questions were learned from.")
]


@dataclass(frozen=True)
class _How:
    """What every way to make runs is told."""

    models: Sequence[str]
    strategy: str
    effort: str
    budgets: Sequence[str]
    frames: str
    out: Path
    at_once: int
    retry_failed: bool
    receipts: bool
    first: int | None
    trained_on: Sequence[Path]
    allow_contaminated: bool
    eyes: Sequence[str] | None = None
    """What looks late, by name. None: as the settings say."""
    index: bool = True
    judge: str | None = None
    card: Path | None = None


@app.command()
def worlds(
    model: Models = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Only these families; may be repeated.")
    ] = None,
    videos: Annotated[int, typer.Option(help="How many, each asked once by each family.")] = 6,
    minutes: Annotated[float, typer.Option(help="How long each video runs.")] = 10.0,
    controls: Annotated[int, typer.Option(help="One-minute videos, where no tool is needed.")] = 3,
    seed: Annotated[int, typer.Option(help="Another seed, other worlds.")] = 0,
    noise: Annotated[int, typer.Option(help="Levels of 255 by which every pixel is off.")] = 0,
    eye: Annotated[
        list[str] | None,
        typer.Option(help="What else looks when videos are indexed: world, screen_text ..."),
    ] = None,
    strategy: Strategy = "auto",
    effort: EffortName = "normal",
    budget: Budgets = None,
    frames: Frames = "",
    out: Out = None,
    at_once: AtOnce = 2,
    retry_failed: Retry = False,
    receipts: Receipts = True,
    first: First = None,
    trained_on: TrainedOn = None,
    allow_contaminated: Contaminated = False,
) -> None:
    """Measure on rendered videos, whose truth is known: nothing is fetched."""
    from playhead.evaluation.worlds import FAMILIES, WorldExam, world_questions

    exam = WorldExam(
        families=tuple(family or FAMILIES), videos=videos, minutes=minutes, controls=controls,
        seed=seed, noise=noise,
    )  # fmt: skip
    usual = ("rules", "oracle", "uniform:64", "uniform:768")
    how = _How(
        models=model or usual, strategy=strategy, effort=effort, budgets=budget or (),
        frames=frames, out=out or Path("playhead-eval") / "worlds", at_once=at_once,
        retry_failed=retry_failed, receipts=receipts, first=first, trained_on=trained_on or (),
        allow_contaminated=allow_contaminated, eyes=eye or (),
    )  # fmt: skip
    _measure(world_questions(exam), how)


@app.command()
def run(
    benchmark: Annotated[str, typer.Argument(help="Which; playhead eval benchmarks lists them.")],
    data: Annotated[Path, typer.Option(help="The folder with its owner's annotation files.")],
    videos: Annotated[Path, typer.Option(help="The folder with its videos.")],
    model: Models = None,
    split: Annotated[str | None, typer.Option(help="Which split; else its first.")] = None,
    subtitles: Annotated[bool, typer.Option(help="Hand its subtitles over as speech.")] = True,
    index: Annotated[bool, typer.Option(help="Index videos before they are asked about.")] = True,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out questions whose files are missing.")
    ] = False,
    judge: Annotated[str | None, typer.Option(help="The model that scores prose.")] = None,
    judge_card: Annotated[Path | None, typer.Option(help="What was measured about it.")] = None,
    strategy: Strategy = "auto",
    effort: EffortName = "normal",
    budget: Budgets = None,
    frames: Frames = "",
    out: Out = None,
    at_once: AtOnce = 4,
    retry_failed: Retry = False,
    receipts: Receipts = True,
    first: First = None,
    trained_on: TrainedOn = None,
    allow_contaminated: Contaminated = False,
) -> None:
    """Measure on a published benchmark, with your own copies of its videos."""
    from playhead.evaluation.benchmarks import find_benchmark
    from playhead.evaluation.files import file_questions
    from playhead.evaluation.subjects import reads_worlds_only

    if not model:
        raise typer.BadParameter("name who is measured: --model rules, --model openai:NAME@URL ...")
    if alien := [name for name in model if reads_worlds_only(name)]:
        raise typer.BadParameter(f"{alien[0]} can read rendered worlds only")
    folder = out or Path("playhead-eval") / benchmark
    how = _How(
        models=model, strategy=strategy, effort=effort, budgets=budget or (), frames=frames,
        out=folder, at_once=at_once, retry_failed=retry_failed, receipts=receipts, first=first,
        trained_on=trained_on or (), allow_contaminated=allow_contaminated, index=index,
        judge=judge, card=judge_card,
    )  # fmt: skip
    questions = file_questions(
        find_benchmark(benchmark), data, videos, folder / "indexes", split=split,
        subtitles=subtitles, allow_missing=allow_missing,
    )  # fmt: skip
    _measure(questions, how)


@app.command()
def benchmarks() -> None:
    """What can be measured on, where its owner publishes it, and under which licence."""
    from playhead.evaluation.benchmarks import benchmark_names, find_benchmark

    print("worlds  rendered videos, nothing to fetch")
    for name in benchmark_names():
        found = find_benchmark(name)
        print(f"{name}  {found.home}  {found.licence}")


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, or of several.")],
    html: Annotated[Path | None, typer.Option(help="Write one HTML file instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the tables of runs, also of unfinished ones."""
    from playhead.evaluation.page import page
    from playhead.evaluation.report import markdown, sections_of, to_json

    sections = sections_of([each for folder in runs for each in _runs_in(folder)])
    if html is not None:
        html.write_text(page(sections), encoding="utf-8")
        print(html)
    else:
        print(to_json(sections) if as_json else markdown(sections), end="")


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The folder of one run.")],
    after: Annotated[Path, typer.Argument(help="The folder of another.")],
    scorer: Annotated[str | None, typer.Option(help="By what; else the benchmark's own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare two runs question by question: the difference, and what flipped."""
    import json
    from dataclasses import asdict

    from playhead.evaluation.comparison import compare_runs, comparison_table
    from playhead.evaluation.run import read_run

    found = compare_runs(read_run(before), read_run(after), scorer=scorer)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        print(comparison_table(found), end="")


def _measure(questions: Questions, how: _How) -> None:
    """Make every run that is asked for, and write and print the report."""
    from playhead.evaluation.page import page
    from playhead.evaluation.report import markdown, sections_of, to_json

    if how.first is not None:
        questions = questions.first(how.first)
    made = asyncio.run(_make(questions, how))
    sections = sections_of(made)
    for name, text in (
        ("report.md", markdown(sections)),
        ("report.json", to_json(sections)),
        ("report.html", page(sections)),
    ):
        (how.out / name).write_text(text, encoding="utf-8")
    print(markdown(sections), end="")
    typer.echo(f"kept in {how.out}; the page is {how.out / 'report.html'}", err=True)


async def _make(questions: Questions, how: _How) -> list[Run]:
    from playhead import config
    from playhead.agent.api import recipe_of
    from playhead.core.budget import Effort
    from playhead.evaluation.judging import read_card
    from playhead.evaluation.plan import folder_name, planned, read_budgets
    from playhead.evaluation.run import make_run

    recipe = recipe_of(config.load())
    if how.eyes is not None:
        recipe = replace(recipe, late_eyes=tuple(how.eyes))
    runs = planned(
        how.models, read_budgets(how.budgets, how.frames), strategy=how.strategy,
        effort=Effort(how.effort), recipe=recipe, index=how.index, environment=os.environ,
    )  # fmt: skip
    judge = _judge(how.judge) if how.judge else None
    card = None if how.card is None else read_card(how.card)
    trained_on = _tasks(how.trained_on)
    made: list[Run] = []
    for label, subject in runs:
        with _Progress(label, len(questions.tasks)) as progress:
            made.append(
                await make_run(
                    how.out / folder_name(label), questions, subject, label=label,
                    at_once=how.at_once, retry_failed=how.retry_failed, judge=judge, card=card,
                    trained_on=trained_on, allow_contaminated=how.allow_contaminated,
                    receipts=how.receipts, tell=progress.tell,
                )
            )  # fmt: skip
    return made


def _judge(spec: str) -> Any:
    from playhead.evaluation.scorers.judge import Judge
    from playhead.models.strings import find_policy

    return Judge(find_policy(spec, resolve=lambda refs: [], environment=os.environ))


def _tasks(paths: Sequence[Path]) -> list[Task]:
    from playhead.core.store import TrajectoryStore

    if missing := [path for path in paths if not path.exists()]:
        raise typer.BadParameter(f"no such file of trajectories: {str(missing[0])!r}")
    return [record.task for path in paths for record in TrajectoryStore(path)]


def _runs_in(folder: Path) -> list[Run]:
    """The run in a folder, or the runs in the folders of it."""
    from playhead.evaluation.run import read_run
    from playhead.evaluation.settings import SETTINGS

    if (folder / SETTINGS).exists():
        return [read_run(folder)]
    found = [read_run(path.parent) for path in sorted(folder.glob(f"*/{SETTINGS}"))]
    if not found:
        raise typer.BadParameter(f"no run in {str(folder)!r}")
    return found


class _Progress:
    """How far a run has come, on standard error: a bar on a terminal, else a line at its end."""

    def __init__(self, label: str, num: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        columns = (TextColumn("{task.description:>24}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        self._bars = Progress(*columns, Elapsed(), console=console, disable=not _is_person())
        self._task = self._bars.add_task(label, total=num)
        self._label, self._num, self._done = label, num, 0

    def __enter__(self) -> _Progress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
        if not _is_person():
            typer.echo(f"{self._label}: {self._done} of {self._num} questions", err=True)

    def tell(self, num: int) -> None:
        """So many are done."""
        self._done = num
        self._bars.update(self._task, completed=num)


def _is_person() -> bool:
    return sys.stderr.isatty()
