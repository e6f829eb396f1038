"""The step that fetches: real servers, secrets from the environment, one away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dagster as dg
import obstore
import pytest

from tests.servers.postgres import PostgresServer
from tests.servers.s3 import running_s3

SOURCES = """
sources:
  - name: web
    format: native
    origin: {{type: s3, url: "s3://exports/web", endpoint: "{endpoint}",
             access_key: TEST_BUCKET_KEY, secret_key: TEST_BUCKET_SECRET}}
  - name: bills
    format: table
    table: payments
    origin: {{type: postgres, url: TEST_BILLS_URL, table: bills}}
    columns: {{occurred_at: paid_at}}
  - name: gone
    format: native
    origin: {{type: s3, url: "s3://gone/", endpoint: "{endpoint}", anonymous: true}}
"""
EVENT = {"event_name": "a", "occurred_at": "2026-03-01T00:00:00Z", "user_id": "u1"}


def test_what_is_there_is_fetched_and_what_is_away_is_told(
    home: Path,
    tmp_path: Path,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Importing them makes the definitions of the home in the environment.
    from dagster_project.defs import ingestion, origins
    from dagster_project.defs.resources import resources_of
    from dagster_project.record import ROW_COUNT
    from dagster_project.settings import Settings

    url = postgres.new_database()
    # Every bill after the fourth lacks its amount.
    postgres.run(
        url,
        "create table bills as select 'p' || i as payment_id, "
        "case when i <= 4 then 1.5 * i end as amount, "
        "timestamptz '2026-03-01' as paid_at from generate_series(1, 24) as i",
    )
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    monkeypatch.setenv("DAYBREAK_CATALOG", str(catalog))
    monkeypatch.setenv("TEST_BILLS_URL", url)
    monkeypatch.setenv("TEST_BUCKET_KEY", "key")
    monkeypatch.setenv("TEST_BUCKET_SECRET", "secret")
    with running_s3() as s3:
        obstore.put(s3.new_bucket("exports"), "web/a.jsonl", json.dumps(EVENT).encode())
        (catalog / "sources.yml").write_text(SOURCES.format(endpoint=s3.endpoint))
        settings = Settings()
        settings.apply_environment()
        result = dg.materialize(
            [ingestion.catalog, origins.fetching, ingestion.landing],
            resources=resources_of(settings),
            instance=dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)),
        )
    assert result.success
    told = {one.check_name: one for one in result.get_asset_check_evaluations()}
    check = told["every_origin_answers"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    refused = told["rows_of_tables_are_usable"]
    assert (refused.passed, refused.metadata["examples"].value) == (
        False,
        [{"table": "payments", "source": "bills", "refused": 20, "of": 24}],
    )
    assert "gone: there is no bucket gone" in str(check.metadata["observed"].value)
    rows = {
        materialization.asset_key.to_user_string(): materialization.metadata
        for materialization in (
            event.materialization for event in result.get_asset_materialization_events()
        )
    }
    assert rows["raw/payments"][ROW_COUNT].value == 4
    assert rows["raw/events"][ROW_COUNT].value == 1
    assert rows["raw/origins"]["files"].value == 2
    # What is a secret stands in no file of the home.
    for path in home.rglob("*"):
        if path.is_file():
            assert os.environ["TEST_BILLS_URL"].encode() not in path.read_bytes()
