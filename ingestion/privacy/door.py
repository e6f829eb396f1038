"""The door: the events of a load without what is personal, before they are committed.

Belongs here: the order of the steps over a load's own files, and the one COPY that
writes them again. Not here: each step (`fields`, `replacements`, `consent`), IP
addresses (replaced while landing), refused lines (`refused_lines`).

Nothing happens for a plan that declares nothing. Otherwise the files are read and
written once more, which costs about half of the landing again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.privacy_models import ID_FIELDS
from ingestion.day_files import replace_days, write_by_date
from ingestion.events import EVENT_COLUMNS
from ingestion.privacy.fields import (
    find_fields,
    find_ids,
    make_patches,
    patched,
)
from ingestion.privacy.plan import (
    CONTENT_ID_COLUMN,
    FieldRule,
    PrivacyPlan,
)
from ingestion.privacy.replacements import (
    PSEUDONYMS_FILE,
    bind_keys,
    hmac_sql,
    replace_values,
    write_pseudonyms,
)
from ingestion.privacy.withholding import (
    IDENTITY_COLUMNS,
    ROW,
    Withheld,
    dropped_rows,
    find_erased,
    judge_consent,
    make_known,
    replaced_join,
    withheld_events,
)
from ingestion.sql_text import name, text


def protect_events(
    connection: duckdb.DuckDBPyConnection,
    plan: PrivacyPlan,
    events: Path,
    lake: Path,
    *,
    remembers_erased: bool = False,
) -> Withheld:
    """Write the events of a load again as the plan says; give what was dropped.

    `events` is the folder of the load being written, with its `date=*` folders, `lake`
    the root of the lake. `remembers_erased`: the connection knows the ids of erased
    persons (`RememberedIds.prepare`), pseudonyms among them. The caller commits the
    folder, or nothing.
    """
    if not plan.is_active or not any(events.glob("date=*/*.parquet")):
        return Withheld()
    connection.execute(
        "create or replace temp view staged as select * from read_parquet("
        f"{text(events / 'date=*' / '*.parquet')}, filename = true, "
        "file_row_number = true, hive_partitioning = false)"
    )
    _find_values(connection, plan, lake)
    make_known(connection, plan)
    find_erased(connection, is_asked=remembers_erased and plan.hashes_ids)
    judge_consent(connection, plan, lake)
    withheld = withheld_events(connection, plan)
    make_patches(connection, with_ids=plan.hashes_ids)
    _write_again(connection, plan, events)
    if any(rule.action == "hash" for rule in (*plan.columns, *plan.fields)):
        write_pseudonyms(connection, events / PSEUDONYMS_FILE)
    for table in _TABLES:
        connection.execute(f"drop table if exists {table}")
    return withheld


_TABLES: Final = (
    *("found_fields", "found_ids", "patches", "replaced", "values_found"),
    *("personal_rules", "unconsented", "decisions", "erased_rows"),
)


def _find_values(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, lake: Path
) -> None:
    """Find declared fields, and make the replacement of every distinct value."""
    rules = plan.fields if plan.rewrites_fields else ()
    find_fields(connection, rules, ids=ID_FIELDS if plan.hashes_ids else ())
    parts = ["select action, value from found_fields where action <> 'drop'"]
    if plan.hashes_ids:
        find_ids(connection)
        parts.append("select 'hash', value from found_ids")
    parts += [
        f"select {text(rule.action)}, {name(rule.name)} from staged{_only(rule)}"
        for rule in plan.columns
        if rule.action in ("hash", "encrypt")
    ]
    connection.execute(
        "create or replace temp table values_found as select distinct action, value "
        f"from ({' union all '.join(parts)}) as found (action, value) "
        "where value is not null"
    )
    if plan.is_keyed:
        replace_values(connection, plan, lake)
    else:
        connection.execute(
            "create or replace temp table replaced "
            "(action varchar, value varchar, replacement varchar)"
        )


def _only(rule: FieldRule) -> str:
    return "" if rule.event is None else f" where event_name = {text(rule.event)}"


def _write_again(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, events: Path
) -> None:
    """Write the files once more and put them in the place of the first."""
    again = events.with_name("events.protected")
    shutil.rmtree(again, ignore_errors=True)
    columns = ",\n    ".join(
        f"({_column_sql(plan, column.name)})::{column.type} as {column.name}"
        for column in EVENT_COLUMNS
    )
    joins = [
        f"left join patches using ({ROW})",
        f"left join unconsented using ({ROW})",
        *_column_joins(plan),
    ]
    if plan.is_keyed:
        bind_keys(connection, plan.the_ring())
    select = (
        f"select {columns}, s.occurred_at::date as date from staged as s "
        f"{' '.join(joins)} anti join ({dropped_rows(plan)}) as dropped using ({ROW})"
    )
    connection.execute(write_by_date(select, str(again)))
    replace_days(events, again)


def _column_sql(plan: PrivacyPlan, column: str) -> str:
    """Give a column of the events as it is written."""
    hidden = plan.hides_identity
    if column == "event_id" and plan.is_keyed:
        # The hash of the content would tell by trial what was in it. The oldest key,
        # so that a file landed again after a rotation gives the same ids.
        digest = f"left({hmac_sql('s.event_id', plan.the_ring().keys[-1])}, 32)"
        return f"case when s.{CONTENT_ID_COLUMN} then {digest} else s.event_id end"
    if column == "properties":
        return patched("s.properties", "patches.patches")
    written = _ruled_sql(plan, column)
    personal = column in IDENTITY_COLUMNS or any(
        rule.name == column and rule.action != "keep" for rule in plan.columns
    )
    if hidden and personal:
        return f"case when unconsented.purpose is null then {written} end"
    return written


def _ruled_sql(plan: PrivacyPlan, column: str) -> str:
    rules = sorted(
        (rule for rule in plan.columns if rule.name == column),
        key=lambda rule: rule.rank,
    )
    written = f"s.{column}"
    for rule in reversed(rules):
        done = {
            "keep": f"s.{column}",
            "drop": "null",
            "hash": f"hash_{column}.replacement",
            "encrypt": f"encrypt_{column}.replacement",
        }[rule.action]
        if rule.event is None:
            written = done
        else:
            is_event = f"s.event_name = {text(rule.event)}"
            written = f"case when {is_event} then {done} else {written} end"
    return written


def _column_joins(plan: PrivacyPlan) -> Iterator[str]:
    pairs = {(rule.action, rule.name): None for rule in plan.columns}
    for action, column in pairs:
        if action in ("hash", "encrypt"):
            yield replaced_join(action, column)
