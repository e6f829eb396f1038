"""The settings of a run that become rows of the compiled catalog.

They are arguments, not declarations: who calls takes them from the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from ingestion.catalog.source_models import check_timezone
from ingestion.catalog.suggestions import nearest_name

WEEKDAYS: Final = (
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
)


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """Zone and week of the figures, and the instant up to which they count.

    `as_of` None means the watermark of the data; without a zone it is read as UTC.
    `newest_event_day` is that of the lake, None while it is empty: a rate of a later
    day changes no figure that exists.
    Raises ValueError, with the nearest name, on an unknown zone or weekday.
    """

    reporting_timezone: str = "UTC"
    week_start: str = "monday"
    as_of: datetime | None = None
    newest_event_day: date | None = None

    def __post_init__(self) -> None:
        check_timezone(self.reporting_timezone)
        if self.week_start not in WEEKDAYS:
            near = nearest_name(self.week_start, WEEKDAYS)
            hint = f" Did you mean '{near}'?" if near else ""
            raise ValueError(f"'{self.week_start}' is not a day of the week.{hint}")

    @property
    def as_of_text(self) -> str:
        """`as_of` as ISO text in UTC without a zone mark; '' when there is none."""
        if self.as_of is None:
            return ""
        moment = self.as_of.astimezone(UTC) if self.as_of.tzinfo else self.as_of
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds")
