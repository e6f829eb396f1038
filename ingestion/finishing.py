"""How a load ends: quarantine file, closed rows, manifest, commit.

Belongs here: everything between the last row of a load and its presence in the lake.
Not here: the renames themselves (`lake`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ingestion.field_profile import (
    fields_in_sample,
    filled_columns,
    keys_in_sample,
    new_fields,
    sample_texts,
)
from ingestion.lake import (
    QUARANTINE_FILE,
    Lake,
    Manifest,
    Totals,
    commit,
    schema_changes,
)
from ingestion.landed_tables import EVENTS, LANDED_TABLES
from ingestion.landing_models import LoadReport
from ingestion.loading import Load
from ingestion.privacy.door import protect_events
from ingestion.privacy.refused_lines import protect_refused
from ingestion.privacy.table_door import protect_rows
from ingestion.sources.group_run import AccountingError
from ingestion.sources.refusals import quarantine_select
from ingestion.sql_text import text


def finish_load(
    load: Load,
    lake: Lake,
    earlier: Sequence[Manifest],
    *,
    closes: Mapping[str, str] | None = None,
    replay_of: Sequence[str] = (),
) -> Manifest:
    """Write what is missing of a load and commit it.

    `closes` gives for older loads the condition of the quarantine rows that this load
    answers. Raises AccountingError, and commits nothing, when the rows written are
    not the rows counted.
    """
    closed = _write_closed(load, lake, closes or {})
    withheld = _protect(load, lake)
    by_reason = _write_quarantine(load)
    dates = _rows_per_date(load)
    totals = Totals(
        lines_read=sum(file.lines_read for file in load.files),
        landed=sum(file.landed for file in load.files),
        quarantined=sum(file.quarantined for file in load.files),
        skipped=sum(file.skipped for file in load.files),
        closed=sum(closed.values()),
    )
    _check(load, totals, dates, by_reason)
    profile = _profile(load, earlier) if dates else {}
    context = load.context
    manifest = Manifest(
        load_id=context.load_id,
        committed_at=context.rules.now.isoformat(),
        source=context.spec.name,
        files=tuple(load.files),
        totals=totals,
        rows_per_date=dates,
        quarantined_by_reason=by_reason,
        columns=tuple(load.columns),
        replay_of=tuple(replay_of),
        closes=closed,
        skipped_by_reason=withheld,
        table=context.spec.table,
        skipped_as_erased=load.erased,
        **profile,
    )
    commit(lake, manifest)
    return manifest


def _protect(load: Load, lake: Lake) -> Mapping[str, int]:
    """Take out what is personal; give the events dropped by reason.

    Dropped events were counted as landed when they were read: now they are skipped.
    """
    context, plan = load.context, load.context.rules.privacy
    protect_refused(context.connection, plan)
    if context.spec.table != EVENTS:
        table = LANDED_TABLES[context.spec.table]
        protect_rows(context.connection, plan, table, load.rows, lake.root)
        return {}
    withheld = protect_events(
        context.connection,
        plan,
        load.rows,
        lake.root,
        remembers_erased=context.rules.remembered is not None,
    )
    load.erased += withheld.erased
    dropped: dict[str, int] = {}
    for file, count in withheld.by_file.items():
        path = load.paths.get(file, file)
        dropped[path] = dropped.get(path, 0) + count
    load.files[:] = [
        replace(
            file,
            landed=file.landed - dropped.get(file.path, 0),
            skipped=file.skipped + dropped.get(file.path, 0),
        )
        for file in load.files
    ]
    return withheld.by_reason


def report_of(manifest: Manifest) -> LoadReport:
    """Give the report of a committed load."""
    totals = manifest.totals
    return LoadReport(
        load_id=manifest.load_id,
        source=manifest.source,
        lines_read=totals.lines_read,
        landed=totals.landed,
        quarantined=totals.quarantined,
        skipped=totals.skipped,
        rows_per_date=manifest.rows_per_date,
        table=manifest.table,
    )


def _check(
    load: Load, totals: Totals, dates: Mapping[str, int], reasons: Mapping[str, int]
) -> None:
    written = (sum(dates.values()), sum(reasons.values()))
    counted = (totals.landed, totals.quarantined)
    if written != counted:
        raise AccountingError(
            f"load {load.context.load_id} of source '{load.context.spec.name}': "
            f"{counted} rows counted as landed and quarantined, {written} written; "
            "nothing was committed, the files stay in the landing folder"
        )


def _write_quarantine(load: Load) -> dict[str, int]:
    if load.context.rules.remembered:
        load.context.rules.remembered.withhold_text(load.context.connection)
    rows = load.context.connection.execute(
        "select reason_code, count(*) from refused group by 1 order by 1"
    ).fetchall()
    if rows:
        directory = load.incoming / "quarantine"
        directory.mkdir()
        _copy(load, quarantine_select(load.context), directory / QUARANTINE_FILE)
    return {str(reason): int(count) for reason, count in rows}


def _write_closed(load: Load, lake: Lake, closes: Mapping[str, str]) -> dict[str, int]:
    """Write the quarantine files of older loads without the rows answered here."""
    closed: dict[str, int] = {}
    directory = load.incoming / "closed"
    directory.mkdir()
    for load_id, condition in closes.items():
        path = lake.quarantine_file(load_id)
        if not path.exists():
            continue
        rows = f"from read_parquet([{text(path)}], hive_partitioning = false)"
        found = load.context.connection.execute(
            f"select count(*) {rows} where {condition}"
        ).fetchone()
        if found and found[0]:
            rest = f"select * {rows} where ({condition}) is not true"
            _copy(load, rest, directory / f"{load_id}.parquet")
            closed[load_id] = int(found[0])
    return closed


def _copy(load: Load, select: str, target: Path) -> None:
    load.context.connection.execute(
        f"copy ({select}) to {text(target)} (format parquet, compression zstd)"
    )


def _rows_per_date(load: Load) -> dict[str, int]:
    if not any(load.rows.glob("date=*")):
        return {}
    rows = load.context.connection.execute(
        "select regexp_extract(file_name, 'date=([0-9-]+)', 1), sum(num_rows) "
        f"from parquet_file_metadata({text(load.rows / 'date=*' / '*.parquet')}) "
        "group by 1 order by 1"
    ).fetchall()
    return {str(day): int(count) for day, count in rows}


def _profile(load: Load, earlier: Sequence[Manifest]) -> dict[str, Any]:
    """Give what the manifest says of the fields of the landed rows."""
    spec, connection = load.context.spec, load.context.connection
    is_events = spec.table == EVENTS
    files = str(load.rows / "date=*" / "*.parquet")
    sample_texts(
        connection,
        files,
        column="properties" if is_events else "extra",
        kind="event_name" if is_events else "null",
    )
    keys = keys_in_sample(connection)
    profile = {
        "property_keys": keys,
        "schema_changes": schema_changes(keys, spec.name, earlier),
    }
    if not is_events:
        return profile
    known = (
        seen
        for manifest in earlier
        if manifest.source == spec.name and manifest.table == EVENTS
        for seen in manifest.new_fields
    )
    return profile | {
        "new_fields": new_fields(fields_in_sample(connection), known),
        "filled_columns": filled_columns(connection, files),
    }
