"""An adapter's fields in layers, so that each is computed once.

Belongs here: which field waits for which. Not here: what fields say (the adapters).

A select may name its own columns in further columns, but DuckDB then copies their
expressions into each place: fields over fields over fields grow without bound (a plan
of 4 s for the 40 fields of one vendor). One select for each layer does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ingestion.sql_text import name

_FIELD: Final = re.compile(r'"(__[^"]+)"|\b(__\w+)')


def field_ctes(fields: Mapping[str, str], known: str, source: str) -> str:
    """Give the CTEs from `source` to `fields`; `known` says whether a row's keys are.

    A field may use those before it.
    """
    layers = _layers(fields)
    layers[0] = {"__is_known_shape": known} | layers[0]
    ctes = []
    for i, layer in enumerate(layers):
        target = "fields" if i == len(layers) - 1 else f"fields_{i}"
        columns = "".join(f", {sql} as {name(key)}" for key, sql in layer.items())
        ctes.append(f"{target} as (\n    select *{columns} from {source}\n)")
        source = target
    return ",\n".join(ctes)


def _layers(fields: Mapping[str, str]) -> list[dict[str, str]]:
    level: dict[str, int] = {}
    layers: list[dict[str, str]] = [{}]
    for key, sql in fields.items():
        used = {quoted or plain for quoted, plain in _FIELD.findall(sql)}
        level[key] = max((level[one] + 1 for one in used if one in level), default=0)
        while len(layers) <= level[key]:
            layers.append({})
        layers[level[key]][key] = sql
    return layers
