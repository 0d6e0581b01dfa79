"""What all of Playhead's records are made of: frozen values with an exact JSON round trip.

The one idea: a record that was written can be read back equal, in any process, in any year. So a
`Value` is frozen, refuses fields it does not know, refuses NaN and infinity (JSON has neither), and
its text never holds a lone surrogate (a model can emit one; UTF-8 cannot store it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    PlainSerializer,
    WithJsonSchema,
)


def clean_text(text: str) -> str:
    """`text` with every lone surrogate replaced by U+FFFD, so that it can be stored as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clean_if_text(value: Any) -> Any:
    return clean_text(value) if isinstance(value, str) else value


def _clean_json(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case float() if not math.isfinite(value):
            raise ValueError(f"JSON has no {value!r}: send a finite number or null")
        case Mapping():
            items = cast("Mapping[Any, Any]", value).items()
            return {_clean_json(str(key)): _clean_json(item) for key, item in items}
        case list() | tuple():
            return [_clean_json(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _read_fraction(value: Any) -> Any:
    if isinstance(value, str | int | float | Fraction):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError, OverflowError):
            raise ValueError(f"not a fraction such as '30000/1001': got {value!r}") from None
    raise ValueError(f"not a fraction such as '30000/1001': got {value!r}")


Text = Annotated[str, BeforeValidator(_clean_if_text)]
"""A string that UTF-8 can store."""

Json = Annotated[JsonValue, BeforeValidator(_clean_json)]
"""Any JSON value; NaN and infinity are refused."""

JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_clean_json)]
"""A JSON object. Values are frozen: make a new one instead of changing this in place."""

Rational = Annotated[
    Fraction,
    BeforeValidator(_read_fraction),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(/\d+)?$"}),
]
"""An exact fraction, written as `"30000/1001"` in JSON."""


class Value(BaseModel):
    """A frozen record with an exact JSON round trip: `T.from_json(v.to_json()) == v`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    def to_json(self) -> str:
        """This value as one line of JSON."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The value that `to_json` wrote.

        Raises:
            ValueError: The text is not such a value; the message names the field.
        """
        return cls.model_validate_json(text)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, checked again like a new value."""
        return self.model_validate({**dict(self), **changes})
