"""The field types that several catalog files share.

Belongs here: names, event lists, windows and the base of every declared object. Not
here: the objects themselves (`event_models`, `metric_models`, `source_models`) and
anything that needs to know another file (`checks`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from ingestion.catalog.suggestions import nearest_name

ANY_EVENT: Final = "*"
NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,62}$"

_UNIT_SECONDS: Final = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
}
_LONGEST_WINDOW_DAYS: Final = 366
_WINDOW_PATTERN: Final = r"^\s*([0-9]{1,12})\s+([A-Za-z]+)\s*$"


class Declared(BaseModel):
    """An object of the catalog: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def window_seconds(text: str, *, longest_days: int = _LONGEST_WINDOW_DAYS) -> int:
    """Give the seconds of a window such as "60 minutes" or "7 days".

    Units are second, minute, hour, day and week, singular or plural; a day is 24
    hours. Raises ValueError, with the nearest unit, on anything else, on 0 and on
    more than `longest_days`.
    """
    found = re.fullmatch(_WINDOW_PATTERN, text)
    if not found:
        raise ValueError(f"'{text}' is not a window: write one such as '60 minutes'")
    count, unit = int(found[1]), found[2].lower()
    seconds = _UNIT_SECONDS.get(unit.removesuffix("s"))
    if seconds is None:
        units = [f"{known}s" for known in _UNIT_SECONDS]
        near = nearest_name(unit, units)
        hint = f" Did you mean '{count} {near}'?" if near else ""
        raise ValueError(f"'{unit}' is not a unit of time.{hint}")
    if not 0 < count * seconds <= longest_days * 86_400:
        raise ValueError(f"'{text}' is not between 1 second and {longest_days} days")
    return count * seconds


def _checked_window(text: str) -> str:
    window_seconds(text)
    return text


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"'{value}' stands in the list twice")
        seen.add(value)
    return values


def _any_event_stands_alone(names: tuple[str, ...]) -> tuple[str, ...]:
    if ANY_EVENT in names and len(names) > 1:
        raise ValueError('"*" means every event and stands alone')
    return names


Name = Annotated[
    str, StringConstraints(pattern=NAME_PATTERN), Field(examples=["course_purchase"])
]
"""A name that becomes a column value and part of file and chart names."""

Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000),
    Field(examples=["Course purchase"]),
]

ExpressionText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=10_000,
        description="A scalar SQL expression over event columns and property('name').",
        examples=["property('plan') = 'annual'"],
    ),
]

EventName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f]([^\x00-\x1f]*\S)?$"
    ),
    Field(examples=["course_viewed"]),
]
"""As the client sends it, so almost any text: no control characters or outer blanks."""

DistinctNames = Annotated[tuple[Text, ...], AfterValidator(_distinct)]

EventNames = Annotated[
    tuple[EventName, ...],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
    Field(
        min_length=1,
        description='Event names, one or several, or "*" for every event.',
        examples=["course_viewed"],
    ),
    AfterValidator(_distinct),
    AfterValidator(_any_event_stands_alone),
]
"""One event name, several, or "*" for every event."""

Window = Annotated[
    str,
    AfterValidator(_checked_window),
    Field(
        description="How long, such as '60 minutes' or '7 days'.",
        examples=["7 days"],
        json_schema_extra={"pattern": r"^\s*[0-9]+\s+[A-Za-z]+\s*$"},
    ),
]
