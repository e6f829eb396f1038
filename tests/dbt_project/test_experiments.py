"""Sums of experiments against a count of every unit and look, and against a rebuild.

Samples of one example share a night: their persons bear the experiment's name, so that
none of them sees another's. Events come in two loads, in any order of time, with a
night after each.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from dagster_project.analysis.experiments.quantiles import arm_quantile
from tests.dbt_project.experiment_logs import (
    AS_OF,
    LAST_DAY,
    START,
    STREAMS,
    Sample,
    row_of,
    samples,
    write_catalog,
)
from tests.dbt_project.experiment_oracle import (
    DAY,
    PRODUCTS,
    Event,
    Experiment,
    Key,
    Metric,
    Values,
    expected_amounts,
    expected_rows,
    summed_up,
)
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

MARTS = (
    *("fct_experiment_variant_metrics_daily", "fct_experiment_traffic_daily"),
    *("dim_experiments", "fct_experiment_exposures", "fct_experiment_distributions"),
)
MODELS = tuple(f"+{name}" for name in MARTS)
ZONE = "America/New_York"
SUMS = (*"ydxw", *PRODUCTS)
COLUMNS = (
    *("experiment_name", "metric_name", "is_capped", "view", "dimension"),
    *("dimension_value", "day_date", "day_number", "variant", "unit_count"),
    *("shift_y", "shift_d", "shift_x", "shift_w", *SUMS),
)


@st.composite
def nights(draw: st.DrawFn, count: int) -> list[Sample]:
    """Samples of one night; the first example that is tried is the dullest, no use."""
    drawn = [draw(samples(f"e{number}_")) for number in range(count)]
    assume(len({event.at for sample in drawn for event in sample.log}) > 5 * count)
    return drawn


def land_and_build(
    warehouse: WarehouseOfTest, drawn: Sequence[Sample], *, each: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalog = write_catalog(
            Path(folder) / "catalog", [sample.experiment for sample in drawn]
        )
        warehouse.declare(catalog, reporting_timezone=ZONE, as_of=AS_OF)
    for load in range(2):
        rows = [
            row_of(event)
            for sample in drawn
            for event, chosen in zip(sample.log, sample.loads, strict=True)
            if chosen == load
        ]
        warehouse.land(rows, load_id=f"2026031{load}T000000000000")
        if each:
            warehouse.build(select=MODELS)
    if not each:
        warehouse.build(select=MODELS)


def key_of(named: dict[str, Any]) -> Key:
    """What a row is of; `day_since_exposure` tells it by a number, not by a date."""
    at = named["day_number"] if named["day_date"] is None else named["day_date"]
    group = (*(named[name] for name in COLUMNS[:6]), at, named["variant"])
    return cast("Key", group)


def compare_with_oracle(warehouse: WarehouseOfTest, drawn: Sequence[Sample]) -> int:
    """Compare every row; give how many had units."""
    log = [event for sample in drawn for event in sample.log]
    wanted: dict[Key, list[Values]] = {}
    for sample in drawn:
        wanted |= expected_rows(sample.experiment, log, LAST_DAY)
    found = warehouse.rows(
        f"select {', '.join(COLUMNS)} from marts.fct_experiment_variant_metrics_daily "
        "where metric_kind <> 'quantile'"
    )
    for row in found:
        named = dict(zip(COLUMNS, row, strict=True))
        key = key_of(named)
        values = wanted.pop(key, [])
        assert named["unit_count"] == len(values), key
        shift = [Decimal(str(named[f"shift_{name}"])) for name in "ydxw"]
        sums = summed_up(values, (shift[0], shift[1], shift[2], shift[3]))
        for name in SUMS:
            told = float(sums[name])
            assert named[name] == pytest.approx(told, rel=1e-12, abs=1e-15), (key, name)
    assert not {key for key in wanted if key[6] is not None}
    return sum(1 for row in found if row[9])


def compare_quantiles(warehouse: WarehouseOfTest, drawn: Sequence[Sample]) -> int:
    """Compare every quantile with that of the single amounts themselves."""
    log = [event for sample in drawn for event in sample.log]
    wanted: dict[Key, list[list[Decimal]]] = {}
    for sample in drawn:
        wanted |= expected_amounts(sample.experiment, log, LAST_DAY)
    names = (
        *COLUMNS[:10],
        *("value_unit_count", "y", "d", "yy", "yd", "dd"),
        *("quantile", "quantile_value", "quantile_lower", "quantile_upper"),
    )
    found = warehouse.rows(
        f"select {', '.join(names)} from marts.fct_experiment_variant_metrics_daily "
        "where metric_kind = 'quantile'"
    )
    for row in found:
        named = dict(zip(names, row, strict=True))
        amounts = wanted.pop(key_of(named), [])
        told = [[float(one) for one in each] for each in amounts if each]
        single = [one for each in told for one in each]
        labels = [unit for unit, each in enumerate(told) for _ in each]
        arm = arm_quantile(single, named["quantile"], units=labels)
        assert named["unit_count"] == len(amounts), row
        assert named["value_unit_count"] == len(told), row
        below = [sum(one <= arm.estimate for one in each) for each in told]
        pairs = list(zip(below, map(len, told), strict=True))
        assert [named[name] for name in ("y", "d", "yy", "yd", "dd")] == [
            sum(b for b, _ in pairs),
            sum(k for _, k in pairs),
            sum(b * b for b, _ in pairs),
            sum(b * k for b, k in pairs),
            sum(k * k for _, k in pairs),
        ], row
        # One unit alone tells nothing of how far its amounts go together.
        alone = len(told) < 2
        for name, value in (
            ("quantile_value", arm.estimate),
            ("quantile_lower", np.nan if alone else arm.lower),
            ("quantile_upper", np.nan if alone else arm.upper),
        ):
            held = np.nan if named[name] is None else named[name]
            assert held == pytest.approx(float(value), rel=1e-12, nan_ok=True), row
    assert not wanted
    return len(found)


def published(warehouse: WarehouseOfTest) -> dict[str, list[tuple[object, ...]]]:
    return {name: warehouse.table(f"marts.{name}") for name in MARTS}


def check(warehouse: WarehouseOfTest, drawn: Sequence[Sample]) -> None:
    warehouse.reset()
    land_and_build(warehouse, drawn, each=True)
    assert compare_with_oracle(warehouse, drawn) > 0
    compare_quantiles(warehouse, drawn)
    by_night = published(warehouse)
    warehouse.forget_tables()
    warehouse.build(select=MODELS)
    assert published(warehouse) == by_night


FEW = settings(
    max_examples=1,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=12, derandomize=False)


@FEW
@given(drawn=nights(16))
def test_sums_are_those_of_units_and_of_a_rebuild(
    warehouse: WarehouseOfTest, drawn: list[Sample]
) -> None:
    check(warehouse, drawn)


@pytest.mark.campaign
@MANY
@given(drawn=nights(12))
def test_many_sums_are_those_of_units_and_of_a_rebuild(
    warehouse: WarehouseOfTest, drawn: list[Sample]
) -> None:
    check(warehouse, drawn)


def busy_sample(name: str, *chosen: Metric) -> Sample:
    """A log with enough amounts for ranks to bound a quantile; a tenth comes late."""
    rng = random.Random(8)
    log = [
        Event(
            id=f"{name}{number}",
            name=rng.choice(("exposed", "bought", "bought", "viewed", "viewed")),
            at=START + DAY * rng.randrange(7) + timedelta(minutes=rng.randrange(480)),
            person=f"{name}{rng.randrange(16)}",
            variant="control",
            platform=rng.choice(("web", "ios", "tv", None)),
            amount=Decimal(rng.randrange(1, 90)),
        )
        for number in range(900)
    ]
    log = [
        replace(event, variant="green") if hash_of(event) else event for event in log
    ]
    loads = [int(rng.random() < 0.1 or event.at.day > 11) for event in log]
    experiment = Experiment(name, chosen, None, None, 2, slice_limit=2)
    return Sample(experiment, tuple(log), tuple(loads))


def hash_of(event: Event) -> bool:
    """Whether a person sees the treatment; one of sixteen sees both variants."""
    number = int(event.person[1:])
    return number % 2 == 1 or (number == 0 and event.at.day > 9)


def compare_distributions(warehouse: WarehouseOfTest, sample: Sample) -> int:
    """Compare each percentile with the totals, or single amounts, that closed."""
    totals = {
        (key[1], key[7]): sorted(float(one) for each in amounts for one in each)
        for key, amounts in expected_amounts(
            sample.experiment, sample.log, LAST_DAY
        ).items()
        if key[3:5] == ("closed", "all") and key[6] == LAST_DAY
    }
    totals |= {
        (key[1], key[7]): sorted(float(one[0]) for one in values)
        for key, values in expected_rows(
            sample.experiment, sample.log, LAST_DAY
        ).items()
        if key[2:5] == (False, "closed", "all") and key[6] == LAST_DAY
    }
    found = warehouse.rows(
        "select metric_name, variant, percentile, unit_value, unit_count, day_date "
        "from marts.fct_experiment_distributions"
    )
    for metric, variant, percentile, value, count, day in found:
        values = totals[metric, variant]
        assert (count, day) == (len(values), LAST_DAY)
        assert value == values[-(-percentile * count // 100) - 1]
    return len(found)


def test_quantiles_values_told_apart_and_times(warehouse: WarehouseOfTest) -> None:
    """Of units with many amounts each, night by night with late events, and at once."""
    chosen = [
        Metric(name, window=timedelta(days=days), **STREAMS[name])
        for name, days in (
            *(("platforms", 2), ("large_order", 3), ("usual_wait", 2)),
            *(("wait", 1),),
        )
    ]
    drawn = [busy_sample("q", *chosen)]
    check(warehouse, drawn)
    bounded = warehouse.rows(
        "select view, dimension, count(*) "
        "from marts.fct_experiment_variant_metrics_daily "
        "where quantile_lower < quantile_value and quantile_value < quantile_upper "
        "group by view, dimension"
    )
    assert len(bounded) == 4 * 2, bounded
    assert compare_distributions(warehouse, drawn[0]) == 3 * 2 * 99
    told = warehouse.rows(
        "select sum(y), sum(x) from marts.fct_experiment_variant_metrics_daily "
        "where metric_name = 'platforms' and view = 'calendar_day'"
    )
    assert all(one > 0 for one in told[0])


@pytest.mark.campaign
def test_a_later_watermark_brings_looks_without_an_event(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    metric = Metric("large_order", window=DAY, **STREAMS["large_order"])
    drawn = [busy_sample("w", metric)]
    catalog = write_catalog(tmp_path / "catalog", [drawn[0].experiment])
    land_and_build(warehouse, drawn, each=False)
    whole = published(warehouse)
    warehouse.forget_tables()
    for as_of in (AS_OF - 3 * DAY, AS_OF):
        warehouse.declare(catalog, reporting_timezone=ZONE, as_of=as_of)
        warehouse.build(select=MODELS)
        found = published(warehouse)
        assert (found == whole) == (as_of == AS_OF)


def units_by_day(warehouse: WarehouseOfTest) -> list[tuple[object, ...]]:
    return warehouse.rows(
        "select metric_key, unit_key, day_date, is_entry, "
        "y, y_before, x, d, d_before, w "
        "from intermediate.int_experiment_unit_days order by all"
    )


def test_nights_of_one_day_are_those_of_a_rebuild(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    """The last days come one a night, and units have rows of earlier nights alone."""
    names = ("revenue", "buyers", "per_viewer", "platforms", "large_order")
    metrics = [Metric(name, window=7 * DAY, **STREAMS[name]) for name in names]
    sample = busy_sample("o", *metrics)
    catalog = write_catalog(tmp_path / "catalog", [sample.experiment])
    warehouse.declare(catalog, reporting_timezone="UTC", as_of=AS_OF)
    for day in (10, 11, 12, 13):
        fresh = [row_of(one) for one in sample.log if max(one.at.day, 10) == day]
        warehouse.land(fresh, load_id=f"202603{day}T000000000000")
        warehouse.build(select=MODELS)
    by_night = published(warehouse), units_by_day(warehouse)
    assert max(str(row[2]) for row in by_night[1]) == str(LAST_DAY)
    warehouse.forget_tables()
    warehouse.build(select=MODELS)
    assert (published(warehouse), units_by_day(warehouse)) == by_night


def test_what_an_experiment_was_before_leaves_nothing_behind(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    """One is declared anew while another goes on, which then is declared no more."""
    metrics = [
        Metric("revenue", window=days * DAY, **STREAMS["revenue"]) for days in (2, 3)
    ]
    goes, stays = busy_sample("g", metrics[0]), busy_sample("s", metrics[0])
    land_and_build(warehouse, [goes, stays], each=True)
    anew = replace(stays.experiment, metrics=(metrics[1],))
    for number, declared in enumerate(([anew, goes.experiment], [anew])):
        catalog = write_catalog(tmp_path / str(number), declared)
        warehouse.declare(catalog, reporting_timezone=ZONE, as_of=AS_OF)
        warehouse.build(select=MODELS)
        by_night = published(warehouse), units_by_day(warehouse)
        assert len({row[0] for row in by_night[1]}) == len(declared)
        warehouse.forget_tables()
        warehouse.build(select=MODELS)
        assert (published(warehouse), units_by_day(warehouse)) == by_night


def test_a_later_night_moves_nothing_that_was_told(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    """Caps, shifts and rows of past days stand, of units that turn out doubtful too."""
    rng = random.Random(3)
    log = [
        Event(
            id=f"n{number}",
            name=rng.choice(("exposed", "bought", "viewed")),
            at=START + timedelta(minutes=rng.randrange(7 * 1_440)),
            person=f"n{rng.randrange(12)}",
            variant=rng.choice(("control", "green")),
            platform=rng.choice(("web", "ios", "tv")),
            amount=Decimal(rng.randrange(1, 90_000)) / 100,
        )
        for number in range(240)
    ]
    chosen = [
        Metric(
            "revenue",
            window=timedelta(days=1),
            caps=(None, Decimal("0.8")),
            **STREAMS["revenue"],
        ),
        Metric("orders", window=timedelta(days=1), **STREAMS["orders"]),
    ]
    experiment = Experiment("n", tuple(chosen), date(2026, 3, 8), None, 1, 1)
    catalog = write_catalog(tmp_path / "catalog", [experiment])
    told: list[dict[tuple[object, ...], tuple[object, ...]]] = []
    for night in (4, 6):
        as_of = datetime(2026, 3, 7 + night, 5)
        warehouse.declare(catalog, reporting_timezone=ZONE, as_of=as_of)
        known = [event for event in log if event.at < as_of]
        fresh = [event for event in known if night == 4 or event.at >= as_of - 2 * DAY]
        if night == 6:
            # Nobody has ever had as much.
            fresh = [replace(event, amount=Decimal(10**6)) for event in fresh]
        warehouse.land(map(row_of, fresh), load_id=f"2026031{night}T000000000000")
        warehouse.build(select=MODELS)
        rows = warehouse.table("marts.fct_experiment_variant_metrics_daily")
        told.append({row[:10]: row[10:] for row in rows if row[5] is not None})
    first, second = told
    assert len(second) > len(first) > 100
    assert {key: second[key] for key in first} == first
    caps = warehouse.rows(
        "select distinct cap_upper from marts.fct_experiment_variant_metrics_daily "
        "where is_capped"
    )
    assert len(caps) == 1
    assert 0 < caps[0][0] < 10_000
    doubtful = (
        "select count(*) from marts.fct_experiment_exposures where variant_count > 1"
    )
    assert warehouse.rows(doubtful)[0][0] > 3
    # Groups in order of appearance, the rest as one, together the whole.
    groups = warehouse.rows(
        """
        select
            count(distinct dimension_value),
            sum(case when dimension = 'all' then unit_count else -unit_count end)
        from marts.fct_experiment_variant_metrics_daily
        """
    )
    assert groups == [(3, 0)]
    traffic = warehouse.rows(
        """
        select count(*) from marts.fct_experiment_traffic_daily as traffic
        inner join marts.fct_experiment_variant_metrics_daily as sums
            on traffic.exposure_date = sums.day_date
            and traffic.variant = sums.variant
            and traffic.dimension_value = sums.dimension_value
            and sums.view = 'cumulative'
        where traffic.cumulative_unit_count <> sums.unit_count
        """
    )
    assert traffic == [(0,)]
    # Units of the second night went on from the first, seen again or in both variants.
    by_night = published(warehouse)
    warehouse.forget_tables()
    warehouse.build(select=MODELS)
    assert published(warehouse) == by_night
