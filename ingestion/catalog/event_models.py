"""`events.yml`: the tracking plan, sessions, activity and traffic rules.

Shapes and defaults only; that names fit together is `checks`, what the defaults mean
is documented on each field, because the JSON Schema shows it in the editor.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    DistinctNames,
    EventName,
    ExpressionText,
    Text,
)
from ingestion.catalog.money import CurrencyCode
from ingestion.catalog.networks import Network
from ingestion.catalog.privacy_models import (
    ID_FIELDS,
    ConsentRules,
    IpAddresses,
    PersonalFields,
    check_ids_go_together,
)

# Never anybody's id, whoever sends it.
JUNK_IDS: Final = (
    *("null", "undefined", "none", "nil", "nan", "anonymous", "guest", "unknown"),
    *("0", "-1", "00000000-0000-0000-0000-000000000000"),
)
_EMAIL_DOMAIN: Final = re.compile(r"(?i)([a-z0-9-]+\.)+[a-z0-9-]+")
UnknownEventPolicy = Literal["allow", "warn", "quarantine"]
MissingPropertyPolicy = Literal["warn", "quarantine"]
WrongTypePolicy = Literal["warn", "quarantine"]
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
        default_factory=dict,
        description="What it carries beside the columns.",
        examples=[{"course_id": {"type": "string"}}],
    )
    required_properties: DistinctNames = Field(
        default=(), description="Properties without which the event is incomplete."
    )
    personal: PersonalFields = Field(
        default_factory=dict,
        description="Properties or columns of this event that hold personal data, and "
        "what is done with each: drop, hash, encrypt or keep (known and listed only). "
        "Ids are declared for all events.",
    )

    @model_validator(mode="after")
    def _ids_are_not_of_one_event(self) -> Self:
        for name in ID_FIELDS:
            if name in self.personal:
                raise ValueError(
                    f"'{name}' is personal in every event or in none: declare it in "
                    "`personal` of the whole plan"
                )
        return self

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
    timeout_seconds: int = Field(
        default=1_800,
        ge=1,
        le=86_400,
        description="A longer gap starts a new session; exactly this long does not.",
    )
    max_session_seconds: int = Field(
        default=86_400,
        ge=1,
        le=604_800,
        description="Cap on the length: a session holds events up to and including its "
        "start and this.",
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
        if self.timeout_seconds > self.max_session_seconds:
            raise ValueError("timeout_seconds is longer than max_session_seconds")
        return self


def _check_email_domains(domains: tuple[str, ...]) -> tuple[str, ...]:
    for domain in domains:
        if not _EMAIL_DOMAIN.fullmatch(domain):
            raise ValueError(
                f"'{domain}' is no domain of e-mail addresses: write what stands "
                "behind the @, such as acme.com"
            )
    return domains


class TrafficRules(Declared):
    """Which events are kept and flagged, but left out of metrics."""

    bots: ExpressionText | None = Field(
        default=None, description="True for a robot's event."
    )
    known_crawlers: bool = Field(
        default=True,
        description="Whether an event is a robot's if its user agent (the property "
        "`user_agent` or `userAgent`) is that of a known crawler.",
    )
    internal: ExpressionText | None = Field(
        default=None, description="True for an event of your own people."
    )
    internal_networks: tuple[Network, ...] = Field(
        default=(),
        description="Networks of your own, such as 203.0.113.0/24: events whose "
        "property `ip` lies in one are internal.",
        examples=[["203.0.113.0/24"]],
    )
    internal_email_domains: Annotated[
        DistinctNames, AfterValidator(_check_email_domains)
    ] = Field(
        default=(),
        description="Domains of your own, such as acme.com: events whose user id, or "
        "property or trait `email`, is an address there are internal.",
    )
    internal_user_ids: DistinctNames = Field(
        default=(), description="Users whose events are internal."
    )


class EventsFile(Declared):
    """events.yml: the tracking plan and the rules of sessions and traffic."""

    policy: UnknownEventPolicy = Field(
        default="warn",
        description="What happens to an event the plan does not name: allow, warn "
        "(landed and reported), or quarantine (until the plan names it and it is "
        "replayed).",
    )
    missing_properties: MissingPropertyPolicy = Field(
        default="warn",
        description="What happens to an event without a required property: warn "
        "(landed and reported), or quarantine.",
    )
    wrong_types: WrongTypePolicy = Field(
        default="quarantine",
        description="What happens to an event with a property that cannot be read as "
        "its declared type: quarantine, or warn (landed and reported). A text that "
        "reads as the type is no wrong type; where the plan says string, nothing is.",
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
        examples=[30],
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
    reporting_currency: CurrencyCode | None = Field(
        default=None,
        description="Currency of the figures: revenue in other currencies is "
        "converted by the rates of exchange_rates.csv. None: no amount is converted.",
        examples=["EUR"],
    )
    countries: Literal["iso", "as_sent"] = Field(
        default="iso",
        description="iso: names and codes of countries and their regions become ISO "
        "3166 codes (DE, US-CA) where they are known. as_sent: they stay as they are.",
    )
    personal: PersonalFields = Field(
        default_factory=dict,
        description="Columns and properties of all events that hold personal data, "
        "and what is done with each: drop, hash, encrypt or keep. A name counts "
        "wherever it stands: as column, and at any depth of the properties; "
        "`$set.email` and `context.ip` mean that one place.",
    )
    ip_addresses: IpAddresses = Field(
        default="truncate",
        description="What happens to fields named as IP addresses are (ip, $ip, "
        "ip_address, ...): truncate (to /24, IPv6 to /48) or drop.",
    )
    consent: ConsentRules | None = Field(
        default=None, description="For what events may be used, as persons decided."
    )

    @model_validator(mode="after")
    def _ids_go_together(self) -> Self:
        check_ids_go_together(self.personal)
        return self
