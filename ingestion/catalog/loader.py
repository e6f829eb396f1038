"""Read the catalog's folder: every file, every problem, one answer.

Belongs here: which files there are, and the order of reading, shaping and checking.
Each step has its module: `documents`, `validation`, `checks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import (
    KnownNames,
    Part,
    check_distinct_names,
    check_event,
    check_events,
    check_metric,
    check_source,
)
from ingestion.catalog.currency_checks import check_unit
from ingestion.catalog.definition_lists import DEFINITION_FILES, DEFINITION_LISTS
from ingestion.catalog.documents import (
    CatalogError,
    Document,
    PathInFile,
    Problem,
    read_document,
)
from ingestion.catalog.experiment_checks import (
    check_assigned_ids,
    check_experiment,
    check_file_name,
    check_slots,
)
from ingestion.catalog.experiment_models import ExperimentsFile, ExperimentSpec
from ingestion.catalog.metric_models import METRIC_TYPES
from ingestion.catalog.models import (
    Catalog,
    EventsFile,
    EventSpec,
    Metric,
    MetricsFile,
    SourcesFile,
    SourceSpec,
)
from ingestion.catalog.money import RATES_FILE, read_rates
from ingestion.catalog.suggestions import nearest_name
from ingestion.catalog.validation import validate

CATALOG_FILES: Final = ("events.yml", "metrics.yml", "sources.yml", *DEFINITION_FILES)
# A folder of files, one experiment each.
EXPERIMENTS: Final = "experiments"

Item = TypeVar("Item", bound=BaseModel)
File = TypeVar("File", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Items:
    """The declared objects of the right shape, each with its place."""

    events: list[tuple[Part, EventSpec]]
    metrics: list[tuple[Part, Metric]]
    sources: list[tuple[Part, SourceSpec]]
    definitions: dict[str, list[tuple[Part, Any]]]


def load_catalog(directory: Path) -> Catalog:
    """Read, check and give the catalog of a folder.

    A missing file means its defaults (no metrics, native sources only); a YAML file
    that nothing reads is an error. Raises CatalogError with every problem found.
    """
    if not directory.is_dir():
        message = "there is no such folder; set DAYBREAK_CATALOG to the catalog's"
        raise CatalogError([Problem(str(directory), 1, 1, message)])
    problems = _unread_files(directory)
    documents = {name: _document(directory / name) for name in CATALOG_FILES}
    for path in sorted((directory / EXPERIMENTS).glob("*.yml")):
        documents[f"{EXPERIMENTS}/{path.name}"] = _document(path)
    for document in documents.values():
        problems += document.problems
    catalog, found = _shape_and_check(documents)
    problems += found
    rates, found = read_rates(directory / RATES_FILE)
    problems += found
    if rates and catalog.events.reporting_currency is None:
        message = "events.yml names no `reporting_currency` that these rates are of"
        problems.append(Problem(str(directory / RATES_FILE), 1, 1, message))
    if problems:
        raise CatalogError(problems)
    return replace(catalog, exchange_rates=rates)


def _document(path: Path) -> Document:
    if path.is_dir():
        message = "a folder stands where a file should be"
        return Document(str(path), "", problems=[Problem(str(path), 1, 1, message)])
    return read_document(path, str(path)) if path.exists() else Document(str(path), "")


def _unread_files(directory: Path) -> list[Problem]:
    problems = []
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if hidden or path.suffix not in (".yml", ".yaml") or name in CATALOG_FILES:
            continue
        if path.parent == directory / EXPERIMENTS and path.suffix == ".yml":
            continue
        message = (
            f"nothing reads '{name}'; the catalog's files are "
            f"{', '.join(CATALOG_FILES)} and {EXPERIMENTS}/<name>.yml"
        )
        near = nearest_name(name, CATALOG_FILES)
        problems.append(Problem(str(path), 1, 1, message, near))
    return problems


def _shape_and_check(
    documents: dict[str, Document],
) -> tuple[Catalog, list[Problem]]:
    events, metrics = documents["events.yml"], documents["metrics.yml"]
    sources = documents["sources.yml"]
    problems: list[Problem] = []
    shaped = _Items(
        events=_items(events, "events", "event", EventSpec, problems),
        metrics=_metrics(metrics, problems),
        sources=_items(sources, "sources", "source", SourceSpec, problems),
        definitions={
            listed.key: _items(
                documents[listed.file], listed.key, listed.kind, listed.model, problems
            )
            for listed in DEFINITION_LISTS
        }
        | {EXPERIMENTS: _experiments(documents, problems)},
    )
    file = _file(events, ("events",), EventsFile, problems)
    _file(metrics, ("metrics",), MetricsFile, problems)
    _file(sources, ("sources",), SourcesFile, problems)
    for name, whole in DEFINITION_FILES.items():
        keys = tuple(listed.key for listed in DEFINITION_LISTS if listed.file == name)
        _file(documents[name], keys, whole, problems)
    catalog = Catalog(
        events=file.model_copy(update={"events": _values(shaped.events)}),
        metrics=_values(shaped.metrics),
        sources=_values(shaped.sources),
        **{key: _values(items) for key, items in shaped.definitions.items()},
    )
    problems += _check(catalog, documents, shaped)
    return catalog, problems


def _experiments(
    documents: dict[str, Document], problems: list[Problem]
) -> list[tuple[Part, ExperimentSpec]]:
    """Shape the files of experiments, of which each holds a list of one."""
    shaped = []
    for name, document in documents.items():
        if name.startswith(f"{EXPERIMENTS}/"):
            _file(document, (EXPERIMENTS,), ExperimentsFile, problems)
            shaped += _items(
                document, EXPERIMENTS, "experiment", ExperimentSpec, problems
            )
    return shaped


def _check(
    catalog: Catalog, documents: dict[str, Document], shaped: _Items
) -> list[Problem]:
    problems: list[Problem] = []
    lists: tuple[list[tuple[Part, Any]], ...]
    lists = (shaped.events, shaped.metrics, shaped.sources)
    lists += tuple(shaped.definitions.values())
    for items in lists:
        problems += check_distinct_names((part, item.name) for part, item in items)
    for part, event in shaped.events:
        problems += check_event(event, part)
    for part, source in shaped.sources:
        problems += check_source(source, part)
    known = KnownNames(
        events=_declared_names(documents["events.yml"], "events"),
        metrics={metric.name: metric for metric in catalog.metrics},
        malformed_metrics=_declared_names(documents["metrics.yml"], "metrics"),
        funnels={funnel.name: funnel for funnel in catalog.funnels},
        malformed_funnels=_declared_names(documents["funnels.yml"], "funnels"),
        definitions={key: _values(items) for key, items in shaped.definitions.items()},
    )
    with ExpressionBinder() as binder:
        whole = Part(documents["events.yml"], (), "")
        problems += check_events(catalog.events, whole, known, binder)
        for part, metric in shaped.metrics:
            problems += check_metric(metric, part, known, binder)
            problems += check_unit(
                metric, part, known.metrics, catalog.events.reporting_currency
            )
        for listed in DEFINITION_LISTS:
            for part, item in shaped.definitions[listed.key]:
                problems += listed.check(item, part, known, binder)
        for part, experiment in shaped.definitions[EXPERIMENTS]:
            problems += check_file_name(experiment, part)
            problems += check_experiment(experiment, part, known, binder)
    problems += check_slots(shaped.definitions[EXPERIMENTS])
    problems += check_assigned_ids(
        shaped.definitions[EXPERIMENTS], catalog.events.personal
    )
    return problems


def _file(
    document: Document,
    listed: tuple[str, ...],
    model: type[File],
    problems: list[Problem],
) -> File:
    """Shape a file but for its lists, whose items are shaped one by one."""
    rest = {
        key: part
        for key, part in document.value.items()
        if key not in listed or not isinstance(part, list)
    }
    shaped, found = validate(model, rest, document=document)
    problems += found
    return shaped or model()


def _values(shaped: Iterable[tuple[Part, Any]]) -> tuple[Any, ...]:
    return tuple(item for _, item in shaped)


def _declared_names(document: Document, key: str) -> set[str]:
    """Give the names declared, those of malformed entries too, lest errors multiply."""
    listed = document.value.get(key)
    entries = listed if isinstance(listed, list) else []
    return {
        entry["name"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }


def _part(document: Document, key: str, index: int, kind: str) -> tuple[Part, Any]:
    value = document.value[key][index]
    name = value.get("name") if isinstance(value, dict) else None
    label = f"{kind} '{name}'" if isinstance(name, str) else f"{kind} {index + 1}"
    path: PathInFile = (key, index)
    return Part(document, path, label), value


def _items(
    document: Document,
    key: str,
    kind: str,
    model: type[Item],
    problems: list[Problem],
) -> list[tuple[Part, Item]]:
    listed = document.value.get(key)
    shaped: list[tuple[Part, Item]] = []
    for index in range(len(listed) if isinstance(listed, list) else 0):
        part, value = _part(document, key, index, kind)
        item, found = validate(
            model, value, document=document, path=part.path, label=part.label
        )
        problems += found
        if item is not None:
            shaped.append((part, item))
    return shaped


def _metrics(document: Document, problems: list[Problem]) -> list[tuple[Part, Metric]]:
    listed = document.value.get("metrics")
    shaped: list[tuple[Part, Metric]] = []
    for index in range(len(listed) if isinstance(listed, list) else 0):
        part, value = _part(document, "metrics", index, "metric")
        kind = value.get("type") if isinstance(value, dict) else None
        model = METRIC_TYPES.get(kind) if isinstance(kind, str) else None
        if model is None:
            problems.append(_type_problem(part, kind))
            continue
        metric, found = validate(
            model, value, document=document, path=part.path, label=part.label
        )
        problems += found
        if metric is not None:
            shaped.append((part, metric))
    return shaped


def _type_problem(part: Part, kind: object) -> Problem:
    valid = ", ".join(METRIC_TYPES)
    if kind is None:
        return part.problem((), f"`type` is missing; it is one of {valid}")
    near = nearest_name(str(kind), METRIC_TYPES)
    return part.problem(("type",), f"'{kind}' is not a metric type ({valid})", near)
