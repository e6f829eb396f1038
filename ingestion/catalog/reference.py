"""The reference of the catalog: every parameter with its default and an example.

Here belongs how the JSON Schema reads as tables for people (in the README, and printed
by `daybreak catalog parameters`). Here does not belong what a parameter means: that
stands at its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from ingestion.catalog.schema import catalog_json_schema

Schema = Mapping[str, Any]

_SCALARS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a catalog file.

    ``section`` names the kind of entry it belongs to, ``default`` is None where it must
    be given, and ``example`` None where neither the field nor its type has one.
    """

    file: str
    section: str
    name: str
    type: str
    default: str | None
    meaning: str
    example: str | None


def catalog_parameters() -> Iterator[Parameter]:
    """Yield every parameter of every file, in the order in which they are declared."""
    for file, schema in catalog_json_schema().items():
        yield from _parameters_of(f"{file}.yml", "the file", schema, schema)
        for section, part in schema.get("$defs", {}).items():
            yield from _parameters_of(f"{file}.yml", section, part, schema)


def parameter_tables() -> str:
    """Give one Markdown table per file; what several kinds share stands once."""
    kinds: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for parameter in catalog_parameters():
        kinds.setdefault((parameter.file, _cells(parameter)), []).append(
            parameter.section
        )
    lines: list[str] = []
    for file in dict.fromkeys(file for file, _ in kinds):
        lines += [
            f"**{file}**",
            "",
            "| in | parameter | type | default | meaning | example |",
            "|---|---|---|---|---|---|",
            *(
                _row((", ".join(sections), *cells))
                for (of, cells), sections in kinds.items()
                if of == file
            ),
            "",
        ]
    return "\n".join([*lines, ""])


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _cells(parameter: Parameter) -> tuple[str, ...]:
    default = "required" if parameter.default is None else f"`{parameter.default}`"
    return (
        f"`{parameter.name}`",
        parameter.type,
        default,
        parameter.meaning,
        f"`{parameter.example}`" if parameter.example else "",
    )


def _parameters_of(
    file: str, section: str, part: Schema, schema: Schema
) -> Iterator[Parameter]:
    required = part.get("required", ())
    for name, field in part.get("properties", {}).items():
        yield Parameter(
            file=file,
            section=section,
            name=name,
            type=_type_of(field),
            default=None if name in required else _as_yaml(field.get("default")),
            meaning=" ".join(_described(field, part, schema).split()),
            example=_example_of(field, schema),
        )


def _described(field: Schema, entry: Schema, schema: Schema) -> str:
    """Give the meaning of a field, or else that of its type.

    What names the kind of an entry means what the entry does.
    """
    if "description" in field:
        return str(field["description"])
    if "const" in field:
        return str(entry.get("description", "")).split("\n\n")[0]
    for part in _alternatives(field):
        known = _target(part.get("items", part), schema) or part
        if "description" in known:
            return str(known["description"]).split("\n\n")[0]
    return ""


def _alternatives(field: Schema) -> list[Schema]:
    parts = field.get("anyOf") or field.get("oneOf") or [field]
    return [part for part in parts if part.get("type") != "null"]


def _target(part: Schema, schema: Schema) -> Schema | None:
    if "$ref" not in part:
        return None
    found: Schema = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
    return found


def _type_of(field: Schema) -> str:
    return " or ".join(dict.fromkeys(_one_type(part) for part in _alternatives(field)))


def _one_type(part: Schema) -> str:
    if "$ref" in part:
        return str(part["$ref"].rsplit("/", 1)[1])
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part.get("type") == "array":
        return f"list of {_type_of(part['items'])}" if "items" in part else "list"
    if isinstance(part.get("additionalProperties"), dict):
        return f"mapping to {_type_of(part['additionalProperties'])}"
    return _SCALARS.get(str(part.get("type")), "any")


def _example_of(field: Schema, schema: Schema) -> str | None:
    """Give the field's own example, or the plainest value that its type admits."""
    if field.get("examples"):
        return _as_yaml(field["examples"][0])
    if field.get("default") not in (None, [], {}):
        return _as_yaml(field["default"])
    for part in _alternatives(field):
        shown = _example_of_type(part, schema)
        if shown is not None:
            return shown
    return None


def _example_of_type(part: Schema, schema: Schema) -> str | None:
    if part.get("examples"):
        return _as_yaml(part["examples"][0])
    if "const" in part:
        return str(part["const"])
    if "enum" in part:
        return str(part["enum"][0])
    if part.get("type") == "boolean":
        return "true"
    target = _target(part, schema)
    if target is not None:
        return _example_of_entry(target, schema)
    if part.get("type") == "array" and "items" in part:
        inner = _example_of(part["items"], schema)
        return None if inner is None else f"[{inner}]"
    return None


def _example_of_entry(target: Schema, schema: Schema) -> str | None:
    """Give an entry with what it must have, else with the first of its parameters."""
    if "properties" not in target:
        return _example_of_type(target, schema)
    names = list(target.get("required", ())) or list(target["properties"])[:1]
    shown = {name: _example_of(target["properties"][name], schema) for name in names}
    if None in shown.values():
        return None
    return "{" + ", ".join(f"{name}: {text}" for name, text in shown.items()) + "}"


def _as_yaml(value: object) -> str:
    """Give a value as it is written in YAML, on one line."""
    writer, stream = YAML(typ="safe", pure=True), StringIO()
    writer.default_flow_style, writer.width = True, 10_000
    writer.dump(value, stream)
    # A text alone is followed by the mark that ends a document.
    return stream.getvalue().removesuffix("...\n").strip()
