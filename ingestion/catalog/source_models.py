"""`sources.yml`: where events come from, and how a table becomes events.

Shapes, defaults and what can be judged from one source alone. Expressions here are
over the columns of the file, which nobody knows before it is read; besides them the
pseudo columns `file_name` (path below the source's folder) and `line_number`.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ingestion.catalog.columns import MAPPED_COLUMNS
from ingestion.catalog.fields import (
    Declared,
    ExpressionText,
    Text,
)
from ingestion.catalog.origin_models import OriginSpec
from ingestion.catalog.suggestions import nearest_name
from ingestion.landed_tables import EVENTS, LANDED_TABLES

TIMESTAMP_FORMATS: Final = ("iso", "epoch_s", "epoch_ms", "epoch_us")
_COMMON_ENCODINGS: Final = ("utf-8", "latin-1", "utf-16", "windows-1252", "ascii")
_ENCODING_NAMES: Final = {"iso8859-1": "latin-1", "cp1252": "windows-1252"}


def _hint(name: str, valid: tuple[str, ...]) -> str:
    near = nearest_name(name, valid)
    return f" Did you mean '{near}'?" if near else ""


def check_timezone(name: str) -> str:
    """Give back an IANA time zone name; ValueError with the nearest on any other."""
    zones = available_timezones()
    if name not in zones:
        hint = _hint(name, tuple(zones))
        raise ValueError(f"'{name}' is not a time zone of the IANA list.{hint}")
    return name


def _check_encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except (LookupError, ValueError):
        hint = _hint(name, _COMMON_ENCODINGS)
        raise ValueError(f"'{name}' is not a text encoding.{hint}") from None
    return _ENCODING_NAMES.get(found.name, found.name)


def _check_timestamp_format(text: str) -> str:
    if text in TIMESTAMP_FORMATS or "%" in text:
        return text
    raise ValueError(
        f"'{text}' is not a timestamp format: write iso, epoch_s, epoch_ms, epoch_us "
        f"or a pattern such as '%d/%m/%Y %H:%M'.{_hint(text, TIMESTAMP_FORMATS)}"
    )


def _check_glob(pattern: str) -> str:
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts or "\\" in pattern:
        raise ValueError(
            f"'{pattern}' leaves the source's folder: write a pattern below it, "
            "such as 'daily/*.csv'"
        )
    return pattern


def _check_columns(columns: Collection[str], table: str) -> None:
    """Refuse a column that rows of a table do not have."""
    landed = LANDED_TABLES.get(table)
    if landed is None:
        valid, kind = tuple(MAPPED_COLUMNS), "an event column a mapping may fill"
    else:
        valid = tuple(column.name for column in landed.columns)
        kind = f"a column of {table}"
    for name in columns:
        if name not in valid:
            raise ValueError(
                f"'{name}' is not {kind}; "
                f"under `properties` any name goes.{_hint(name, valid)}"
            )


def _properties_of_columns(value: object) -> object:
    """Read a list of file columns as the mapping of each name to itself."""
    if isinstance(value, list):
        names = [str(name) for name in value]
        return {name: '"' + name.replace('"', '""') + '"' for name in names}
    if isinstance(value, str) and value not in ("all", "none"):
        raise ValueError(
            f"'{value}': write all, none, a list of file columns, or name: expression"
        )
    return value


TableName = Literal[
    "events",
    "persons",
    "subscriptions",
    "payments",
    "spend",
    "assignments",
    "consents",
    "erasure_requests",
]

# The formats of `ingestion.sources.adapters`, and tables with a mapping.
SourceFormat = Literal[
    "amplitude",
    "ga4",
    "mixpanel",
    "native",
    "posthog",
    "rudderstack",
    "segment",
    "snowplow",
    "table",
]


class TimestampSpec(Declared):
    """Where a table keeps a point in time, and how it is written."""

    column: Text | None = Field(default=None, description="The file's column.")
    expression: ExpressionText | None = Field(
        default=None, description="Or an expression."
    )
    format: Annotated[Text, AfterValidator(_check_timestamp_format)] = Field(
        default="iso",
        description="iso, epoch_s, epoch_ms, epoch_us, or a strptime pattern.",
    )
    timezone: Annotated[Text, AfterValidator(check_timezone)] = Field(
        default="UTC", description="IANA zone of texts that name none."
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.column is None) == (self.expression is None):
            raise ValueError("give either `column` or `expression`")
        return self


class ReaderSpec(Declared):
    """How the files of a table source are read."""

    format: Literal["csv", "json", "parquet"] = Field(description="Of the files.")
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = Field(
        default=",", description="Between the fields of a CSV."
    )
    quote: Annotated[str, StringConstraints(max_length=1)] = Field(
        default='"', description="Around a field of a CSV; empty: none."
    )
    header: bool = Field(
        default=True, description="Whether the first line of a CSV names the columns."
    )
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        default="utf-8", description="utf-8, latin-1, utf-16, windows-1252, ..."
    )
    null_values: tuple[str, ...] = Field(
        default=(), description="Texts that mean nothing.", examples=[["NULL", "n/a"]]
    )

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> Self:
        own = {
            "csv": {"delimiter", "quote", "header", "encoding", "null_values"},
            "json": {"encoding", "null_values"},
            "parquet": {"null_values"},
        }[self.format]
        for name in sorted(self.model_fields_set - own - {"format"}):
            raise ValueError(f"`{name}` has no meaning for {self.format} files")
        return self


class SourceSpec(Declared):
    """One source: a folder below the landing folder.

    `format: native` needs nothing else (an undeclared folder is native too);
    `format: table` needs `reader` (not after a database), and for events `event_name`
    and `occurred_at`. Rows of another `table` have its columns: each is filled by its
    mapping under `columns`, else from the file's column of the same name.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = (
        Field(description="The folder's name.", examples=["app"])
    )
    format: SourceFormat = Field(description="How its files are written.")
    table: TableName = Field(
        default="events", description="What the rows are; all but events need a table."
    )
    origin: OriginSpec | None = Field(
        default=None,
        description="Where the files are fetched from, if they are.",
        examples=[{"type": "s3", "url": "s3://exports/app/"}],
    )
    description: Text | None = Field(
        default=None, description="What it holds, one sentence."
    )
    files: tuple[Annotated[Text, AfterValidator(_check_glob)], ...] = Field(
        default=("**/*",),
        min_length=1,
        description="Which files of the folder, as globs.",
    )
    reader: ReaderSpec | None = None
    event_name: ExpressionText | None = Field(
        default=None,
        description="Names the event; a fixed name in quotes: \"'order_line'\".",
    )
    occurred_at: TimestampSpec | None = None
    received_at: TimestampSpec | None = None
    event_id: ExpressionText | None = Field(
        default=None,
        description="What makes a row one of its kind; none = a content hash.",
    )
    columns: dict[str, ExpressionText] = Field(
        default_factory=dict,
        description="Column of the table: expression.",
        examples=[{"user_id": "customer_no"}],
    )
    times: dict[str, TimestampSpec] = Field(
        default_factory=dict,
        description="Time columns of another table than events that are not written "
        "as ISO 8601 or an epoch in UTC.",
        examples=[{"paid_at": {"column": "paid", "format": "%d.%m.%Y"}}],
    )
    properties: Annotated[
        Literal["all", "none"] | dict[str, ExpressionText],
        BeforeValidator(
            _properties_of_columns,
            json_schema_input_type=(
                Literal["all", "none"] | list[str] | dict[str, ExpressionText]
            ),
        ),
    ] = Field(default="all", description="Columns kept as properties.")
    where: ExpressionText | None = Field(
        default=None,
        description="Rows for which this is not true are counted as skipped.",
    )

    @field_validator("columns", "times")
    @classmethod
    def _columns_are_of_the_table(
        cls, columns: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        _check_columns(columns, info.data.get("table", EVENTS))
        return columns

    @model_validator(mode="after")
    def _keys_fit_the_format(self) -> Self:
        is_fetched = self.origin is not None and self.origin.type == "postgres"
        if is_fetched and "files" in self.model_fields_set:
            raise ValueError("`files` has no meaning for a database")
        if self.format == "table":
            self._check_needed()
            return self
        only_table = set(type(self).model_fields) - {
            *("name", "format", "description", "files", "origin"),
        }
        for name in sorted(self.model_fields_set & only_table):
            raise ValueError(
                f"`{name}` belongs to `format: table`, not to {self.format}"
            )
        return self

    def _check_needed(self) -> None:
        """Refuse a table source without what its table needs, or with what has none."""
        from_database = self.origin is not None and self.origin.type == "postgres"
        if self.reader is None and not from_database:
            raise ValueError("a table source needs `reader`")
        if from_database and self.reader and self.reader.format != "parquet":
            raise ValueError("a database is fetched as Parquet: leave `reader` out")
        of_events = ("event_name", "occurred_at", "event_id", "received_at")
        if self.table == EVENTS:
            for name in of_events[:2]:
                if getattr(self, name) is None:
                    raise ValueError(f"a table source needs `{name}`")
            if self.times:
                raise ValueError("`times` is for other tables; use `occurred_at`")
            return
        for name in of_events:
            if getattr(self, name) is not None:
                raise ValueError(
                    f"`{name}` belongs to events; rows of {self.table} are mapped "
                    "under `columns` and `times`"
                )
        types = LANDED_TABLES[self.table].types()
        for name in self.times:
            if types[name] not in ("TIMESTAMP", "DATE"):
                raise ValueError(f"`{name}` of {self.table} is no time")
            if name in self.columns:
                raise ValueError(f"`{name}` stands in `columns` and in `times`")


class SourcesFile(Declared):
    """sources.yml: where events come from."""

    sources: tuple[SourceSpec, ...] = ()
