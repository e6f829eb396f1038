"""Cohorts and lifecycles: both engines' word on who is counted where.

The warehouse tells it by the SQL that its marts are counted with, read for a few units
(`int_retention_members`, `int_lifecycle_members`); and no mart may count fewer than
there are in the sample. Here belongs that comparison, the same for both; what somebody
counts in belongs to `counted_cohorts`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.reconciling.accounts import unit_keys
from dagster_project.reconciling.counted_cohorts import (
    Cell,
    Cohort,
    Counted,
    CountedGrid,
    CountedLifecycle,
)
from dagster_project.reconciling.declared import Declared
from dagster_project.reconciling.declared_cohorts import (
    DeclaredLifecycle,
    DeclaredRetention,
)
from dagster_project.reconciling.sample import left_out
from dagster_project.reconciling.sample_events import Sighted

# Whom a figure is about that the whole sample has a share in.
EVERYBODY = "(the sample)"
Found = dict[Thing, dict[str, object]]
# Definition -> (unit, cohort) -> the cells that the warehouse counts the unit in.
Members = dict[str, dict[tuple[str, Cohort], list[Cell]]]


def compare_cohorts(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sighted: Mapping[str, Sighted],
) -> Iterator[Comparison]:
    """Compare all retention grids, then all lifecycles; ``sighted``: by unit (SQL)."""
    kinds: tuple[
        tuple[type[Counted], Sequence[DeclaredRetention | DeclaredLifecycle]], ...
    ] = (
        (CountedGrid, declared.cohorts.grids),
        (CountedLifecycle, declared.cohorts.lifecycles),
    )
    for kind, definitions in kinds:
        counted = [
            kind(one, sighted[one.unit])
            for one in definitions
            if not one.not_recomputed
        ]
        members = _members(connection, declared, counted)
        compared = {
            one.name: _compared(connection, one, members.get(one.name, {}))
            for one in counted
        }
        for definition in definitions:
            name, reason = definition.name, definition.not_recomputed
            yield left_out(kind.area, name, reason) if reason else compared[name]


def _members(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    counted: Sequence[Counted],
) -> Members:
    """Read who is counted where, by definition.

    A range reaches both sides of a join, a list only one: of 6.7 million rows 150 units
    took 0.06 s of processor time with both, 0.35 s with the list alone. New units have
    the highest numbers; of definitions that count others too (0.04 s for a grid) the
    range does not help.
    """
    found: Members = defaultdict(lambda: defaultdict(list))
    readings: dict[tuple[str, bool], list[Counted]] = defaultdict(list)
    for one in counted:
        readings[one.sighted.unit, one.counts_others].append(one)
    for (unit, _), its in readings.items():
        keys = unit_keys(connection, declared, unit, its[0].units)
        if keys:
            rows = connection.execute(
                f"select * from intermediate.int_{its[0].area}_members "
                f"where list_contains(?, {its[0].area}_name) "
                "and list_contains(?, unit_key) and unit_key between ? and ?",
                [[one.name for one in its], list(keys), min(keys), max(keys)],
            ).fetchall()
            for name, *cohort, cell, key in rows:
                found[name][keys[key], tuple(cohort)].append(cell)
    return found


def _compared(
    connection: duckdb.DuckDBPyConnection,
    counted: Counted,
    members: Mapping[tuple[str, Cohort], list[Cell]],
) -> Comparison:
    """Compare what everyone counts in, and that the mart counts no fewer of it."""
    recomputed: Found = {}
    shares: dict[Cohort, Counter[Cell]] = defaultdict(Counter)
    for unit in counted.units:
        for cohort, cells in counted.cells_of(unit):
            recomputed[unit, _shown(cohort)] = {"cells": counted.told(unit, cells)}
            shares[cohort].update(counted.certain(unit, cells))
    found: Found = {
        (unit, _shown(cohort)): {"cells": counted.told(unit, cells)}
        for (unit, cohort), cells in members.items()
        if counted.is_known(unit, cohort)
    }
    for cohort, share in shares.items():
        for what, figures in counted.least(cohort, share):
            recomputed[EVERYBODY, f"{_shown(cohort)}{what}"] = figures
    first = min((cohort[-1] for cohort in shares), default=datetime.max)
    for cohort, what, counts in counted.of_mart(connection, first):
        if cohort in shares:
            share = shares[cohort]
            found[EVERYBODY, f"{_shown(cohort)}{what}"] = {
                figure: _at_most(share[cell], count)
                for figure, (cell, count) in counts.items()
            }
    return compare(
        *(counted.area, counted.name, recomputed, found),
        persons=counted.units,
        reason=counted.reason,
    )


def _at_most(share: int, count: int | None) -> int | None:
    """Give the part of a mart's count that the sample can tell of."""
    return None if count is None else min(share, count)


def _shown(told: Iterable[Any]) -> str:
    return " ".join(map(str, told))
