"""Cohorts and lifecycles of persons: both engines' word on who is counted where.

The warehouse tells it by the SQL that its marts are counted with, read for a few units
(`int_retention_members`, `int_lifecycle_members`); and no mart may count fewer than
there are in the sample. Only persons of whom every event was read are compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.events import local_time
from dagster_project.analysis.reconciliation.lifecycle import statuses_of
from dagster_project.analysis.reconciliation.periods import next_start, start_of
from dagster_project.analysis.reconciliation.retention import closes_at, members_of
from dagster_project.reconciling.declared_cohorts import (
    DeclaredCohorts,
    DeclaredLifecycle,
    DeclaredRetention,
)
from dagster_project.reconciling.sample import NEW_ONLY, Sample, left_out

# Whom a figure is about that the whole sample has a share in.
EVERYBODY = "(the sample)"
Found = dict[Thing, dict[str, object]]
# (person, what the columns between the definition and the unit say)
Members = list[tuple[str, tuple[Any, ...]]]
# (dimension, value, start) or (period, start) -> cell or status -> persons.
Shares = dict[tuple[Any, ...], Counter[Any]]


def compare_cohorts(
    connection: duckdb.DuckDBPyConnection, sample: Sample, declared: DeclaredCohorts
) -> Iterator[Comparison]:
    """Compare every retention grid, then every lifecycle."""
    units = _units(connection, sample) if declared.grids or declared.lifecycles else {}
    in_grids = _members(connection, "int_retention_members", units)
    for grid in declared.grids:
        if grid.not_recomputed:
            yield left_out("retention", grid.name, grid.not_recomputed)
        else:
            yield _grid(connection, sample, grid, in_grids.get(grid.name, []))
    in_lifecycles = _members(connection, "int_lifecycle_members", units)
    for one in declared.lifecycles:
        if one.not_recomputed:
            yield left_out("lifecycle", one.name, one.not_recomputed)
        else:
            yield _lifecycle(connection, sample, one, in_lifecycles.get(one.name, []))


def _units(connection: duckdb.DuckDBPyConnection, sample: Sample) -> dict[int, str]:
    """Give persons by their numbers; no definition compared here counts others."""
    return dict(
        connection.execute(
            "select unit_key, unit_id from intermediate.int_cohort_units "
            "where list_contains(?, unit_id)",
            [sorted(sample.whole)],
        ).fetchall()
    )


def _members(
    connection: duckdb.DuckDBPyConnection, view: str, units: Mapping[int, str]
) -> dict[str, Members]:
    """Read who is counted where, by definition.

    A range reaches both sides of a join, a list only one: of 6.7 million rows 150 units
    took 0.06 s of processor time with both, 0.35 s with the list alone. New units have
    the highest numbers.
    """
    found: dict[str, Members] = defaultdict(list)
    if units:
        rows = connection.execute(
            f"select * from intermediate.{view} where list_contains(?, unit_key) "
            f"and unit_key between {min(units)} and {max(units)}",
            [list(units)],
        ).fetchall()
        for name, *told, unit in rows:
            found[name].append((units[unit], tuple(told)))
    return found


def _grid(
    connection: duckdb.DuckDBPyConnection,
    sample: Sample,
    grid: DeclaredRetention,
    members: Members,
) -> Comparison:
    """Compare each person's cohorts, and the cells they count in."""
    recomputed: Found = {}
    shares: Shares = {}
    for part in grid.dimensions:
        for person in sample.whole:
            told = members_of(
                sample.sightings_of(part.targets, person),
                sample.sightings_of(part.returns, person),
                part.rules,
                sample.watermark,
            )
            for entry, cells in told.items():
                cohort = (part.name, entry.value, entry.cohort_start)
                recomputed[person, _shown(cohort)] = {"cells": cells}
                shares.setdefault(cohort, Counter()).update(cells)
    # Of `at: [1, 7]` the periods between are counted too, and shown nowhere.
    declared = {
        0,
        *(first for part in grid.dimensions for first, _ in part.rules.buckets),
    }
    found: Found = {
        (person, cohort): {"cells": sorted(declared.intersection(cells))}
        for (person, cohort), cells in _grouped(members).items()
    }
    recomputed |= _shares_of_grid(grid, shares, sample.watermark)
    found |= _cells_of_mart(connection, grid, shares)
    return compare(
        *("retention", grid.name, recomputed, found),
        persons=sample.whole,
        reason=NEW_ONLY,
    )


