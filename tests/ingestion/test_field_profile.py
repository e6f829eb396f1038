"""What a manifest says of the fields that a load carries."""

from __future__ import annotations

from typing import Any

from ingestion.field_profile import FieldSeen
from ingestion.lake import Lake, Manifest
from tests.ingestion.landing_home import Home, event


def manifest_of(home: Home, name: str, *properties: dict[str, Any]) -> Manifest:
    """Land one file of `page_viewed` and give the manifest of its load."""
    home.write(name, [event(i, properties=one) for i, one in enumerate(properties)])
    home.land()
    return Lake(home.lake).manifests()[-1]


def test_only_fields_that_no_load_of_the_source_had_are_listed(home: Home) -> None:
    def seen(name: str, kind: str) -> FieldSeen:
        return FieldSeen("page_viewed", name, kind)

    values = {"n": 1, "t": "x", "b": True, "o": {"a/b": 1}, "l": [], "nil": None}
    first = manifest_of(home, "app/1.jsonl", values)
    assert first.new_fields == (
        *(seen("b", "boolean"), seen("l", "list"), seen("n", "number")),
        *(seen("o", "object"), seen("t", "string")),
    )
    again = manifest_of(home, "app/2.jsonl", {"n": 1.5, "t": "longer"})
    assert again.new_fields == ()
    changed = manifest_of(home, "app/3.jsonl", {"n": "1", "a/b~c": "x"})
    assert changed.new_fields == (seen("a/b~c", "string"), seen("n", "string"))
    other = manifest_of(home, "site/1.jsonl", {"n": 1})
    assert other.new_fields == (seen("n", "number"),)


def test_the_rows_with_a_value_are_counted_by_column(home: Home) -> None:
    rows = [event(i, platform="web") for i in range(3)] + [event(4, user_id=None)]
    home.write("app/a.jsonl", rows)
    home.land()
    filled = Lake(home.lake).manifests()[0].filled_columns
    assert (filled["event_id"], filled["user_id"]) == (4, 3)
    assert (filled["platform"], filled["revenue"]) == (3, 0)


def test_a_manifest_of_an_earlier_version_has_no_fields() -> None:
    old = Manifest.from_json('{"load_id": "1", "committed_at": "x", "source": "a"}')
    assert (old.new_fields, old.filled_columns) == ((), {})
    again = Manifest.from_json(old.to_json())
    assert again == old
