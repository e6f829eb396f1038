"""The catalog that ships: it loads, covers the demo product, compiles everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import sqlglot
from ruamel.yaml import YAML

from ingestion.catalog import (
    CATALOG_FILES,
    CatalogSettings,
    catalog_json_schema,
    compile_catalog,
    load_catalog,
    metric_rows,
)
from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.metric_models import METRIC_TYPES

DIRECTORY = Path(__file__).resolve().parents[3] / "dbt_project" / "catalog"

EVENTS = {
    *("page_viewed", "signed_up", "logged_in", "course_viewed", "course_started"),
    *("lesson_completed", "course_completed", "checkout_started"),
    *("purchase_completed", "refund_issued", "video_uploaded", "video_analyzed"),
    *("videos_compared", "calculator_step_completed", "assessment_completed"),
    *("lead_submitted", "story_started", "story_completed", "role_migrated"),
    *("subscription_started", "subscription_upgraded", "subscription_downgraded"),
    *("subscription_cancelled", "subscription_renewed", "payment_succeeded"),
    *("payment_failed", "invite_sent", "invite_accepted", "content_shared"),
    *("achievement_unlocked", "challenge_joined", "challenge_completed"),
    *("page_loaded", "api_called", "error_raised", "email_sent", "email_delivered"),
    *("email_opened", "survey_answered", "experiment_exposed", "feature_used"),
}
CATEGORIES = {
    *("engagement", "learning", "commerce", "subscription", "content", "growth"),
    *("gamification", "operations", "messaging", "research", "identity"),
}


def test_declares_every_event_of_the_product() -> None:
    catalog = load_catalog(DIRECTORY)
    assert sorted(catalog.event_names) == sorted(EVENTS)
    assert {event.category for event in catalog.events.events} == CATEGORIES
    assert all(event.description for event in catalog.events.events)


def test_metrics_use_every_type() -> None:
    metrics = load_catalog(DIRECTORY).metrics
    assert {metric.type for metric in metrics} == set(METRIC_TYPES)
    assert 20 <= len(metrics) <= 30
    assert all(m.label and m.description and m.unit and m.owner for m in metrics)


def test_every_expression_fits_an_event() -> None:
    with ExpressionBinder() as binder:
        for row in metric_rows(load_catalog(DIRECTORY)):
            for component in json.loads(row["components"]):
                assert binder.type_of(component["filter_sql"]) == "BOOLEAN"
                if component["value_sql"]:
                    is_text = component["aggregate"] == "unique_values"
                    wanted = "VARCHAR" if is_text else "DECIMAL(18,6)"
                    assert binder.type_of(component["value_sql"]) == wanted
            for dimension in json.loads(row["dimensions"]):
                assert binder.type_of(dimension["sql"]) == "VARCHAR"
            for name in ("base_filter_sql", "conversion_filter_sql"):
                if row[name]:
                    assert binder.type_of(row[name]) == "BOOLEAN"


def test_compiles_to_spark(tmp_path: Path) -> None:
    catalog = load_catalog(DIRECTORY)
    compile_catalog(catalog, CatalogSettings(), tmp_path, dialect="spark")
    for row in metric_rows(catalog, "spark"):
        for component in json.loads(row["components"]):
            assert sqlglot.parse_one(component["filter_sql"], dialect="spark")


@pytest.mark.parametrize("name", CATALOG_FILES)
def test_files_name_and_obey_their_schema(name: str) -> None:
    stem = name.removesuffix(".yml")
    text = (DIRECTORY / name).read_text(encoding="utf-8")
    first = f"# yaml-language-server: $schema=./{stem}.schema.json"
    assert text.splitlines()[0] == first
    value = YAML(typ="safe", pure=True).load(text)
    jsonschema.Draft202012Validator(catalog_json_schema()[stem]).validate(value)


@pytest.mark.parametrize("path", sorted((DIRECTORY / "experiments").glob("*.yml")))
def test_experiments_name_and_obey_their_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first = "# yaml-language-server: $schema=../experiments.schema.json"
    assert text.splitlines()[0] == first
    value = YAML(typ="safe", pure=True).load(text)
    schema = jsonschema.Draft202012Validator(catalog_json_schema()["experiments"])
    schema.validate(json.loads(json.dumps(value, default=str)))


@pytest.mark.parametrize("name", sorted(catalog_json_schema()))
def test_the_schemas_in_the_tree_are_current(name: str) -> None:
    # Else: python -c "from pathlib import Path; from ingestion.catalog import
    # write_json_schemas; write_json_schemas(Path('dbt_project/catalog'))"
    text = (DIRECTORY / f"{name}.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == catalog_json_schema()[name]


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    schema = jsonschema.Draft202012Validator(catalog_json_schema()["metrics"])
    good = {"name": "m", "type": "count", "event": "page_viewed"}
    assert schema.is_valid({"metrics": [good]})
    for change in (
        {"type": "counts"},
        {"name": "Bad Name"},
        {"lable": "x"},
        {"periods": ["moth"]},
        {"event": 3},
    ):
        assert not schema.is_valid({"metrics": [good | change]})
