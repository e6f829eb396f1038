"""The second engine against the real models: it agrees, and finds what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from dagster_project.reconciling import reconcile_sample
from dagster_project.tables import RECONCILIATION_SAMPLE
from dagster_project.warehouse import Warehouse
from quality_checks.runner import run_suite
from quality_checks.suites.reconciliation import reconciliation_suite
from tests.dbt_project.second_engine_logs import (
    SESSIONS,
    rows,
    subscriptions,
    write_catalog,
)
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

MODELS = (
    *("+fct_sessions", "+dim_persons", "+fct_funnel_attempts", "+fct_funnel_persons"),
    *("+int_attribution_touches", "+fct_mrr_movements"),
    *("+fct_segment_members", "+fct_retention", "+fct_lifecycle"),
    *("+int_retention_members", "+int_lifecycle_members"),
)


def build(
    warehouse: WarehouseOfTest,
    catalog: Path,
    *,
    sessions: dict[str, Any],
    zone: str,
    seed: int,
    nights: int = 1,
) -> None:
    """Build in one night; or in two, a third of the events being late."""
    write_catalog(catalog, sessions)
    landed = list(rows(seed))
    warehouse.land_rows(
        "subscriptions", list(subscriptions(seed)), "20260501T000000000000"
    )
    for night in range(nights):
        part = [
            row
            for place, row in enumerate(landed)
            if nights == 1 or (place % 3 == 0) == (night == 1)
        ]
        warehouse.land(part, load_id=f"2026050{night + 1}T000000000000")
        warehouse.declare(catalog, reporting_timezone=zone)
        warehouse.build(select=MODELS)


def reconciled(warehouse: WarehouseOfTest) -> pd.DataFrame:
    home = warehouse.home
    file = Warehouse(warehouse.database, 1, "1GB", home / "scratch")
    found = reconcile_sample(file, warehouse.lake / "catalog")
    file.write(RECONCILIATION_SAMPLE, found)
    return found.set_index(["area", "definition"])


def refuse_differences(found: pd.DataFrame) -> None:
    examples = found["examples"].dropna()
    assert found["differing_count"].sum() == 0, examples.to_dict()


# By hand: what is changed, and the area and definition that notice it.
TAMPERINGS = {
    "a bounce that was none": (
        "update intermediate.int_sessions set page_view_count = page_view_count + 1",
        ("sessions", "all"),
    ),
    "a session that is gone": (
        "delete from intermediate.int_sessions where session_id in "
        "(select max(session_id) from intermediate.int_sessions)",
        ("sessions", "all"),
    ),
    "an event too many on a day": (
        "update intermediate.int_person_days set event_count = event_count + 1 "
        "where activity_date = date '2026-04-05'",
        ("active_days", "all"),
    ),
    "a person who was there earlier": (
        "update intermediate.int_persons "
        "set first_seen_at = first_seen_at - interval 1 hour",
        ("persons", "all"),
    ),
    "an attempt that came farther": (
        "update intermediate.int_funnel_attempts set reached_step = reached_step + 1 "
        "where funnel_name = 'held' and reached_step < 3",
        ("funnels", "held"),
    ),
    "a conversion that was worth less": (
        "update intermediate.int_funnel_attempts set worth = worth + 1 "
        "where funnel_name = 'later'",
        ("funnels", "later"),
    ),
    "an attempt of another group": (
        "update intermediate.int_funnel_attempts set breakdown_value = 'elsewhere' "
        "where funnel_name = 'told_apart' and breakdown = 'second'",
        ("funnels", "told_apart"),
    ),
    "a person of another group": (
        "update intermediate.int_funnel_bests set breakdown_value = 'elsewhere' "
        "where funnel_name = 'plain' and breakdown = 'last'",
        ("funnel_touches", "plain"),
    ),
    "an account of another group": (
        "update intermediate.int_funnel_bests set breakdown_value = 'elsewhere' "
        "where funnel_name = 'of_account' and breakdown = 'platform'",
        ("funnel_touches", "of_account"),
    ),
    "a cent too much": (
        "update intermediate.int_attribution_touches "
        "set linear_amount_units = linear_amount_units + 10000000 "
        "where attribution_name = 'by_source'",
        ("attribution", "by_source"),
    ),
    "an expansion that was none": (
        "update marts.fct_mrr_movements set amount = amount + 1 "
        "where mrr_name = 'billed'",
        ("mrr", "billed"),
    ),
    "somebody at risk who is not": (
        "update intermediate.int_segment_spans set segment = 'at_risk' "
        "where segmentation_name = 'quick' and segment = 'engaged'",
        ("segments", "quick"),
    ),
    "a team that never was engaged": (
        "update intermediate.int_segment_spans set segment = 'dormant' "
        "where segmentation_name = 'of_teams' and segment = 'engaged'",
        ("segments", "of_teams"),
    ),
    "a team that was not there": (
        "update marts.fct_lifecycle set active_count = 0 "
        "where lifecycle_name = 'of_team_lives'",
        ("lifecycle", "of_team_lives"),
    ),
    "cohorts of teams that never came": (
        "delete from marts.fct_retention where retention_name = 'of_teams_again'",
        ("retention", "of_teams_again"),
    ),
    "a day that was none": (
        "update intermediate.int_cohort_days "
        "set bucket_at = bucket_at + interval 1 day "
        "where unit_key % 5 = 0 and bucket_at = date_trunc('day', bucket_at)",
        ("retention", "daily"),
    ),
    "a cohort without its members": (
        "delete from marts.fct_retention where retention_name = 'of_first_ever'",
        ("retention", "of_first_ever"),
    ),
    "a cell that closed too early": (
        "update marts.fct_retention set returned_count = coalesce(returned_count, 0) "
        "where retention_name = 'by_own_clock'",
        ("retention", "by_own_clock"),
    ),
    "somebody new who is not": (
        "update marts.fct_lifecycle set new_count = 0 where lifecycle_name = 'of_all'",
        ("lifecycle", "of_all"),
    ),
}


def test_the_engines_agree_until_a_hand_changes_a_row(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    """One night with the tightest rules of sessions; then every tampering at once."""
    build(warehouse, tmp_path, sessions=SESSIONS[0], zone="America/New_York", seed=1)
    found = reconciled(warehouse)
    refuse_differences(found)
    compared = found[found["reason"].isna()]
    assert (compared["figure_count"] > 40).all(), compared
    assert (compared["person_count"] > 40).all(), compared
    of_teams = found[found["reason"].fillna("").str.contains("accounts")]
    assert len(of_teams) == 6
    assert (of_teams["figure_count"] >= 20).all(), of_teams
    # Of recurring cohorts those of all persons are told, of others those of new ones.
    again = ("retention", "again_and_again")
    persons = found["person_count"]
    assert persons[again] > persons["retention", "daily"]
    left_out = found[found["figure_count"] == 0]["reason"]
    assert len(left_out) == 2
    assert left_out.str.contains("not recomputed").all()
    assert _failed(warehouse) == []

    with duckdb.connect(str(warehouse.database)) as connection:
        for statement, _ in TAMPERINGS.values():
            connection.execute(statement)
    found = reconciled(warehouse)
    differing = found[found["differing_count"] > 0]
    for name, (_, area) in TAMPERINGS.items():
        assert area in differing.index, (name, differing)
        [example, *_] = json.loads(str(differing.loc[area, "examples"]))
        assert example["recomputed"] != example["found"], (name, example)
    assert ("funnels", "plain") not in differing.index
    assert "page_view_count" in differing.loc[("sessions", "all"), "differing_figures"]
    assert _failed(warehouse) == ["second_engine_agrees"]

    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute("delete from intermediate.int_event_days")
    assert reconciled(warehouse).empty


def _failed(warehouse: WarehouseOfTest) -> list[str]:
    verdict = run_suite(reconciliation_suite(), warehouse.database)
    return [one.check_name for one in verdict.results if one.status != "passed"]


@pytest.mark.campaign
@pytest.mark.parametrize("nights", [1, 2])
@pytest.mark.parametrize("sessions", SESSIONS)
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_the_engines_agree_under_other_rules(
    warehouse: WarehouseOfTest,
    tmp_path: Path,
    sessions: dict[str, Any],
    zone: str,
    nights: int,
) -> None:
    build(warehouse, tmp_path, sessions=sessions, zone=zone, seed=nights, nights=nights)
    refuse_differences(reconciled(warehouse))
