"""What Dagster is told: assets by layer, gates that block, one job, when it runs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        home=tmp_path_factory.mktemp("home"),
        reporting_timezone="America/New_York",
        schedule_hour=4,
    )


@pytest.fixture(scope="module")
def definitions(settings: Settings, home_of_definitions: Path) -> dg.Definitions:
    before = dict(os.environ)
    os.environ["DAYBREAK_HOME"] = str(home_of_definitions)
    try:
        from dagster_project.definitions import build_definitions

        return build_definitions(settings)
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {
        spec.key.to_user_string(): spec
        for spec in definitions.resolve_all_asset_specs()
    }


def checks(definitions: dg.Definitions) -> list[dg.AssetCheckSpec]:
    return [
        spec
        for one in [*(definitions.assets or ()), *(definitions.asset_checks or ())]
        if isinstance(one, dg.AssetsDefinition)
        for spec in one.check_specs
    ]


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("raw/catalog_metrics", "raw"),
        ("raw/events", "raw"),
        ("raw/quarantine", "raw"),
        ("raw/loads", "raw"),
        ("staging/stg_events", "staging"),
        ("intermediate/int_events", "intermediate"),
        ("marts/fct_metrics", "marts"),
        ("trust/freshness", "marts"),
        ("analysis/forecasts", "analysis"),
        ("analysis/forecast_accuracy", "analysis"),
        ("analysis/anomalies", "analysis"),
        ("reports/weekly", "reports"),
        ("trust/check_results", "trust"),
        ("trust/run_health", "trust"),
        ("published/daybreak", "published"),
    ],
)
def test_assets_lie_in_their_layer(
    specs: dict[str, dg.AssetSpec], key: str, group: str
) -> None:
    assert specs[key].group_name == group


def test_every_asset_is_described(specs: dict[str, dg.AssetSpec]) -> None:
    assert [key for key, spec in specs.items() if not spec.description] == []


def test_tables_of_python_show_their_columns(specs: dict[str, dg.AssetSpec]) -> None:
    for key in ("analysis/forecasts", "analysis/anomalies", "trust/check_results"):
        schema = specs[key].metadata["dagster/column_schema"]
        assert all(column.description for column in schema.columns)


def test_lineage_runs_from_landing_to_the_published_copy(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    published = dg.AssetKey(["published", "daybreak"])
    above = graph.get_ancestor_asset_keys(published)
    names = {key.to_user_string() for key in above}
    assert {
        "raw/catalog_metrics",
        "raw/events",
        "staging/stg_events",
        "intermediate/int_events",
        "marts/fct_metrics",
        "analysis/forecasts",
        "reports/weekly",
        "trust/check_results",
    } <= names


def test_everything_published_is_audited_first(
    definitions: dg.Definitions, specs: dict[str, dg.AssetSpec]
) -> None:
    audited = {
        dep.asset_key.to_user_string() for dep in specs["trust/check_results"].deps
    }
    expected = {
        key
        for key, spec in specs.items()
        if spec.group_name in ("marts", "analysis", "reports")
    }
    assert audited == expected | {"trust/reconciliation_sample"}


def test_one_job_does_everything(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("nightly")
    steps = [node.name for node in job.nodes_in_topological_order]
    for earlier, later in [
        ("catalog", "landing"),
        ("landing", "landed_data_gate"),
        ("landed_data_gate", "dbt_staging"),
        ("dbt_staging", "dbt_intermediate"),
        ("dbt_intermediate", "dbt_marts"),
        ("dbt_marts", "forecasts"),
        ("forecasts", "forecasts_gate"),
        ("forecasts_gate", "reports__weekly"),
        ("anomalies_gate", "reports__weekly"),
        ("reports__weekly", "audit"),
        ("audit", "published__daybreak"),
    ]:
        assert steps.index(earlier) < steps.index(later)


WARNING_ONLY = (
    *("every_file_is_usable", "every_origin_answers", "rows_of_tables_are_usable"),
    "no_personal_data_in_free_text",
)


def test_gates_block(definitions: dg.Definitions) -> None:
    gates = {
        spec.key: spec
        for spec in checks(definitions)
        if spec.asset_key.path[0] in ("raw", "analysis")
        and spec.name not in WARNING_ONLY
    }
    assert len(gates) >= 40
    assert all(spec.blocking for spec in gates.values())


def test_every_dbt_test_is_a_check_of_one_layer(definitions: dg.Definitions) -> None:
    """A test that is no check would run and judge nothing."""
    from dagster_project.defs.dbt import MANIFEST

    tests = {
        name: node
        for name, node in MANIFEST["nodes"].items()
        if node["resource_type"] == "test"
    }
    found = [
        spec.metadata["dagster_dbt/unique_id"]
        for spec in checks(definitions)
        if "dagster_dbt/unique_id" in spec.metadata
    ]
    assert sorted(found) == sorted(tests)
    blocking = {
        spec.metadata["dagster_dbt/unique_id"]: spec.blocking
        for spec in checks(definitions)
        if "dagster_dbt/unique_id" in spec.metadata
    }
    for name, node in tests.items():
        assert blocking[name] == (node["config"]["severity"].lower() == "error"), name


def test_a_test_of_several_tables_belongs_to_the_highest_layer() -> None:
    from dagster_project.dbt_manifest import owner_of_test
    from dagster_project.defs.dbt import MANIFEST

    for node in MANIFEST["nodes"].values():
        owner = owner_of_test(node, MANIFEST) if is_test(node) else None
        if owner is not None:
            layers = [
                MANIFEST["nodes"][one]["fqn"][1]
                for one in node["depends_on"]["nodes"]
                if one in MANIFEST["nodes"]
            ]
            order = ("staging", "intermediate", "marts")
            highest = max(layers, key=order.index)
            assert MANIFEST["nodes"][owner]["fqn"][1] == highest


def is_test(node: dict[str, Any]) -> bool:
    return str(node["resource_type"]) == "test"


def test_the_schedule_runs_in_the_reporting_zone(
    definitions: dg.Definitions, settings: Settings
) -> None:
    [schedule] = list(definitions.schedules or ())
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.cron_schedule == "0 4 * * *"
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    moment = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)  # 4 o'clock in New York
    with dg.build_schedule_context(scheduled_execution_time=moment) as context:
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert (
        request.run_config["ops"]["catalog"]["config"]["as_of"]
        == "2026-03-10T00:00:00-04:00"
    )
    assert request.tags["daybreak/as_of"] == "2026-03-10"


def test_the_sensor_is_off_and_asks_once_for_each_new_state(
    definitions: dg.Definitions, settings: Settings
) -> None:
    [sensor] = list(definitions.sensors or ())
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    settings.landing.mkdir(parents=True, exist_ok=True)
    assert requests_of(sensor, None) == (0, None)
    file = settings.landing / "events.jsonl"
    file.write_text("{}\n")
    assert requests_of(sensor, None)[0] == 0, "the file has not settled"
    set_age(file, 60)
    asked, cursor = requests_of(sensor, None)
    assert asked == 1
    assert requests_of(sensor, cursor)[0] == 0
    (settings.landing / "more.jsonl").write_text("{}\n")
    set_age(settings.landing / "more.jsonl", 30)
    assert requests_of(sensor, cursor)[0] == 1


def requests_of(
    sensor: dg.SensorDefinition, cursor: str | None
) -> tuple[int, str | None]:
    with dg.build_sensor_context(cursor=cursor) as context:
        tick = sensor.evaluate_tick(context)
        return len(tick.run_requests or []), tick.cursor


def set_age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_retries_stand_where_a_retry_helps(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("nightly")
    retried = {
        node.name
        for node in job.nodes_in_topological_order
        if isinstance(node.definition, dg.OpDefinition) and node.definition.retry_policy
    }
    assert retried == {"landing", "published__daybreak"}


def test_no_step_waits_for_a_pool_and_each_takes_the_run_lock(
    definitions: dg.Definitions,
) -> None:
    """A killed run would keep its slot, and every later run wait for ever."""
    job = definitions.resolve_job_def("nightly")
    for node in job.nodes_in_topological_order:
        assert isinstance(node.definition, dg.OpDefinition)
        assert node.definition.pool is None, node.name
        assert "run_lock" in node.definition.required_resource_keys, node.name
