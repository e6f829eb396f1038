"""The door for tables beside events: persons, payments, consents and the others.

Belongs here: what a plan means for the columns of a `LandedTable`, and the COPY that
writes the rows of a load again. Not here: events (`door`), the steps (`fields`,
`replacements`).

Ids are hashed as in events, or no row would find its person; what is declared for all
events counts for columns and `extra` of the same names. Rules of one event do not
apply.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from ingestion.catalog.privacy_models import PersonalAction
from ingestion.day_files import replace_days, write_by_date
from ingestion.landed_tables import LandedTable
from ingestion.privacy.fields import find_fields, make_patches, patched
from ingestion.privacy.plan import PrivacyPlan
from ingestion.privacy.replacements import (
    PSEUDONYMS_FILE,
    replace_values,
    write_pseudonyms,
)
from ingestion.sql_text import name, text

_EXTRA = "extra"


def column_actions(plan: PrivacyPlan, table: LandedTable) -> dict[str, PersonalAction]:
    """Give the columns of a table that are dropped, hashed or encrypted.

    A column that identifies is hashed where ids are, unless it is declared otherwise.
    Numbers and times are never touched.
    """
    declared = {rule.name: rule.action for rule in plan.fields if rule.event is None}
    actions: dict[str, PersonalAction] = {}
    for column in table.columns:
        if column.type != "VARCHAR":
            continue
        found = declared.get(column.name)
        if found is None and column.is_identity and plan.hashes_ids:
            found = "hash"
        if found is not None and found != "keep":
            actions[column.name] = found
    return actions


def protect_rows(
    connection: duckdb.DuckDBPyConnection,
    plan: PrivacyPlan,
    table: LandedTable,
    rows: Path,
    lake: Path,
) -> None:
    """Write the rows of a load again as the plan says.

    `rows` is the folder of the load being written, with its `date=*` folders, `lake`
    the root of the lake.
    """
    if not plan.rewrites_fields or not any(rows.glob("date=*/*.parquet")):
        return
    connection.execute(
        "create or replace temp view staged as select * from read_parquet("
        f"{text(rows / 'date=*' / '*.parquet')}, filename = true, "
        "file_row_number = true, hive_partitioning = false)"
    )
    actions = column_actions(plan, table)
    rules = [rule for rule in plan.fields if rule.event is None]
    find_fields(connection, rules, json_column=_EXTRA, event=None)
    parts = ["select action, value from found_fields where action <> 'drop'"]
    parts += [
        f"select {text(action)}, {name(column)} from staged"
        for column, action in actions.items()
        if action != "drop"
    ]
    connection.execute(
        "create or replace temp table values_found as select distinct action, value "
        f"from ({' union all '.join(parts)}) as found (action, value) "
        "where value is not null"
    )
    replace_values(connection, plan, lake)
    make_patches(connection, with_ids=False)
    _write_again(connection, table, actions, rows)
    write_pseudonyms(connection, rows / PSEUDONYMS_FILE)
    for one in ("found_fields", "patches", "replaced", "values_found"):
        connection.execute(f"drop table {one}")


def _write_again(
    connection: duckdb.DuckDBPyConnection,
    table: LandedTable,
    actions: dict[str, PersonalAction],
    rows: Path,
) -> None:
    written = {column: f"s.{name(column)}" for column in table.types()}
    joins = ["left join patches using (filename, file_row_number)"]
    for column, action in actions.items():
        written[column] = "null"
        if action != "drop":
            written[column] = f"of_{column}.replacement"
            joins.append(
                f"left join replaced as of_{column} on of_{column}.action = "
                f"{text(action)} and of_{column}.value = s.{name(column)}"
            )
    written[_EXTRA] = patched(f"s.{_EXTRA}", "patches.patches")
    columns = ", ".join(
        f"({sql})::{table.types()[column]} as {name(column)}"
        for column, sql in written.items()
    )
    again = rows.with_name(f"{rows.name}.protected")
    shutil.rmtree(again, ignore_errors=True)
    select = (
        f"select {columns}, s.{name(table.time)}::date as date from staged as s "
        f"{' '.join(joins)}"
    )
    connection.execute(write_by_date(select, str(again)))
    replace_days(rows, again)
