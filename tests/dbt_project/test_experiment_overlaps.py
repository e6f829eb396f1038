"""Units in two experiments at once: cells against a count of units, and regressions.

Random people meet both experiments at random times, some late, some of them in two
variants; the oracle goes through them one by one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
import yaml

from dagster_project.experiment_frames import experiment_tables
from dagster_project.tables import EXPERIMENT_INTERACTIONS
from dagster_project.warehouse import Warehouse
from tests.dbt_project.experiment_logs import (
    AS_OF,
    LAST_DAY,
    START,
    STREAMS,
    declaration_of,
    row_of,
    write_catalog,
)
from tests.dbt_project.experiment_oracle import (
    Event,
    Experiment,
    Figures,
    Metric,
    Unit,
    units_of,
)
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

ZONE = "America/New_York"
MODELS = (
    *("+fct_experiment_overlaps", "+fct_experiment_variant_metrics_daily"),
    *("+dim_experiments", "+fct_experiment_traffic_daily"),
    "+fct_experiment_assignments",
)
DAYS_2 = timedelta(days=2)
METRICS = (
    Metric("buyers", window=timedelta(days=1), **STREAMS["buyers"]),
    Metric(
        "revenue",
        window=DAYS_2,
        caps=(Decimal("0.2"), Decimal("0.9")),
        **STREAMS["revenue"],
    ),
    Metric("order_value", window=DAYS_2, **STREAMS["order_value"]),
    Metric("back", **STREAMS["back"]),
)
# Exposures say which experiment they are of by their name.
FIRST = Experiment("p", METRICS, date(2026, 3, 8), None, 1, 25)
SECOND = Experiment("px", METRICS[:2], date(2026, 3, 8), date(2026, 3, 12), 1, 25)
EXPOSURES = {"p": "exposed", "px": "offered"}
Key = tuple[str, str, str, bool, str, str]


@dataclass(frozen=True)
class Case:
    """A log, and who takes part in each experiment by it."""

    log: tuple[Event, ...]
    units: dict[str, dict[str, Unit]]


def case_of(seed: int, people: int) -> Case:
    rng = random.Random(seed)
    log = []
    for number in range(people * 9):
        name = rng.choice(("exposed", "offered", "bought", "bought", "viewed"))
        person = rng.randrange(people)
        arm = rng.choice(("control", "green")) if rng.random() < 0.03 else None
        # Most keep to one variant.
        arm = arm or ("control", "green")[(person // (1 + (name == "offered"))) % 2]
        log.append(
            Event(
                id=f"o{number}",
                name=name,
                at=START + timedelta(minutes=rng.randrange(7 * 1_440)),
                person=f"px{person}",
                variant=arm if name in EXPOSURES.values() else None,
                platform="web",
                amount=Decimal(rng.randrange(1, 9_000)) / 100
                if name == "bought"
                else None,
                is_bot=rng.random() < 0.03,
            )
        )
    units = {}
    for of in (FIRST, SECOND):
        # The oracle of units knows one name of exposures.
        seen = [
            replace(event, name="exposed" if event.name == EXPOSURES[of.name] else "-")
            for event in log
        ]
        units[of.name] = {unit.person: unit for unit in units_of(of, seen)}
    return Case(tuple(log), units)


def declare(folder: Path, experiments: Sequence[Experiment]) -> Path:
    catalog = write_catalog(folder, experiments)
    events = yaml.safe_load((folder / "events.yml").read_text())
    events["events"].append({"name": "offered"})
    (folder / "events.yml").write_text(yaml.safe_dump(events))
    for one in experiments:
        declared = declaration_of(one)
        declared["exposure"] = {"event": EXPOSURES[one.name]}
        text = yaml.safe_dump({"experiments": [declared]})
        (folder / "experiments" / f"{one.name}.yml").write_text(text)
    return catalog


def expected(case: Case) -> dict[Key, list[tuple[Decimal, Decimal]]]:
    """Numerator and denominator of every unit of every cell."""
    cells: dict[Key, list[tuple[Decimal, Decimal]]] = {}
    last = {"p": LAST_DAY, "px": LAST_DAY}
    for own, other in ((FIRST, SECOND), (SECOND, FIRST)):
        for metric in own.metrics:
            figures = Figures(own, metric, case.log, date(2026, 3, 8))
            for person, unit in case.units[own.name].items():
                theirs = case.units[other.name].get(person)
                matures = figures.matures_on(unit)
                day = last[own.name]
                if (
                    theirs is None
                    or not unit.counts_on(day)
                    or not theirs.counts_on(day)
                    or not theirs.day <= matures <= day
                ):
                    continue
                y, d = figures.until(unit, day)
                for capped in (False, True) if metric.caps else (False,):
                    key = (
                        *(own.name, other.name, metric.name, capped),
                        *(unit.variant, theirs.variant),
                    )
                    cells.setdefault(key, []).append((figures.cut(y, capped), d))
    return cells


def opened(warehouse: WarehouseOfTest) -> Warehouse:
    return Warehouse(warehouse.database, 1, "1GB", warehouse.home)


def check(warehouse: WarehouseOfTest, folder: Path, *, seed: int, people: int) -> None:
    warehouse.reset()
    case = case_of(seed, people)
    catalog = declare(folder, [FIRST, SECOND])
    warehouse.declare(catalog, reporting_timezone=ZONE, as_of=AS_OF)
    warehouse.land(map(row_of, case.log), load_id="20260310T000000000000")
    warehouse.build(select=MODELS)
    wanted = expected(case)
    columns = "unit_count, shift_y, shift_d, y, d, yy, yd, dd"
    found = warehouse.rows(
        "select experiment_name, other_experiment_name, metric_name, is_capped, "
        f"variant, other_variant, {columns} from marts.fct_experiment_overlaps"
    )
    assert {row[:6] for row in found} == set(wanted)
    for row in found:
        units = np.array(wanted[row[:6]], dtype=np.float64) - row[7:9]
        assert row[6] == len(units)
        products = [units[:, i] @ units[:, j] for i, j in ((0, 0), (0, 1), (1, 1))]
        told = [*units.sum(axis=0), *products]
        np.testing.assert_allclose(row[9:], told, rtol=1e-9, atol=1e-8)
    compare_with_regressions(opened(warehouse), wanted)


def compare_with_regressions(
    warehouse: Warehouse, wanted: dict[Key, list[tuple[Decimal, Decimal]]]
) -> None:
    """Each interaction is that of a saturated regression with HC2 errors."""
    rows = experiment_tables(warehouse)[EXPERIMENT_INTERACTIONS]
    assert Counter(rows["metric_name"])["revenue"] == 4
    known = rows[rows["reason"].isna()]
    assert len(known) >= 6
    for row in known.to_dict("records"):
        pair = (row["experiment_name"], row["other_experiment_name"])
        key = (*pair, row["metric_name"], row["is_capped"])
        parts = []
        for i, variant in enumerate(("control", "green")):
            for j, other in enumerate(("control", "green")):
                units = np.array(wanted[(*key, variant, other)], dtype=np.float64)
                value = units[:, 0]
                if row["metric_kind"] == "ratio":
                    ratio = value.sum() / units[:, 1].sum()
                    apart = value - ratio * units[:, 1]
                    value = ratio + apart / units[:, 1].mean()
                parts.append((value, np.full(len(value), i), np.full(len(value), j)))
        y, a, b = (np.concatenate(part) for part in zip(*parts, strict=True))
        exog = np.stack([np.ones(len(y)), a, b, a * b], axis=1)
        fitted = sm.OLS(y, exog).fit(cov_type="HC2")
        assert row["interaction"] == pytest.approx(fitted.params[3], rel=1e-7)
        assert row["std_error"] == pytest.approx(fitted.bse[3], rel=1e-7)
        assert row["effect_alone"] == pytest.approx(fitted.params[1], rel=1e-7)
        assert row["unit_count"] == len(y)


def test_cells_are_those_of_units_and_interactions_those_of_regressions(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    check(warehouse, tmp_path / "catalog", seed=5, people=60)
    # An experiment alone overlaps with nothing, and no table is read to say so.
    alone = declare(tmp_path / "alone", [FIRST])
    warehouse.declare(alone, reporting_timezone=ZONE, as_of=AS_OF)
    warehouse.build(select=("fct_experiment_overlaps",))
    assert warehouse.table("marts.fct_experiment_overlaps") == []
    compiled = next(
        (warehouse.home / "target").rglob("run/**/fct_experiment_overlaps*")
    )
    lines = compiled.read_text().splitlines()
    read = [line for line in lines if "intermediate" in line and "--" not in line]
    assert read == []


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(8))
def test_many_cells_are_those_of_units(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    check(warehouse, tmp_path / "catalog", seed=100 + seed, people=90)
