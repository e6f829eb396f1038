"""Retention grids and cohort LTV hold against a recount, event by event.

The log lands in several loads with a build after each, and half of the definitions
come with the last one: so what is compared is also that a night's repair equals a
build of everything, and that a new definition fills its history.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.dbt_project.cohort_logs import (
    DAYS,
    START,
    Declared,
    Row,
    as_oracle,
    logs,
    ltv_as_oracle,
    ltv_definitions,
    retention_definitions,
)
from tests.dbt_project.cohort_oracle import cohort_values, retention_cells
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

EVENTS = """
policy: allow
traffic: {bots: "browser = 'bot'"}
events:
  - {name: start, category: c, description: A person begins.}
  - {name: other, category: c, description: A person does something.}
  - {name: silent, category: c, description: A machine works., is_activity: false}
"""
MODELS = ("+marts.cohorts",)


def declare(
    warehouse: WarehouseOfTest,
    folder: Path,
    definitions: list[Declared],
    values: list[Declared],
    as_of: datetime | None = None,
) -> None:
    (folder / "events.yml").write_text(EVENTS)
    (folder / "metrics.yml").write_text("metrics: []\n")
    content = {"retention": named(definitions), "ltv": named(values)}
    (folder / "retention.yml").write_text(yaml.safe_dump(content))
    warehouse.declare(folder, as_of=as_of)


def named(definitions: list[Declared]) -> list[Declared]:
    return [{"name": f"r{n}", **one} for n, one in enumerate(definitions)]


def cells_of(warehouse: WarehouseOfTest) -> dict[str, dict[Any, Any]]:
    found: dict[str, dict[Any, Any]] = {}
    for name, *cell, size, returned, mature, rate in warehouse.rows(
        """
        select
            retention_name, dimension, dimension_value, cohort_start, period_number,
            cohort_size, returned_count, is_mature, retention_rate
        from marts.fct_retention
        """
    ):
        assert mature == (returned is not None)
        expected = None if returned is None or not size else returned / size
        assert rate == expected
        found.setdefault(name, {})[tuple(cell)] = (size, returned)
    return found


def values_of(warehouse: WarehouseOfTest) -> dict[str, dict[Any, Any]]:
    found: dict[str, dict[Any, Any]] = {}
    for name, *cell, size, total, value, payers, rate in warehouse.rows(
        """
        select
            ltv_name, dimension, dimension_value, cohort_start, period_number,
            cohort_size, cumulative_revenue, lifetime_value, payer_count, payer_rate
        from marts.fct_cohort_ltv
        """
    ):
        assert value == (None if total is None else float(total) / size)
        assert rate == (None if payers is None else payers / size)
        found.setdefault(name, {})[tuple(cell)] = (size, total, payers)
    return found


def curve_of(warehouse: WarehouseOfTest, name: str) -> dict[Any, Any]:
    rows = warehouse.rows(
        f"""
        select
            dimension, dimension_value, period_number,
            person_count, coalesce(returned_count, 0), retention_rate
        from marts.fct_retention_curves where retention_name = '{name}'
        """
    )
    return {tuple(row[:3]): tuple(row[3:]) for row in rows}


def averages(cells: dict[Any, Any]) -> dict[Any, Any]:
    """Weigh closed cells by the size of their cohorts."""
    sums: dict[Any, list[int]] = {}
    for (dimension, value, _, number), (size, returned) in cells.items():
        total = sums.setdefault((dimension, value, number), [0, 0])
        if returned is not None:
            total[0] += size
            total[1] += returned
    return {
        place: (size, back, back / size if size else None)
        for place, (size, back) in sums.items()
    }


def compare(
    warehouse: WarehouseOfTest,
    folder: Path,
    log: list[Row],
    definitions: list[Declared],
    values: list[Declared],
    days_seen: int,
) -> None:
    warehouse.reset()
    as_of = START + timedelta(days=days_seen)
    parts = [log[2::3], log[::3], log[1::3]]
    declare(warehouse, folder, definitions[::2], values[1:], as_of)
    for number, part in enumerate(parts, start=1):
        if number == len(parts):
            declare(warehouse, folder, definitions, values, as_of)
        warehouse.land(part, load_id=f"2026060{number}T000000000000")
        if number != 2:
            warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", "marts.cohorts,test_type:data")
    found = cells_of(warehouse)
    for number, declared in enumerate(definitions):
        expected = retention_cells(as_oracle(declared), log, as_of)
        assert found.get(f"r{number}", {}) == expected, declared
        assert curve_of(warehouse, f"r{number}") == averages(expected), declared
    found = values_of(warehouse)
    for number, declared in enumerate(values):
        worth = cohort_values(ltv_as_oracle(declared), log, as_of, declared["periods"])
        assert found.get(f"r{number}", {}) == worth, declared


def check(
    warehouse: WarehouseOfTest,
    folder: Path,
    examples: int,
    definitions: int,
    **rules: Any,
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **rules,
    )
    @given(
        log=logs(),
        declared=st.lists(
            retention_definitions(), min_size=definitions, max_size=definitions
        ),
        values=st.lists(ltv_definitions(), min_size=6, max_size=6),
        days_seen=st.sampled_from((30, DAYS + 20)),
    )
    def holds(
        log: list[Row], declared: list[Declared], values: list[Declared], days_seen: int
    ) -> None:
        # The first example of all is one event many times over.
        assume(len({event["occurred_at"] for event in log}) > 20)
        compare(warehouse, folder, log, declared, values, days_seen)

    holds()


def test_grids_equal_a_recount(warehouse: WarehouseOfTest, tmp_path: Path) -> None:
    check(warehouse, tmp_path, 1, 20, derandomize=True, phases=(Phase.generate,))


@pytest.mark.campaign
def test_many_grids_equal_a_recount(warehouse: WarehouseOfTest, tmp_path: Path) -> None:
    check(warehouse, tmp_path, 25, 40)
