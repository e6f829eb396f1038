"""What the door withholds: events without consent, events of erased persons.

Belongs here: finding these events among the rows of a load, counting them, and finding
all that says who it was where they stay without identity. Not here: what persons
decided (`consent`), writing what is left (`door`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.privacy_models import ID_FIELDS, IP_NAMES
from ingestion.privacy.consent import find_unconsented
from ingestion.privacy.fields import IDS_KEY, find_fields, identity_rules
from ingestion.privacy.plan import FILE_COLUMN, PrivacyPlan, aliases
from ingestion.privacy.remembered import is_erased_id, is_in_erased_span
from ingestion.sql_text import text

ROW: Final = "filename, file_row_number"
# What says who somebody is, beside the declared fields.
IDENTITY_COLUMNS: Final = (*ID_FIELDS, "vendor_session_id")
_IDENTITY_NAMES: Final = (IDS_KEY, "$set", "$page_view_id", *IP_NAMES)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Events that were dropped: without consent, or of persons who were erased.

    `by_file` counts them by the path under which the file was read, `by_reason` by
    `no_consent:<purpose>`; `erased` are those of erased persons.
    """

    by_file: Mapping[str, int] = field(default_factory=dict)
    by_reason: Mapping[str, int] = field(default_factory=dict)
    erased: int = 0


def make_known(connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan) -> None:
    """Make `known`: the events with the ids that they will have in the lake."""
    ids = ", ".join(f"{_id_sql(plan, column)} as {column}" for column in ID_FIELDS)
    connection.execute(
        f"create or replace temp view known as select s.* replace ({ids}) "
        f"from staged as s {_id_joins(plan)}"
    )


def find_erased(connection: duckdb.DuckDBPyConnection, *, is_asked: bool) -> None:
    """Find the events of erased persons who were known by their pseudonyms only.

    By the id as sent they have been left out already.
    """
    found = ""
    if is_asked:
        found = (
            f"insert into erased_rows select {ROW} from known "
            f"where {is_erased_id('coalesce(user_id, anonymous_id)')} "
            f"or {is_in_erased_span('user_id', 'anonymous_id', 'occurred_at')} "
            f"union select {ROW} from found_ids join replaced "
            "on action = 'hash' and replaced.value = found_ids.value "
            f"where {is_erased_id('replacement')}"
        )
    connection.execute(
        "create or replace temp table erased_rows "
        f"(filename varchar, file_row_number bigint); {found}"
    )


def judge_consent(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, lake: Path
) -> None:
    """Find the events without consent; have their identity removed, if they stay."""
    connection.execute(
        "create or replace temp table unconsented "
        "(filename varchar, file_row_number bigint, purpose varchar)"
    )
    if plan.consent is None:
        return
    find_unconsented(connection, plan, lake)
    if plan.hides_identity:
        _find_identity(connection, plan)


def _find_identity(connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan) -> None:
    """Have all that says who it was dropped from events without consent."""
    connection.execute("alter table found_fields rename to found_elsewhere")
    connection.execute(
        "create or replace temp view withheld_rows as "
        f"select * from staged semi join unconsented using ({ROW})"
    )
    names = [*_IDENTITY_NAMES, *IDENTITY_COLUMNS]
    names += [alias for column in IDENTITY_COLUMNS for alias in aliases(column)]
    rules = identity_rules(plan, names)
    find_fields(connection, rules, ids=IDENTITY_COLUMNS, rows="withheld_rows")
    # Whole texts equal to an id are found as hashes; here they go.
    connection.execute("update found_fields set action = 'drop'")
    connection.execute(
        "insert into found_fields select * from found_elsewhere "
        f"anti join unconsented using ({ROW})"
    )
    connection.execute("drop table found_elsewhere")
    if plan.hashes_ids:
        connection.execute(
            "create or replace temp table found_ids as "
            f"select * from found_ids anti join unconsented using ({ROW})"
        )
    connection.execute(
        "insert into found_fields select filename, file_row_number, "
        "'$.\"$ids\"', 'drop', null from withheld_rows "
        f"where contains(properties, {text(IDS_KEY)})"
    )


def dropped_rows(plan: PrivacyPlan) -> str:
    """Give row and reason of every event that is not written."""
    parts = [f"select {ROW}, null as purpose from erased_rows"]
    if plan.consent is not None and not plan.hides_identity:
        parts.append(
            f"select {ROW}, purpose from unconsented anti join erased_rows "
            f"using ({ROW})"
        )
    return " union all ".join(parts)


def withheld_events(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan
) -> Withheld:
    """Count the events that are not written."""
    rows = connection.execute(
        f"select {FILE_COLUMN}, purpose, count(*) from staged "
        f"join ({dropped_rows(plan)}) using ({ROW}) group by 1, 2 order by 2"
    ).fetchall()
    by_file: Counter[str] = Counter()
    by_reason: Counter[str] = Counter()
    erased = 0
    for file, purpose, count in rows:
        by_file[str(file)] += count
        if purpose is None:
            erased += count
        else:
            by_reason[f"no_consent:{purpose}"] += count
    return Withheld(dict(by_file), dict(by_reason), erased)


def _id_sql(plan: PrivacyPlan, column: str) -> str:
    return f"hash_{column}.replacement" if plan.hashes_ids else f"s.{column}"


def _id_joins(plan: PrivacyPlan) -> str:
    if not plan.hashes_ids:
        return ""
    return " ".join(replaced_join("hash", column) for column in ID_FIELDS)


def replaced_join(action: str, column: str) -> str:
    """Give the join that knows the replacement of a column of `staged` (s)."""
    alias = f"{action}_{column}"
    return (
        f"left join replaced as {alias} on {alias}.action = {text(action)} "
        f"and {alias}.value = s.{column}"
    )
