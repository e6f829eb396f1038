"""The fields clients send, in order, and what they are called.

A field is either made by SQL from a row, or follows with others from one code.
Formats are in `rendering`; the properties of each kind in `kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ingestion.simulator.kinds import KINDS, MONEY
from ingestion.simulator.rows import UNDATED
from ingestion.simulator.specification import Naming
from ingestion.simulator.vocabulary import (
    BOT_CLIENT,
    CAMPAIGNS,
    CLIENTS,
    PLACES,
    SERVER_CLIENT,
    UNKNOWN_PLACE,
    Row,
)

AMOUNT = "decimal(18, 2)"
USER_ID = "concat('u', lpad(person::varchar, 8, '0'))"
LEGACY_NAMES = {
    "event_name": "event_type",
    "properties": "event_data",
    "occurred_at": "timestamp",
}


@dataclass(frozen=True)
class Field:
    """A field made by SQL from a row; the expression gives text or null.

    `content` says what the text is: plain text, a JSON number, or a JSON object.
    """

    name: str
    sql: str
    content: Literal["text", "number", "object"] = "text"
    parquet_type: str = "varchar"


@dataclass(frozen=True)
class Group:
    """Fields that follow together from one code, the row number in `table`."""

    code: str
    table: tuple[Row, ...]


def _instant(column: str) -> str:
    return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%gZ')"


def _by_kind(expressions: dict[int, str]) -> str:
    """SQL that chooses by kind; kinds with equal expressions share a branch."""
    kinds: dict[str, list[str]] = {}
    for kind, sql in expressions.items():
        kinds.setdefault(sql, []).append(str(kind))
    branches = (
        f"when kind in ({', '.join(codes)}) then {sql}" for sql, codes in kinds.items()
    )
    return f"case {' '.join(branches)} end"


def _properties() -> str:
    """SQL for the properties as JSON object text, '{}' for kinds without."""
    objects = {}
    for code, kind in enumerate(KINDS):
        pairs = ", ',', ".join(
            f"'\"{name}\":', {sql}" for name, sql in kind.properties.items()
        )
        if pairs:
            objects[code] = f"concat('{{', {pairs}, '}}')"
    return f"coalesce({_by_kind(objects)}, '{{}}')"


def client_fields(releases: int) -> tuple[Field | Group, ...]:
    """All fields in order, for a product with so many releases."""
    revenue = [str(code) for code, kind in enumerate(KINDS) if kind.has_revenue]
    earns = f"kind in ({', '.join(revenue)})"
    pages = {code: kind.page for code, kind in enumerate(KINDS) if kind.page}
    values = {code: kind.value for code, kind in enumerate(KINDS) if kind.value}
    occurred = _instant("occurred")
    return (
        Field("event_id", "id::varchar"),
        Group("kind_code", _kind_table()),
        Field(
            "occurred_at",
            f"case when flaw = {UNDATED} then 'yesterday' else {occurred} end",
            parquet_type="timestamp",
        ),
        Field("received_at", _instant("received"), parquet_type="timestamp"),
        Field("user_id", f"case when known then {USER_ID} end"),
        Field("anonymous_id", "device_id::varchar"),
        Group("client_code", _client_table(releases)),
        Group("place_code", (*(row for _, row in PLACES), UNKNOWN_PLACE)),
        Group("campaign_code", tuple(row for _, row in CAMPAIGNS)),
        Field("page", _by_kind(pages)),
        Field("revenue", f"case when {earns} then {MONEY} end", "number", AMOUNT),
        Field("currency", f"case when {earns} then 'USD' end"),
        Field("value", _by_kind(values), "number", AMOUNT),
        Field("properties", _properties(), "object"),
    )


def _kind_table() -> tuple[Row, ...]:
    named: list[Row] = [
        {"event_name": kind.name, "category": kind.category} for kind in KINDS
    ]
    return (*named, {"event_name": None, "category": None})


def _client_table(releases: int) -> tuple[Row, ...]:
    clients = (*(row for _, row in CLIENTS), SERVER_CLIENT, BOT_CLIENT)
    return tuple(
        {
            "platform": row["platform"],
            "app_version": None if row is SERVER_CLIENT else f"2.{release}.0",
        }
        | row
        for row in clients
        for release in range(releases)
    )


def field_name(name: str, naming: Naming) -> str:
    """What clients of this naming call a field."""
    if naming == "legacy":
        return LEGACY_NAMES.get(name, name)
    if naming == "camelCase":
        head, *rest = name.split("_")
        return head + "".join(part.capitalize() for part in rest)
    return name
