"""`sources.yml`: where events come from, and how a table becomes events.

Shapes, defaults and what can be judged from one source alone. Expressions here are
over the columns of the file, which nobody knows before it is read; besides them the
pseudo columns `file_name` (path below the source's folder) and `line_number`.
"""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from ingestion.catalog.columns import MAPPED_COLUMNS
from ingestion.catalog.fields import (
    Declared,
    ExpressionText,
    Text,
)
from ingestion.catalog.suggestions import nearest_name

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


def _check_mapped_columns(columns: dict[str, str]) -> dict[str, str]:
    for name in columns:
        if name not in MAPPED_COLUMNS:
            raise ValueError(
                f"'{name}' is not an event column a mapping may fill; "
                f"under `properties` any name goes.{_hint(name, tuple(MAPPED_COLUMNS))}"
            )
    return columns


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


# The formats of `ingestion.sources.adapters`, and tables with a mapping.
SourceFormat = Literal["native", "table"]


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

    format: Literal["csv", "json", "parquet"]
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    quote: Annotated[str, StringConstraints(max_length=1)] = '"'
    header: bool = True
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        default="utf-8", description="utf-8, latin-1, utf-16, windows-1252, ..."
    )
    null_values: tuple[str, ...] = Field(
        default=(), description="Texts that mean nothing."
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
    `format: table` needs `reader`, `event_name` and `occurred_at`.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = (
        Field(description="The folder's name.")
    )
    format: SourceFormat
    description: Text | None = None
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
    columns: Annotated[
        dict[str, ExpressionText], AfterValidator(_check_mapped_columns)
    ] = Field(default_factory=dict, description="Event column: expression.")
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

    @model_validator(mode="after")
    def _keys_fit_the_format(self) -> Self:
        needed = ("reader", "event_name", "occurred_at")
        if self.format == "table":
            for name in needed:
                if getattr(self, name) is None:
                    raise ValueError(f"a table source needs `{name}`")
            return self
        only_table = set(type(self).model_fields) - {
            *("name", "format", "description", "files"),
        }
        for name in sorted(self.model_fields_set & only_table):
            raise ValueError(f"`{name}` belongs to `format: table`, not to native")
        return self


class SourcesFile(Declared):
    """sources.yml: where events come from."""

    sources: tuple[SourceSpec, ...] = ()
