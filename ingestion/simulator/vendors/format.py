"""What a vendor's format is to the simulator, and the SQL that all of them share.

Belongs here: the contract between the renderer and the vendors. Not here: which vendors
there are (`ingestion.simulator.vendors`), any vendor's fields (one module each).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class VendorFormat:
    """How a vendor writes the simulated product's events.

    `line_sql` gets the name of a relation with one row an event: the columns of
    `ingestion.events` (without `source` and `load_id`) and `user_agent`. Times are
    UTC timestamps, `properties` is the JSON text of what the product's client attached,
    all else is text but `revenue` and `value`. It gives a query with the one column
    `line`, a row for each row and in their order, without line ends.

    `event_name` is null for a nameless event, and `occurred_at` for an undated one,
    which the format must write so that it cannot be read.

    Attributes:
        line_sql: relation to query.
        suffix: of the file's name, before that of a compression.
        header: the first line of every file, if the format has one.
    """

    line_sql: Callable[[str], str]
    suffix: str = "jsonl"
    header: str | None = None


def without_nulls(value: str) -> str:
    """SQL for a JSON object without members that are null, as clients write it."""
    return f"json_merge_patch('{{}}'::json, {value})"


def lines(row: str, relation: str) -> str:
    """SQL for the lines of a JSON format: an object for each row."""
    return f"select {without_nulls(row)}::varchar as line from {relation}"


def instant(column: str) -> str:
    """SQL for a time as ISO 8601 in UTC; an undated event says `yesterday`."""
    return f"coalesce(strftime({column}, '%Y-%m-%dT%H:%M:%S.%gZ'), 'yesterday')"
