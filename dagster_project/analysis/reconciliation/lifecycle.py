"""What became of somebody from period to period, from the set of their active periods.

Only the statuses belong here; which events are activity is told with the periods.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from dagster_project.analysis.reconciliation.periods import next_start


def statuses_of(active: Set[datetime], period: str) -> dict[datetime, str]:
    """Give the status in each active period, and in each one after that is quiet."""
    found: dict[datetime, str] = {}
    for start in active:
        after = next_start(period, start)
        if after not in active:
            found[after] = "dormant"
        if start == min(active):
            found[start] = "new"
        else:
            before = any(next_start(period, one) == start for one in active)
            found[start] = "returning" if before else "resurrecting"
    return found
