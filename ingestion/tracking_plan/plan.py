"""The tracking plan as landing needs it: which events, which properties, which policy.

Belongs here: the frozen values that go from the catalog to the landing. Not here: the
declaration (`ingestion.catalog.event_models`), the SQL (`verdict_sql`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ingestion.catalog.event_models import (
    EventsFile,
    MissingPropertyPolicy,
    PropertyType,
    UnknownEventPolicy,
    WrongTypePolicy,
)


@dataclass(frozen=True, slots=True)
class EventRule:
    """What the plan says of one event: what it must carry, and of which type."""

    required: tuple[str, ...] = ()
    types: Mapping[str, PropertyType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    """All events of the plan, and what becomes of events that do not keep to it.

    `allow` and `warn` cost landing nothing: what is only reported is measured by the
    gate, over the loads that have landed.
    """

    events: Mapping[str, EventRule] = field(default_factory=dict)
    unknown_event: UnknownEventPolicy = "warn"
    missing_property: MissingPropertyPolicy = "warn"
    wrong_type: WrongTypePolicy = "warn"

    @property
    def refuses_unknown_events(self) -> bool:
        """Whether an event that the plan does not name goes to quarantine."""
        return self.unknown_event == "quarantine"

    def refused_for(self, rule: EventRule) -> EventRule:
        """Give the part of a rule that can send an event to quarantine.

        A text is wide enough for every value, so that `string` asks nothing.
        """
        types = {
            name: kind
            for name, kind in rule.types.items()
            if kind != "string" and self.wrong_type == "quarantine"
        }
        required = rule.required if self.missing_property == "quarantine" else ()
        return EventRule(required, types)


NO_PLAN: Final = TrackingPlan()


def plan_of(events: EventsFile) -> TrackingPlan:
    """Give the plan that a checked `events.yml` declares."""
    return TrackingPlan(
        events={
            event.name: EventRule(
                event.required_properties,
                {name: spec.type for name, spec in event.properties.items()},
            )
            for event in events.events
        },
        unknown_event=events.policy,
        missing_property=events.missing_properties,
        wrong_type=events.wrong_types,
    )
