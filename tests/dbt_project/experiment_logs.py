"""Random experiments over random logs, for the oracle and as a catalog with rows.

Logs are small and full of what tells rules apart: events at the exposure and at the
end of a window, days of 23 hours, units in two variants, variants nobody declared. Not
here: the rules (`experiment_oracle`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import yaml

from tests.dbt_project import experiment_oracle as oracle
from tests.dbt_project.experiment_oracle import Event, Experiment, Metric
from tests.dbt_project.warehouse_of_test import Row

# Local midnight of New York lies 300 minutes later; clocks change on the second day.
START = datetime(2026, 3, 7, 0)
LAST_DAY = date(2026, 3, 13)
AS_OF = datetime(2026, 3, 14, 9)

METRICS: dict[str, dict[str, Any]] = {
    "buyers": {"type": "unique_persons", "event": "bought"},
    "revenue": {"type": "sum", "event": "bought", "value": "revenue"},
    "orders": {"type": "count", "event": "bought"},
    "order_value": {"type": "average", "event": "bought", "value": "revenue"},
    "per_viewer": {
        "type": "ratio",
        "numerator": "orders",
        "denominator": {"type": "unique_persons", "event": "viewed"},
    },
    "converted": {
        "type": "conversion",
        "base": {"event": "viewed"},
        "conversion": {"event": "bought"},
        "window": "90 minutes",
    },
    "platforms": {"type": "unique_values", "event": "viewed", "value": "platform"},
    "wait": {
        "type": "time_to",
        "base": {"event": "viewed"},
        "conversion": {"event": "bought"},
        "window": "90 minutes",
        "statistic": "mean",
    },
    "usual_wait": {
        "type": "time_to",
        "base": {"event": "viewed"},
        "conversion": {"event": "bought"},
        "window": "90 minutes",
    },
    "large_order": {
        "type": "percentile",
        "event": "bought",
        "value": "revenue",
        "percentile": 0.7,
    },
    "back": {
        "type": "retention",
        "base": {"event": "viewed"},
        "returning": {"event": "viewed"},
        "day": 1,
    },
}
FUNNEL = {
    "name": "buy",
    "window": "90 minutes",
    "steps": [
        {"name": "View", "any_of": [{"event": "viewed"}]},
        {"name": "Buy", "any_of": [{"event": "bought"}]},
    ],
}
_WITHIN = timedelta(minutes=90)
STREAMS: dict[str, dict[str, Any]] = {
    "buyers": {"numerator": oracle.counted("bought"), "is_flag": True},
    "revenue": {"numerator": oracle.summed("bought")},
    "orders": {"numerator": oracle.counted("bought")},
    "order_value": {
        "numerator": oracle.summed("bought"),
        "denominator": oracle.with_amount("bought"),
    },
    "per_viewer": {
        "numerator": oracle.counted("bought"),
        "denominator": oracle.counted("viewed"),
        "is_denominator_flag": True,
    },
    "converted": {
        "numerator": oracle.converted("viewed", "bought", _WITHIN),
        "is_flag": True,
    },
    "platforms": {"numerator": oracle.platforms_of("viewed")},
    "wait": {
        "numerator": oracle.timed("viewed", "bought", _WITHIN),
        "denominator": oracle.timed("viewed", "bought", _WITHIN, counts=True),
    },
    "usual_wait": {
        "numerator": oracle.timed("viewed", "bought", _WITHIN),
        "quantile": 0.5,
    },
    "large_order": {"numerator": oracle.summed("bought"), "quantile": 0.7},
    "back": {"numerator": oracle.counted("viewed"), "is_flag": True, "day": 1},
    "buy": {
        "numerator": oracle.completed("viewed", "bought", _WITHIN),
        "is_flag": True,
    },
}
CAPPED = ("revenue", "orders", "order_value")


@dataclass(frozen=True)
class Sample:
    """One experiment and the log of its units, cut into loads."""

    experiment: Experiment
    log: tuple[Event, ...]
    loads: tuple[int, ...]


_minutes = st.one_of(
    st.integers(0, 7 * 1_440),
    # The exposures' hours, a day and two after them, and local midnights around.
    st.sampled_from((2_880, 2_879, 2_881, 4_320, 4_319, 5_760, 1_740, 3_180, 4_560)),
    st.sampled_from((299, 300, 1_739, 1_740, 3_119, 3_120, 3_180)),
)
_events = st.builds(
    lambda name, minute, person, variant, platform, amount, is_bot: Event(
        id="",
        name=name,
        at=START + timedelta(minutes=minute),
        person=person,
        variant=variant if name == "exposed" else None,
        platform=platform,
        amount=amount if name == "bought" else None,
        is_bot=is_bot == 0,
    ),
    name=st.sampled_from(("exposed", "exposed", "bought", "bought", "viewed")),
    minute=_minutes,
    person=st.sampled_from("pqrs"),
    variant=st.sampled_from(("control", "control", "control", "green", "odd", None)),
    platform=st.sampled_from(("web", "ios", None)),
    amount=st.one_of(
        st.none(),
        st.integers(-300, 900).map(lambda cents: Decimal(cents) / 100),
        st.integers(-9, 9).map(lambda digit: Decimal(10**8) + Decimal(digit) / 10**6),
    ),
    is_bot=st.integers(0, 15),
)


@st.composite
def metrics(draw: st.DrawFn) -> tuple[Metric, ...]:
    """Two to five metrics; the first one has a window."""
    names = draw(st.permutations([name for name in STREAMS if name != "back"]))
    chosen = [*names[: draw(st.integers(2, 4))]]
    if draw(st.booleans()):
        chosen.append("back")
    found = []
    for name in chosen:
        days = draw(st.sampled_from((1, 2, 3)))
        window = None if name == "back" else timedelta(days=days)
        caps = None
        if name in CAPPED:
            caps = draw(st.sampled_from((None, (None, "0.7"), ("0.4", "0.9"))))
        cut = caps and tuple(None if one is None else Decimal(one) for one in caps)
        found.append(Metric(name, window=window, caps=cut or None, **STREAMS[name]))
    return tuple(found)


@st.composite
def samples(draw: st.DrawFn, name: str) -> Sample:
    """An experiment and a log whose persons bear its name."""
    events = draw(st.lists(_events, min_size=4, max_size=28))
    start = draw(st.sampled_from((None, date(2026, 3, 7), date(2026, 3, 8))))
    ends = (None, None, date(2026, 3, 11))
    experiment = Experiment(
        name=name,
        metrics=draw(metrics()),
        start=start,
        end=draw(st.sampled_from(ends)) if start else None,
        covariate_days=draw(st.sampled_from((0, 1, 2))),
        slice_limit=25,
    )
    log = tuple(
        Event(
            **{
                **event.__dict__,
                "id": f"{name}-{number}",
                "person": f"{name}{event.person}",
            }
        )
        for number, event in enumerate(events)
    )
    loads = draw(st.lists(st.integers(0, 1), min_size=len(log), max_size=len(log)))
    return Sample(experiment, log, tuple(loads))


def row_of(event: Event) -> Row:
    """The event as it lands."""
    return {
        "event_id": event.id,
        "event_name": event.name,
        "occurred_at": event.at,
        "user_id": event.person,
        "platform": event.platform,
        "browser": "bot" if event.is_bot else None,
        "revenue": event.amount,
        "properties": json.dumps({"variant": event.variant} if event.variant else {}),
    }


def write_catalog(folder: Path, experiments: Sequence[Experiment]) -> Path:
    """Declare all experiments over the same metrics."""
    (folder / "experiments").mkdir(parents=True)
    names = ("exposed", "bought", "viewed")
    files: dict[str, Any] = {
        "events.yml": {
            "policy": "allow",
            "traffic": {"bots": "browser = 'bot'"},
            "events": [{"name": name} for name in names],
        },
        "metrics.yml": {
            "metrics": [{"name": name, **spec} for name, spec in METRICS.items()]
        },
        "funnels.yml": {"funnels": [FUNNEL]},
    }
    for one in experiments:
        files[f"experiments/{one.name}.yml"] = {"experiments": [declaration_of(one)]}
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))
    return folder


def declaration_of(one: Experiment) -> dict[str, Any]:
    return {
        "name": one.name,
        "hypothesis": "It works.",
        "status": "running",
        **({"start": str(one.start)} if one.start else {}),
        **({"end": str(one.end)} if one.end else {}),
        "covariate_days": one.covariate_days,
        "exposure": {
            "event": "exposed",
            "where": f"starts_with(user_id, '{one.name}')",
        },
        "variants": [
            {"name": "control", "allocation": 0.5, "is_control": True},
            {"name": "green", "allocation": 0.5},
        ],
        "slices": ["platform"],
        "slice_limit": one.slice_limit,
        "metrics": [
            _declared(
                metric,
                "success" if place == 0 or metric.quantile is not None else "secondary",
            )
            for place, metric in enumerate(one.metrics)
        ],
    }


def _declared(metric: Metric, role: str) -> dict[str, Any]:
    kind = "funnel" if metric.name == FUNNEL["name"] else "metric"
    found: dict[str, Any] = {kind: metric.name, "role": role}
    if metric.window is not None:
        found["window"] = f"{metric.window.days} days"
    if metric.caps is not None:
        lower, upper = metric.caps
        caps = {"lower": lower, "upper": upper}
        found["caps"] = {k: float(v) for k, v in caps.items() if v is not None}
    return found
