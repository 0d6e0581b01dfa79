"""Reading what owners publish: records of JSON, JSON lines, CSV, parquet or plain lines.

    for record in read_json(published(folder, "cgbench_mini.json", home=HOME)):
        question = record.text("question")

The one idea: a record knows its file and its place in it, and every reading of a field checks what
is there, so that a file that is not what it should be says where, and no question is asked wrongly.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

from playhead.core.errors import MissingExtra
from playhead.core.span import Span, parse_time
from playhead.evaluation.benchmarks.base import BenchmarkFileMissing

Pair = tuple[float, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """One record of a file."""

    data: Mapping[str, object]
    where: str
    """The file and the record, for people: `test.csv, record 3`."""

    def bad(self, why: str) -> ValueError:
        """The error that this record is not as its owner describes it."""
        return ValueError(f"{self.where}: {why}")

    def has(self, key: str) -> bool:
        """Whether it has the field, and not empty."""
        return self.data.get(key) is not None

    def text(self, key: str) -> str:
        """A field that is text, or a number, which is made text."""
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.bad(f"{key!r} should be text: got {value!r:.80}")
        return str(value)

    def texts(self, key: str) -> list[str]:
        """A field that is a list of texts."""
        value = self._field(key)
        if not isinstance(value, list) or not all(
            isinstance(item, str) for item in cast("list[object]", value)
        ):
            raise self.bad(f"{key!r} should be a list of texts: got {value!r:.80}")
        return cast("list[str]", value)

    def number(self, key: str) -> float:
        """A field that is a number."""
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(f"{key!r} should be a number: got {value!r:.80}")
        return value

    def whole(self, key: str) -> int:
        """A field that is a whole number."""
        value = self._field(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.bad(f"{key!r} should be a whole number: got {value!r:.80}")
        return value

    def records(self, key: str) -> list[Record]:
        """A field that is a list of records."""
        value = self._field(key)
        if not isinstance(value, list):
            raise self.bad(f"{key!r} should be a list: got {value!r:.80}")
        items = cast("list[object]", value)
        return [record(item, f"{self.where}, {key} {i}") for i, item in enumerate(items)]

    def spans(self, key: str) -> tuple[Span, ...]:
        """A field that is a list of pairs of seconds."""
        value = self._field(key)
        pairs = cast("list[object]", value) if isinstance(value, list) else [value]
        return tuple(self.span(*self._pair(key, pair)) for pair in pairs)

    def span(self, start: float, end: float) -> Span:
        """A stretch of this record, from the first frame on: a start just before it is read as 0,
        as annotators who used other players gave it."""
        if not max(0.0, start) < end:
            raise self.bad(f"a stretch needs start < end: got {start}, {end}")
        return Span(start=max(0.0, start), end=end)

    def seconds(self, key: str) -> float:
        """A field that is a time such as `00:03:10`, in seconds."""
        text = self.text(key)
        try:
            return parse_time(text)
        except ValueError as error:
            raise self.bad(f"{key!r}: {error}") from error

    def option(self, options: list[str], place: int) -> str:
        """The option at a place, which is the right answer."""
        if not 0 <= place < len(options):
            raise self.bad(f"the answer is option {place} of {len(options)}")
        return options[place]

    def lettered(self, options: list[str], key: str) -> str:
        """The option whose letter a field gives, which is the right answer."""
        letter = self.text(key).strip().upper()
        if len(letter) != 1:
            raise self.bad(f"{key!r} should be a letter: got {letter!r:.80}")
        return self.option(options, ord(letter) - 65)

    def _field(self, key: str) -> object:
        if key not in self.data:
            raise self.bad(f"has no {key!r}; it has {', '.join(map(str, self.data))}"[:400])
        return self.data[key]

    def _pair(self, key: str, pair: object) -> Pair:
        match pair:
            case [int() | float() as start, int() | float() as end]:
                return float(start), float(end)
            case _:
                raise self.bad(f"{key!r} should hold pairs of seconds: got {pair!r:.80}")


def record(data: object, where: str) -> Record:
    """A record from what JSON gave.

    Raises:
        ValueError: It is no object.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{where}: should be an object with fields: got {data!r:.80}")
    return Record(cast("dict[str, object]", data), where)


def published(folder: Path, *names: str, home: str) -> Path:
    """The first of the files that is in the folder.

    Args:
        folder: Where a person put what the owner publishes.
        names: What the file is called, relative to the folder; the usual place first.
        home: Where the owner publishes it.

    Raises:
        BenchmarkFileMissing: None of them is there.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    wanted = " or ".join(names)
    raise BenchmarkFileMissing(f"no {wanted} in {folder}: its owner publishes it at {home}")


def of_split(split: str, files: Mapping[str, T]) -> T:
    """What belongs to a split.

    Raises:
        ValueError: There is no such split.
    """
    if split not in files:
        raise ValueError(f"the splits are {', '.join(files)}: got {split!r}")
    return files[split]


def load_json(path: Path) -> Any:
    """What is in a JSON file.

    Raises:
        ValueError: It is not JSON.
    """
    return _parsed(path.read_text("utf-8"), path.name)


def read_json(path: Path) -> Iterator[Record]:
    """The records of a file that is a JSON list of objects. Errors as `load_json`."""
    data = load_json(path)
    if not isinstance(data, list):
        raise ValueError(f"{path.name}: should be a list of records: got {data!r:.80}")
    for i, item in enumerate(cast("list[object]", data)):
        yield record(item, f"{path.name}, record {i}")


def read_json_lines(path: Path) -> Iterator[Record]:
    """The records of a file with a JSON object on each line. Errors as `load_json`."""
    for where, line in read_lines(path):
        yield record(_parsed(line, where), where)


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that say something, each after where it is."""
    for i, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if line.strip():
            yield f"{path.name}, line {i}", line


def read_csv(path: Path) -> Iterator[Record]:
    """The records of a CSV file with a line of names."""
    with path.open(encoding="utf-8", newline="") as file:
        for i, row in enumerate(csv.DictReader(file)):
            yield Record(dict(row), f"{path.name}, record {i}")


def read_parquet(path: Path) -> Iterator[Record]:
    """The records of a parquet file.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtra(f'{path.name} needs pyarrow: pip install "playhead[parquet]"') from error
    rows: Iterable[dict[str, object]] = parquet.read_table(path).to_pylist()
    for i, row in enumerate(rows):
        yield Record(row, f"{path.name}, record {i}")


def read_folder(folder: Path, pattern: str, *, home: str) -> Iterator[tuple[Path, Record]]:
    """The records of every JSON list in a folder, by name of file.

    Raises:
        BenchmarkFileMissing: There is no such file.
    """
    files = sorted(folder.glob(pattern))
    if not files:
        raise BenchmarkFileMissing(f"no {pattern} in {folder}: its owner publishes them at {home}")
    yield from chain.from_iterable(((file, each) for each in read_json(file)) for file in files)


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where}: is not JSON: {error}") from error
