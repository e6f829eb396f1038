"""What customers pay a month: both engines' word on their movements.

Books over events are compared for persons of whom every event was read; books over the
table `subscriptions` for accounts drawn by a hash of their ids, from all their
snapshots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.mrr import (
    Change,
    Movement,
    Snapshot,
    month_ends,
    movements_of,
    worth_of_changes,
    worth_of_snapshots,
)
from dagster_project.reconciling.declared import Declared, DeclaredBook
from dagster_project.reconciling.sample import NEW_ONLY, PERSONS, Sample, left_out

AREA = "mrr"
Found = dict[Thing, dict[str, object]]


def compare_mrr(
    connection: duckdb.DuckDBPyConnection,
    declared: Declared,
    sample: Sample,
    book: DeclaredBook,
) -> Comparison:
    """Compare every movement of a book's customers: kind, amount, before and after."""
    if book.not_recomputed:
        return left_out(AREA, book.name, book.not_recomputed)
    told = connection.execute(
        "select watermark_at from intermediate.int_revenue_watermark"
    ).fetchone()
    if told is None or told[0] is None:
        return left_out(AREA, book.name, "nothing has landed")
    if book.reads_events:
        customers = sorted(sample.whole)
        worths = _worths_of_events(sample, book)
    else:
        customers, worths = _worths_of_table(connection, declared, book)
    recomputed: Found = {}
    for customer, its in worths.items():
        closings = [
            (month, sum((worth(instant) for worth in its.worths), Decimal(0)))
            for month, instant in month_ends(its.first, told[0], declared.zone)
        ]
        recomputed |= _figures(customer, movements_of(closings))
    rows = connection.execute(
        "select customer_id, month_start_date, movement, amount, opening_amount, "
        "closing_amount from marts.fct_mrr_movements "
        "where mrr_name = ? and list_contains(?, customer_id)",
        [book.name, customers],
    ).fetchall()
    found: Found = {}
    for customer, month, *movement in rows:
        found |= _figures(customer, {month: Movement(*movement)})
    reason = NEW_ONLY if book.reads_events else None
    return compare(AREA, book.name, recomputed, found, persons=customers, reason=reason)


@dataclass(frozen=True)
class _Customer:
    """Since when something is known, and what each subscription is worth when."""

    first: datetime
    worths: Sequence[Callable[[datetime], Decimal]]


def _worths_of_events(sample: Sample, book: DeclaredBook) -> dict[str, _Customer]:
    subscriptions: dict[str, dict[str | None, list[Change]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for person, subscription, change in sample.changes[book.name]:
        if person in sample.whole:
            subscriptions[person][subscription].append(change)
    return {
        person: _Customer(
            sample.read_from,
            [partial(worth_of_changes, changes) for changes in its.values()],
        )
        for person, its in subscriptions.items()
    }


def _worths_of_table(
    connection: duckdb.DuckDBPyConnection, declared: Declared, book: DeclaredBook
) -> tuple[list[str], dict[str, _Customer]]:
    """Read all snapshots of some accounts; one without an account is its own."""
    drawn = connection.execute(
        "select distinct customer_id from marts.fct_mrr_movements where mrr_name = ? "
        "order by hash(customer_id), customer_id limit ?",
        [book.name, PERSONS],
    ).fetchall()
    customers = [customer for (customer,) in drawn]
    rows = connection.execute(
        "select coalesce(account_id, subscription_id) as customer, subscription_id, "
        "recorded_at, amount, status, started_at, trial_ends_at, canceled_at, ends_at, "
        "billing_period, billing_period_count from staging.stg_subscription_changes "
        "where list_contains(?, customer) and source = coalesce(?, source)",
        [customers, book.source],
    ).fetchall()
    kept: dict[str, dict[str, list[Snapshot]]] = defaultdict(lambda: defaultdict(list))
    for customer, subscription, *told in rows:
        kept[customer][subscription].append(Snapshot(*told))
    return customers, {
        customer: _Customer(
            min(_earliest(row) for rows in its.values() for row in rows),
            [
                partial(worth_of_snapshots, rows, paying=book.paying_statuses)
                for rows in its.values()
            ],
        )
        for customer, its in kept.items()
    }


def _earliest(row: Snapshot) -> datetime:
    return min(row.recorded_at, row.started_at or row.recorded_at)


def _figures(customer: str, movements: Mapping[date, Movement]) -> Found:
    return {
        (customer, str(month)): {
            "movement": one.movement,
            "amount": one.amount,
            "opening_amount": one.opening,
            "closing_amount": one.closing,
        }
        for month, one in movements.items()
    }
