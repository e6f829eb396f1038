"""From pydantic's errors to problems a person can act on.

Belongs here: the place, the wording and the nearest name of a shape error. Not here:
the shapes (the models) and what one file says about another (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingestion.catalog.documents import Document, PathInFile, Problem
from ingestion.catalog.suggestions import nearest_name

Model = TypeVar("Model", bound=BaseModel)

_WANTED = {
    "string_type": "text is needed here; put it in quotes",
    "int_type": "a whole number is needed here",
    "int_parsing": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "float_type": "a number is needed here",
    "float_parsing": "a number is needed here",
    "decimal_type": "a number is needed here",
    "decimal_parsing": "a number is needed here",
    "finite_number": "a finite number is needed here",
    "bool_type": "true or false is needed here",
    "bool_parsing": "true or false is needed here",
    "dict_type": "`key: value` lines are needed here",
    "tuple_type": "a list is needed here, such as [a, b]",
    "list_type": "a list is needed here, such as [a, b]",
    "model_type": "`key: value` lines are needed here",
}


def validate(
    model: type[Model],
    value: object,
    *,
    document: Document,
    path: PathInFile = (),
    label: str = "",
) -> tuple[Model | None, list[Problem]]:
    """Make a model of a part of a document, or give the problems of that part.

    `path` is where the part stands; `label` begins every message, such as
    "metric 'signups'".
    """
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        found = [
            _problem(model, detail, document, path, label)
            for detail in error.errors(include_url=False)
        ]
        return None, found


def _problem(
    model: type[BaseModel],
    detail: ErrorDetails,
    document: Document,
    path: PathInFile,
    label: str,
) -> Problem:
    inner = _existing(document, path, detail["loc"])
    message, suggestion = _wording(model, detail)
    prefix = f"{label}: " if label else ""
    at_key = detail["type"] == "extra_forbidden" or detail["loc"][-1:] == ("[key]",)
    return document.problem(
        inner, prefix + message, suggestion=suggestion, at_key=at_key
    )


def _existing(
    document: Document, path: PathInFile, loc: tuple[str | int, ...]
) -> PathInFile:
    """Follow a location as far as the file goes; pydantic adds parts of its own."""
    for part in loc:
        if (*path, part) in document.nodes:
            path = (*path, part)
    return path


def _wording(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, str | None]:
    kind, loc = detail["type"], detail["loc"]
    name = str(loc[-1]) if loc else ""
    context: Mapping[str, Any] = detail.get("ctx") or {}
    if kind == "extra_forbidden":
        fields = _fields_at(model, loc[:-1])
        return f"unknown key '{name}'", nearest_name(name, fields)
    if kind == "missing":
        return f"`{name}` is missing", None
    if kind == "literal_error":
        valid = [part.strip("' ") for part in _expected(context)]
        message = f"'{detail['input']}' is not one of {', '.join(valid)}"
        return message, nearest_name(str(detail["input"]), valid)
    if kind == "string_pattern_mismatch":
        return _pattern_message(str(detail["input"]), str(context.get("pattern"))), None
    if kind == "value_error":
        return str(context.get("error", detail["msg"])), None
    prefix = f"`{name}`: " if name else ""
    return prefix + _WANTED.get(kind, detail["msg"]), None


def _expected(context: Mapping[str, Any]) -> list[str]:
    return str(context.get("expected", "")).replace(" or ", ", ").split(", ")


def _pattern_message(text: str, pattern: str) -> str:
    if pattern.startswith("^[a-z"):
        return f"'{text}' is not a name: use lower-case letters, digits and _"
    return f"'{text}' has blanks around it or control characters"


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Give the valid keys of the model that stands at a location."""
    current: list[type[BaseModel]] = [model]
    for part in loc:
        if not isinstance(part, str):
            continue
        below = [
            inner
            for holder in current
            if part in holder.model_fields
            for inner in _models_in(holder.model_fields[part].annotation)
        ]
        current = below or current
    return sorted({name for holder in current for name in holder.model_fields})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
