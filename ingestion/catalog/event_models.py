"""`events.yml`: the tracking plan, sessions, activity and traffic rules.

Shapes and defaults only; that names fit together is `checks`, what the defaults mean
is documented on each field, because the JSON Schema shows it in the editor.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    DistinctNames,
    EventName,
    ExpressionText,
    Text,
)

# Never anybody's id, whoever sends it.
JUNK_IDS: Final = (
    *("null", "undefined", "none", "nil", "nan", "anonymous", "guest", "unknown"),
    *("0", "-1", "00000000-0000-0000-0000-000000000000"),
)
UnknownEventPolicy = Literal["allow", "warn"]
PropertyType = Literal[
    "string", "number", "integer", "boolean", "timestamp", "object", "list"
]


class PropertySpec(Declared):
    """One property of an event."""

    type: PropertyType = Field(description="What a client sends under this name.")
    description: Text | None = Field(default=None, description="What it means.")


class EventSpec(Declared):
    """One event of the tracking plan."""

    name: EventName = Field(description="As the client sends it.")
    description: Text | None = Field(default=None, description="When it is sent.")
    category: Text | None = Field(default=None, description="Its part of the product.")
    is_activity: bool = Field(
        default=True,
        description="Whether it shows that a person was there. False for what a "
        "server does on its own: e-mails, renewals, failed payments.",
    )
    properties: dict[Text, PropertySpec] = Field(
        default_factory=dict, description="What it carries beside the columns."
    )
    required_properties: DistinctNames = Field(
        default=(), description="Properties without which the event is incomplete."
    )
    personal: DistinctNames = Field(
        default=(), description="Properties or columns that hold personal data."
    )

    @model_validator(mode="after")
    def _required_are_declared(self) -> Self:
        for name in self.required_properties:
            if name not in self.properties:
                raise ValueError(
                    f"required property '{name}' is not declared under `properties`"
                )
        return self


class IdentityRules(Declared):
    """Which ids are one person."""

    stitching: Literal["as_of_event", "last_user_of_device", "none"] = Field(
        default="as_of_event",
        description="Whose a device's events without a user are: of the last user "
        "seen before them, and before the first login of the first; or, as Segment "
        "and Snowplow do, all of the device's last user; or of nobody but the device.",
    )
    junk_ids: DistinctNames = Field(
        default=(),
        description="Texts that clients send where they know nobody, beside "
        f"{', '.join(JUNK_IDS)} and blanks. Case is no difference.",
    )
    max_ids_per_person: int = Field(
        default=100,
        ge=2,
        description="More linked ids than this are no person but a mistake: they "
        "are not merged, and listed.",
    )


class HeartbeatSpec(Declared):
    """Events a client sends at an interval while a page is in use.

    They and the page views carry the page view's id in the property `$page_view_id`.
    """

    events: DistinctNames = Field(
        default=("page_pinged",), description="Names of the heartbeats."
    )
    interval_seconds: int = Field(
        default=10, ge=1, le=3_600, description="How often one is sent."
    )
    minimum_visit_seconds: int = Field(
        default=5, ge=0, le=3_600, description="When the first one is sent."
    )


class SessionRules(Declared):
    """What ends a session."""

    mode: Literal["inactivity", "vendor"] = Field(
        default="inactivity",
        description="inactivity cuts by these rules; vendor takes the session ids that "
        "clients send, and events without one lie in no session.",
    )
    requires_page_view: bool = Field(
        default=False, description="Whether a run without a page view is no session."
    )
    heartbeat: HeartbeatSpec | None = Field(
        default=None, description="Events that measure engaged time."
    )
    timeout_minutes: int = Field(
        default=30,
        ge=1,
        le=1_440,
        description="A longer gap starts a new session; exactly this long does not.",
    )
    max_session_hours: int = Field(
        default=24, ge=1, le=168, description="Cap on the length."
    )
    cut_at_midnight: bool = Field(
        default=False,
        description="Start a new session at midnight of the reporting zone.",
    )
    cut_on_campaign_change: bool = Field(
        default=False,
        description="Start a new session when another campaign brings them.",
    )
    server_platforms: DistinctNames = Field(
        default=("server",),
        description="Platforms whose events without a device neither open nor "
        "extend a session.",
    )

    @model_validator(mode="after")
    def _timeout_fits_the_cap(self) -> Self:
        if self.timeout_minutes > self.max_session_hours * 60:
            raise ValueError("timeout_minutes is longer than max_session_hours")
        return self


class TrafficRules(Declared):
    """Which events are kept and flagged, but left out of metrics."""

    bots: ExpressionText | None = Field(
        default=None, description="True for a robot's event."
    )
    internal: ExpressionText | None = Field(
        default=None, description="True for an event of your own people."
    )


class EventsFile(Declared):
    """events.yml: the tracking plan and the rules of sessions and traffic."""

    policy: UnknownEventPolicy = Field(
        default="warn",
        description="What happens to an event the plan does not name: allow, or "
        "warn (landed and reported).",
    )
    events: tuple[EventSpec, ...] = Field(default=(), description="The tracking plan.")
    page_view_events: DistinctNames = Field(
        default=("page_viewed",), description="Events that count as a page view."
    )
    days_late_allowed: int | None = Field(
        default=None,
        ge=0,
        description="Events received more days after they occurred are kept in the "
        "lake and left out of all figures; none: however late, an event repairs its "
        "day.",
    )
    identity: IdentityRules = Field(
        default_factory=IdentityRules, description="Which ids are one person."
    )
    sessions: SessionRules = Field(
        default_factory=SessionRules, description="What ends a session."
    )
    traffic: TrafficRules = Field(
        default_factory=TrafficRules, description="Bots and internal traffic."
    )
