"""What a plan inferred from landed events says, and that the catalog accepts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.catalog import Catalog, load_catalog
from ingestion.tracking_plan import plan_of
from ingestion.tracking_plan.inference import infer_plan
from tests.ingestion.landing_home import Home, event

PLANS = ("free", "pro", "team")


def rows_of_product() -> list[dict[str, Any]]:
    """Give events of four names, 240 of each, as a client writes them."""
    rows: list[dict[str, Any]] = []
    for i in range(240):
        signed_up = {
            "plan": PLANS[i % 3],
            "email": f"person{i}@mail.example",
            "seats": i,
            "score": i / 4,
            "trial": i % 2 == 0,
            "ends_at": f"2024-06-01T10:00:{i % 60:02}Z",
            "tags": ["a"],
            "more": {"b": 1},
            "mixed": i if i % 2 else "many",
            "$set": {"role": "reader"},
            "user_agent": "Mozilla/5.0",
        }
        if i % 4:
            signed_up["sometimes"] = 1.0
        rows += [
            event(4 * i, event_name='Signed Up: "now"', properties=signed_up),
            event(4 * i + 1, event_name="page_view", page="/"),
            event(4 * i + 2, event_name="email_sent", category="mail"),
            event(4 * i + 3, event_name="synced", platform="server"),
        ]
    return rows


@pytest.fixture(scope="module")
def inferred(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Catalog]:
    from tests.ingestion.landing_home import new_home

    root: Path = tmp_path_factory.mktemp("inferred")
    home = new_home(root)
    home.write("app/a.jsonl", rows_of_product())
    home.write("site/a.jsonl", [event(9_999, event_name="only_on_the_site")])
    home.land()
    text = infer_plan(home.lake, ["app"])
    catalog = root / "catalog"
    catalog.mkdir()
    (catalog / "events.yml").write_text(text, "utf-8")
    return text, load_catalog(catalog)


def test_the_plan_names_what_the_source_sent(inferred: tuple[str, Catalog]) -> None:
    text, catalog = inferred
    found = {spec.name: spec for spec in catalog.events.events}
    assert set(found) == {'Signed Up: "now"', "page_view", "email_sent", "synced"}
    assert catalog.events.page_view_events == ("page_view",)
    assert found["email_sent"].category == "mail"
    assert {name: spec.is_activity for name, spec in found.items()} == {
        'Signed Up: "now"': True,
        "page_view": True,
        "email_sent": False,
        "synced": False,
    }
    assert "960 landed events" in text


def test_types_are_the_narrowest_that_take_all_values(
    inferred: tuple[str, Catalog],
) -> None:
    rule = plan_of(inferred[1].events).events['Signed Up: "now"']
    assert rule.types == {
        "plan": "string",
        "email": "string",
        "seats": "integer",
        "score": "number",
        "trial": "boolean",
        "ends_at": "timestamp",
        "tags": "list",
        "more": "object",
        "mixed": "string",
        "sometimes": "integer",
    }
    assert set(rule.required) == set(rule.types) - {"sometimes"}


def test_examples_are_words_of_the_product_and_nobodys_data(
    inferred: tuple[str, Catalog],
) -> None:
    text, catalog = inferred
    (spec, *_) = (one for one in catalog.events.events if "Signed" in one.name)
    assert spec.properties["plan"].description == "Such as free, pro, team."
    assert "aaaaaa9@aaaa.aaaaaaa" in (spec.properties["email"].description or "")
    assert "mail.example" not in text
    assert dict(spec.personal) == {"email": "keep"}


def test_the_landed_events_keep_to_the_plan_inferred_from_them(
    inferred: tuple[str, Catalog], home: Home
) -> None:
    events = inferred[1].events.model_copy(
        update={"policy": "quarantine", "missing_properties": "quarantine"}
    )
    strict = home.with_options(plan=plan_of(events))
    strict.write("app/a.jsonl", rows_of_product())
    assert strict.land().quarantined == 0


def test_without_events_there_is_no_plan(home: Home) -> None:
    assert infer_plan(home.lake) == ""
