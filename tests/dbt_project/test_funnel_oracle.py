"""Random funnels over random logs: the marts against brute force, all parameters.

Built in one night, or in two, with events that come late and definitions that change in
between: what is computed again must be all that these reach.

Many funnels share a night, because a night costs seconds and a funnel milliseconds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt_project.funnel_cases import funnel_name
from tests.dbt_project.funnel_figures import Figures
from tests.dbt_project.funnel_logs import (
    START,
    Sample,
    qualified,
    rows_of,
    samples,
    write_samples,
)
from tests.dbt_project.funnel_oracle import Oracle
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

Cells = dict[tuple[Any, ...], tuple[Any, ...]]

WATERMARKS = st.sampled_from(
    (
        START + timedelta(minutes=665),
        START + timedelta(days=2),
        START + timedelta(days=60),
    )
)


def compare_night(
    warehouse: WarehouseOfTest,
    folder: Path,
    drawn: Sequence[Sample],
    zone: str,
    watermark: datetime,
    is_late: Callable[[int], bool] = lambda _: False,
) -> None:
    """Build in one night; or in two, with other definitions, where rows are late."""
    rows = [row for number, one in enumerate(drawn) for row in rows_of(one, number)]
    late = [row for index, row in enumerate(rows) if is_late(index)]
    warehouse.reset()
    if late:
        write_samples(
            folder, [one if n % 3 else _other(one) for n, one in enumerate(drawn)]
        )
        warehouse.declare(folder, reporting_timezone=zone, as_of=watermark)
        early = [row for index, row in enumerate(rows) if not is_late(index)]
        warehouse.land(early, load_id="20260501T000000000000")
        warehouse.build(select=("+fct_funnel_steps",))
    write_samples(folder, drawn)
    warehouse.declare(folder, reporting_timezone=zone, as_of=watermark)
    warehouse.land(late or rows, load_id="20260502T000000000000")
    warehouse.build(select=("+fct_funnel_steps",))
    found = cells_by_funnel(warehouse)
    for number, sample in enumerate(drawn):
        oracle = Oracle(sample.funnel, qualified(sample, number), zone)
        expected = Figures(oracle, watermark).cells()
        compare(found[funnel_name(number)], expected, sample)


def _other(sample: Sample) -> Sample:
    """Another definition under the same name, as it may have stood a night before."""
    funnel = replace(sample.funnel, window=sample.funnel.window * 2, breakdown=None)
    return replace(sample, funnel=funnel)


def cells_by_funnel(warehouse: WarehouseOfTest) -> dict[str, Cells]:
    found: dict[str, Cells] = defaultdict(dict)
    for name, breakdown, value, period, start, step, *figures in warehouse.rows(
        """
        select funnel_name, case when breakdown = 'all' then 'all' else 'group' end,
            breakdown_value, period, case when period <> 'all' then period_start end,
            step, person_count, mean_seconds, conversion_value
        from marts.fct_funnel_steps
        """
    ):
        found[name][(breakdown, value, period, start, step)] = tuple(figures)
    return found


def compare(found: Cells, expected: Cells, sample: Sample) -> None:
    """Cells that nobody entered count 0, or nothing while they are open."""
    for key, (count, mean, worth) in expected.items():
        assert key in found, (key, sample)
        assert found[key][0] == count, (key, found[key], count, sample)
        same = found[key][1] == mean or math.isclose(found[key][1], mean, abs_tol=1e-6)
        assert same, (key, found[key], mean, sample)
        assert found[key][2] == worth, (key, found[key], worth, sample)
    for key in found.keys() - expected.keys():
        assert not found[key][0], (key, sample)
        assert found[key][1:] == (None, None), (key, sample)


def test_random_funnels_equal_brute_force(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    """Over two nights: late events, changed definitions, and what they reach."""

    @settings(
        max_examples=1,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        drawn=st.lists(samples(), min_size=50, max_size=50),
        watermark=WATERMARKS,
        late=st.lists(st.booleans(), min_size=550, max_size=550),
    )
    def holds(drawn: list[Sample], watermark: datetime, late: list[bool]) -> None:
        compare_night(
            warehouse, tmp_path, drawn, "America/New_York", watermark, late.__getitem__
        )

    holds()


@pytest.mark.campaign
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kathmandu"])
@pytest.mark.parametrize("nights", [1, 2])
def test_many_random_funnels_equal_brute_force(
    warehouse: WarehouseOfTest, tmp_path: Path, zone: str, nights: int
) -> None:
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        drawn=st.lists(samples(), min_size=100, max_size=100),
        watermark=WATERMARKS,
        late=st.lists(st.booleans(), min_size=1_100, max_size=1_100),
    )
    def holds(drawn: list[Sample], watermark: datetime, late: list[bool]) -> None:
        is_late = late.__getitem__ if nights == 2 else lambda _: False
        compare_night(warehouse, tmp_path, drawn, zone, watermark, is_late)

    holds()
