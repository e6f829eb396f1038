"""Worked cases of sessions, through landed rows, catalog and marts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

EVENTS = """
policy: allow
sessions:
  timeout_minutes: {timeout}
  max_session_hours: {longest}
  cut_at_midnight: {midnight}
"""


def sessionize_cases(folder: Path) -> list[dict[str, Any]]:
    files = (folder / "cases" / "product_analytics" / "sessions_identity").glob(
        "*.json"
    )
    cases = [json.loads(path.read_text()) for path in sorted(files)]
    return [case for case in cases if case["kind"] == "sessionize"]


def test_sessionize_cases(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    cases = sessionize_cases(shared_dir)
    assert cases
    for case in cases:
        assert_sessions(warehouse, case, tmp_path)


def assert_sessions(
    warehouse: WarehouseOfTest, case: dict[str, Any], folder: Path
) -> None:
    params = case["params"]
    (folder / "metrics.yml").write_text("metrics: []\n")
    (folder / "events.yml").write_text(
        EVENTS.format(
            timeout=params["timeout_seconds"] // 60,
            longest=params.get("max_session_seconds", 168 * 3_600) // 3_600,
            midnight=str(params.get("cut_at_midnight", False)).lower(),
        )
    )
    warehouse.reset()
    warehouse.declare(folder, reporting_timezone=params.get("timezone", "UTC"))
    warehouse.land(
        [
            {
                "event_id": event["event_id"],
                "event_name": event["event"],
                "occurred_at": datetime.fromisoformat(event["timestamp"]).replace(
                    tzinfo=None
                ),
                "user_id": event["distinct_id"],
                **{
                    key: value
                    for key, value in event["properties"].items()
                    if key in ("utm_campaign", "platform")
                },
            }
            for event in case["events"]
        ],
        load_id="20260105T000000000000",
    )
    warehouse.build(select=["+int_sessions"])
    rows = warehouse.rows(
        """
        select event_id, dense_rank() over (
            partition by person_id order by session_started_at, session_id
        )
        from intermediate.int_events_sessionized
        """
    )
    index_of = dict(rows)
    found = [index_of[event["event_id"]] for event in case["events"]]
    assert found == case["expected"]["session_index"], case["id"]
