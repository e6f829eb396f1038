"""The simulation from specification to files and truth.

Adds dirt to each day of the product, hands the arrivals of each day to the writer
and keeps the truth. Memory holds the persons and about two of the busiest days.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from ingestion.simulator.activity import RELEASE_DAYS
from ingestion.simulator.behaviours import PURCHASE_REACH
from ingestion.simulator.clock import DAY, SECOND
from ingestion.simulator.dirt import FLAWS, PARQUET_FLAWS, soil
from ingestion.simulator.measures import (
    API_MEDIAN_MS,
    PAGE_MEDIAN_MS,
    SLOW_API_MEDIAN_MS,
    TIMING_SIGMA,
)
from ingestion.simulator.population import BOT_COUNT
from ingestion.simulator.product import DIRT, ORDER, Product, paced
from ingestion.simulator.rendering import Renderer
from ingestion.simulator.rows import ROW, Rows
from ingestion.simulator.specification import SimulationSpec
from ingestion.simulator.truth import TruthRecorder
from ingestion.simulator.vendors import VENDORS
from ingestion.simulator.vocabulary import BOT_CLIENT, SLOW_ENDPOINT
from ingestion.simulator.writing import DayWriter, WrittenFile


@dataclass(frozen=True)
class SimulationResult:
    """What was written and what is true.

    Attributes:
        files: in order of day; days without arrivals have none.
        event_count: good distinct events.
        row_count: rows written, dirt included.
        truth: content of the truth file.
    """

    files: tuple[WrittenFile, ...]
    event_count: int
    row_count: int
    truth: dict[str, Any]


def simulate(spec: SimulationSpec, directory: Path) -> SimulationResult:
    """Write one file per UTC day of arrival into `directory`.

    Files are named `events-2026-01-01.jsonl` after the format, and replace files of
    the same name; a vendor's have its own suffix. The truth is returned, not written:
    see `write_truth`.

    Raises:
        OSError: the directory cannot be written.
    """
    product = Product(spec, paced(spec))
    truth = TruthRecorder(product.start, spec.days, spec.persons)
    releases = (spec.days - 1) // RELEASE_DAYS + 1
    renderer = Renderer(
        product.population,
        spec.formats,
        spec.naming,
        releases,
        VENDORS.get(spec.vendor),
    )
    injected: list[Counter[str]] = []
    with DayWriter(directory, spec.formats, renderer) as writer:
        for day, arrivals in enumerate(_arrivals(product, truth, injected)):
            writer.add(spec.start + timedelta(days=day), arrivals)
        files = writer.finish()
    return SimulationResult(
        files=files,
        event_count=truth.event_count,
        row_count=sum(file.row_count for file in files),
        truth=_truth(product, truth, injected),
    )


def write_truth(result: SimulationResult, path: Path) -> None:
    """Write the truth as JSON, atomically; keep it out of the landing folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(result.truth, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _arrivals(
    product: Product, truth: TruthRecorder, injected: list[Counter[str]]
) -> Iterator[Rows]:
    """The rows received on each UTC day, in file order."""
    spec = product.spec
    flaws = PARQUET_FLAWS if spec.formats == "parquet" else tuple(FLAWS)
    waiting = np.zeros(0, dtype=ROW)
    for day, rows in product.days():
        truth.add(rows)
        rows, counts = soil(
            rows,
            spec.dirt,
            flaws,
            day,
            product.end - SECOND,
            product.population.size,
            product.random(DIRT, day.number),
        )
        rows = np.concatenate([waiting, rows])
        has_come = rows["received"] < day.start + DAY
        waiting = rows[~has_come]
        order, moved = _file_order(
            rows["received"][has_come],
            spec.dirt.out_of_order,
            product.random(ORDER, day.number),
        )
        counts["out_of_order"] = moved
        injected.append(counts)
        yield rows[has_come][order]


def _file_order(
    received: Any, out_of_order: float, rng: np.random.Generator
) -> tuple[Any, int]:
    """Order by receipt, but some rows have changed places among themselves."""
    order = np.argsort(received, kind="stable")
    stray = np.flatnonzero(rng.random(len(order)) < out_of_order)
    order[stray] = order[rng.permutation(stray)]
    return order, len(stray)


def _truth(
    product: Product, truth: TruthRecorder, injected: list[Counter[str]]
) -> dict[str, Any]:
    spec = product.spec
    dates = [str(spec.start + timedelta(days=day)) for day in range(spec.days)]
    return {
        "format_version": 1,
        "spec": asdict(spec) | {"start": str(spec.start)},
        "pace": asdict(product.pace),
        **truth.report(dates),
        "dirt": _injected_dirt(product, dates, injected),
        "planted": product.seasons.planted() | _planted_behaviour(),
    }


def _injected_dirt(
    product: Product, dates: list[str], injected: list[Counter[str]]
) -> dict[str, Any]:
    """How much of each kind, and how to tell the bots."""
    names = sorted(set().union(*injected))
    bots = product.population.device_id[-2 * BOT_COUNT :: 2]
    return {
        "total": {name: sum(counts[name] for counts in injected) for name in names},
        "bot_events_by_day": {
            date: counts["bots"] for date, counts in zip(dates, injected, strict=True)
        },
        "bot_anonymous_ids": [str(UUID(bytes=bytes(bot))) for bot in bots],
        "bot_user_agent": BOT_CLIENT["user_agent"],
    }


def _planted_behaviour() -> dict[str, Any]:
    """The effects planted in behaviours and measures."""
    return {
        "experiment": {
            "name": "checkout_redesign",
            "purchase_given_exposure": PURCHASE_REACH,
        },
        "timings_ms": {
            "page_loaded_median": PAGE_MEDIAN_MS,
            "api_called_median": API_MEDIAN_MS,
            "slow_endpoint": SLOW_ENDPOINT,
            "slow_endpoint_median": SLOW_API_MEDIAN_MS,
            "lognormal_sigma": TIMING_SIGMA,
        },
    }
