"""The JSON Schema of every catalog file, for editors.

An editor that knows YAML (through the `yaml-language-server` comment at the top of
each file) completes and underlines while one types. Names across files, and the
expressions, are judged by the loader only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ingestion.catalog.definition_lists import DEFINITION_FILES
from ingestion.catalog.experiment_models import ExperimentsFile
from ingestion.catalog.models import EventsFile, MetricsFile, SourcesFile

_FILES: Final[dict[str, type[BaseModel]]] = {
    "events": EventsFile,
    "metrics": MetricsFile,
    "sources": SourcesFile,
    **{name.removesuffix(".yml"): model for name, model in DEFINITION_FILES.items()},
    "experiments": ExperimentsFile,
}


def catalog_json_schema() -> dict[str, dict[str, Any]]:
    """Give the JSON Schema (draft 2020-12) by file: events, metrics, sources."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(mode="validation"),
        }
        for name, model in _FILES.items()
    }


def write_json_schemas(directory: Path) -> list[Path]:
    """Write `<file>.schema.json` for every catalog file; give the paths."""
    paths = []
    for name, schema in catalog_json_schema().items():
        path = directory / f"{name}.schema.json"
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        paths.append(path)
    return paths
