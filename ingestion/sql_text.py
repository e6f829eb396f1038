"""How values and names are written inside SQL text.

Belongs here: quoting, nothing else. Everything that reaches DuckDB as SQL text from a
file's names or a setting goes through these three functions.
"""

from __future__ import annotations

from collections.abc import Iterable


def text(value: object) -> str:
    """Give a value as a text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def name(identifier: str) -> str:
    """Give a column or table name, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def text_list(values: Iterable[object]) -> str:
    """Give values as text literals between commas."""
    return ", ".join(text(value) for value in values)