def _shares_of_grid(
    grid: DeclaredRetention, shares: Shares, watermark: datetime
) -> Found:
    """Give what each cell of a cohort counts at least; None while it is open."""
    rules = {part.name: part.rules for part in grid.dimensions}
    found: Found = {}
    for cohort, share in shares.items():
        dimension, _, start = cohort
        its = rules[dimension]
        if start < local_time(watermark, its.zone):
            for number, last in ((0, 0), *its.buckets):
                is_over = closes_at(start, last, its) <= watermark
                found[EVERYBODY, f"{_shown(cohort)}, cell {number}"] = {
                    "cohort_size": share[0],
                    "returned_count": share[number] if is_over else None,
                }
    return found


def _cells_of_mart(
    connection: duckdb.DuckDBPyConnection, grid: DeclaredRetention, shares: Shares
) -> Found:
    rows = connection.execute(
        "select dimension, dimension_value, cohort_start, period_number, cohort_size, "
        "returned_count from marts.fct_retention "
        "where retention_name = ? and cohort_start >= ?",
        [grid.name, min((start for *_, start in shares), default=datetime.max)],
    ).fetchall()
    return {
        (EVERYBODY, f"{_shown(cohort)}, cell {number}"): {
            "cohort_size": _at_most(share[0], size),
            "returned_count": _at_most(share[number], returned),
        }
        for *key, number, size, returned in rows
        if (share := shares.get(cohort := tuple(key)))
    }


def _lifecycle(
    connection: duckdb.DuckDBPyConnection,
    sample: Sample,
    lifecycle: DeclaredLifecycle,
    members: Members,
) -> Comparison:
    """Compare what became of each person in each period."""
    recomputed: Found = {}
    shares: Shares = {}
    for person in sample.whole:
        seen = sample.sightings_of(lifecycle.active, person)
        times = {local_time(one.at, lifecycle.zone) for one in seen}
        for period in lifecycle.periods:
            active = {start_of(period, at, lifecycle.week_start) for at in times}
            for start, status in statuses_of(active, period).items():
                statuses = ["dormant"] if status == "dormant" else ["active", status]
                recomputed[person, _shown((period, start))] = {"statuses": statuses}
                shares.setdefault((period, start), Counter()).update(statuses)
    found: Found = {
        (person, period): {"statuses": sorted(statuses)}
        for (person, period), statuses in _grouped(members).items()
    }
    recomputed |= _shares_of_lifecycle(lifecycle, shares, sample.watermark)
    found |= _periods_of_mart(connection, lifecycle, shares)
    return compare(
        *("lifecycle", lifecycle.name, recomputed, found),
        persons=sample.whole,
        reason=NEW_ONLY,
    )


STATUSES = ("new", "returning", "resurrecting", "dormant", "active")


def _shares_of_lifecycle(
    lifecycle: DeclaredLifecycle, shares: Shares, watermark: datetime
) -> Found:
    """Give what each period counts at least; who is dormant only when it is over."""
    now = local_time(watermark, lifecycle.zone)
    return {
        (EVERYBODY, _shown((period, start))): {
            f"{status}_count": share[status]
            if status != "dormant" or next_start(period, start) <= now
            else None
            for status in STATUSES
        }
        for (period, start), share in shares.items()
        if start < now
    }


def _periods_of_mart(
    connection: duckdb.DuckDBPyConnection, lifecycle: DeclaredLifecycle, shares: Shares
) -> Found:
    columns = ", ".join(f"{status}_count" for status in STATUSES)
    rows = connection.execute(
        f"select period, period_start, {columns} from marts.fct_lifecycle "
        "where lifecycle_name = ? and period_start >= ?",
        [lifecycle.name, min((start for _, start in shares), default=datetime.max)],
    ).fetchall()
    return {
        (EVERYBODY, _shown((period, start))): {
            f"{status}_count": _at_most(share[status], count)
            for status, count in zip(STATUSES, counts, strict=True)
        }
        for period, start, *counts in rows
        if (share := shares.get((period, start)))
    }


def _grouped(members: Members) -> dict[Thing, list[Any]]:
    """Give the last of what is told, by person and all that stands before it."""
    found: dict[Thing, list[Any]] = defaultdict(list)
    for person, (*what, last) in members:
        found[person, _shown(tuple(what))].append(last)
    return found


def _at_most(share: int, count: int | None) -> int | None:
    """Give the part of a mart's count that the sample can tell of."""
    return None if count is None else min(share, count)


def _shown(told: tuple[Any, ...]) -> str:
    return " ".join(map(str, told))
