"""The reference says of every parameter what it means, and shows one that is valid."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from ingestion.catalog.reference import Parameter, catalog_parameters, parameter_tables
from ingestion.catalog.schema import catalog_json_schema

PARAMETERS = list(catalog_parameters())
SCHEMAS = catalog_json_schema()


def test_every_parameter_is_there_once() -> None:
    count = sum(
        len(part.get("properties", {}))
        for schema in SCHEMAS.values()
        for part in (schema, *schema.get("$defs", {}).values())
    )
    assert len(PARAMETERS) == count > 100
    assert {p.file for p in PARAMETERS} == {f"{name}.yml" for name in SCHEMAS}


def test_every_parameter_says_what_it_means() -> None:
    assert [p for p in PARAMETERS if len(p.meaning) < 4] == []


def _is_valid(parameter: Parameter) -> bool:
    schema = SCHEMAS[parameter.file.removesuffix(".yml")]
    entry: Any = (
        schema
        if parameter.section == "the file"
        else schema["$defs"][parameter.section]
    )
    field = {"$defs": schema.get("$defs", {}), **entry["properties"][parameter.name]}
    example = YAML(typ="safe").load(parameter.example)
    return Draft202012Validator(field).is_valid(example)


def test_every_example_is_valid() -> None:
    assert [p for p in PARAMETERS if not (p.example and _is_valid(p))] == []


def test_what_several_kinds_share_stands_once() -> None:
    rows = [line for line in parameter_tables().splitlines() if "`forecast`" in line]
    assert len(rows) == 1
    assert "CountMetric" in rows[0]
    assert "RatioMetric" in rows[0]
