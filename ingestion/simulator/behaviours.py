"""What persons do, as tables: flows of steps, and consequences.

A *flow* is a chain of event kinds inside a session, each reached with some
probability once the step before it has happened; so everything inside a flow is
causally sane by construction. A *consequence* is an event of the server that
follows another event after a delay. Subscriptions have a life of their own, in
`subscriptions`. Only tables belong here, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.kinds import KIND


@dataclass(frozen=True)
class Flow:
    """A chain of kinds inside a session.

    Attributes:
        steps: kind name and the probability of reaching it from the step before.
        anonymous, known: weights of choosing the flow before and after sign-up;
            a session's opening flow has no weight, its situation chooses it.
    """

    name: str
    steps: tuple[tuple[str, float], ...]
    anonymous: float = 0.0
    known: float = 0.0


def _checkout(purchase: float) -> tuple[tuple[str, float], ...]:
    return (
        ("course_viewed", 1.0),
        ("checkout_started", 0.35),
        ("experiment_exposed", 1.0),
        ("purchase_completed", purchase),
    )


PURCHASE_REACH = {"control": 0.45, "treatment": 0.55}
LOADED = (("page_viewed", 1.0), ("page_loaded", 0.97), ("api_called", 0.9))

FLOWS: tuple[Flow, ...] = (
    Flow("visit", LOADED),
    Flow("log_in", (("logged_in", 1.0), *LOADED)),
    Flow("sign_up", (*LOADED[:1], ("signed_up", 1.0))),
    Flow(
        "invited_sign_up",
        (*LOADED[:1], ("signed_up", 1.0), ("invite_accepted", 1.0)),
    ),
    Flow("browse", (*LOADED, ("page_viewed", 0.6), ("page_loaded", 0.97)), 40, 20),
    Flow("window_shop", (("course_viewed", 1.0), ("page_viewed", 0.4)), 14, 5),
    Flow("purchase", _checkout(PURCHASE_REACH["control"]), known=10),
    # Persons in treatment take this flow wherever they would take `purchase`.
    Flow("purchase_treated", _checkout(PURCHASE_REACH["treatment"])),
    Flow(
        "study",
        (
            ("course_started", 1.0),
            *(("lesson_completed", 0.88) for _ in range(5)),
            ("course_completed", 0.95),
        ),
        known=9,
    ),
    Flow(
        "video",
        (("video_uploaded", 1.0), ("video_analyzed", 0.95), ("videos_compared", 0.4)),
        known=6,
    ),
    Flow(
        "assess",
        (
            ("calculator_step_completed", 1.0),
            *(("calculator_step_completed", 0.84) for _ in range(4)),
            ("assessment_completed", 0.9),
            ("lead_submitted", 0.35),
        ),
        12,
        4,
    ),
    Flow("story", (("story_started", 1.0), ("story_completed", 0.6)), 9, 8),
    Flow("migrate", (("role_migrated", 1.0),), known=0.3),
    Flow("subscribe", (*LOADED, ("feature_used", 0.5)), known=2.5),
    Flow("invite", (("invite_sent", 1.0),), known=3),
    Flow("share", (("content_shared", 1.0),), 2, 3),
    Flow(
        "challenge",
        (
            ("challenge_joined", 1.0),
            ("challenge_completed", 0.45),
            ("achievement_unlocked", 0.6),
        ),
        known=3,
    ),
    Flow("survey", (("survey_answered", 1.0),), known=1),
    Flow("explore", (("feature_used", 1.0), *(("feature_used", 0.5),) * 3), 2, 9),
    Flow("fail", (("page_viewed", 1.0), ("error_raised", 1.0)), 1.2, 1.2),
)
FLOW = {flow.name: code for code, flow in enumerate(FLOWS)}


@dataclass(frozen=True)
class Consequence:
    """An event of the server that follows another event of a known person.

    Attributes:
        share: probability that it follows.
        delay_seconds: median of its lognormal delay, `spread` the sigma.
        template: for `email_sent`, which e-mail.
    """

    trigger: str
    result: str
    share: float
    delay_seconds: float
    spread: float = 0.5
    template: str | None = None


# In causal order: a result may trigger what stands below it.
CONSEQUENCES: tuple[Consequence, ...] = (
    Consequence("checkout_started", "payment_failed", 0.04, 30),
    Consequence("purchase_completed", "payment_succeeded", 1.0, 2),
    Consequence("purchase_completed", "refund_issued", 0.03, 5 * 86_400),
    Consequence("signed_up", "email_sent", 1.0, 4, template="welcome"),
    Consequence("purchase_completed", "email_sent", 1.0, 6, template="receipt"),
    Consequence("course_completed", "email_sent", 0.8, 90, template="certificate"),
    Consequence("subscription_renewed", "email_sent", 1.0, 60, template="renewal"),
    Consequence("email_sent", "email_delivered", 0.97, 3),
    Consequence("email_delivered", "email_opened", 0.38, 2 * 3_600, spread=1.2),
)


@dataclass(frozen=True)
class FlowTables:
    """The flows as arrays, a row per flow and a column per step.

    Attributes:
        kinds: kind code of each step, int16.
        survival: probability of reaching the step at all; 0 beyond the last.
        length: number of steps.
        anonymous, known: cumulative weights over flows, ending at 1.
    """

    kinds: NDArray[np.int16]
    survival: NDArray[np.float64]
    length: NDArray[np.int64]
    anonymous: NDArray[np.float64]
    known: NDArray[np.float64]


def flow_tables() -> FlowTables:
    """Compile `FLOWS` to arrays."""
    length = np.array([len(flow.steps) for flow in FLOWS])
    kinds = np.zeros((len(FLOWS), length.max()), dtype=np.int16)
    survival = np.zeros(kinds.shape)
    for row, flow in enumerate(FLOWS):
        kinds[row, : length[row]] = [KIND[name] for name, _ in flow.steps]
        survival[row, : length[row]] = np.cumprod([reach for _, reach in flow.steps])
    return FlowTables(
        kinds=kinds,
        survival=survival,
        length=length,
        anonymous=_cumulative([flow.anonymous for flow in FLOWS]),
        known=_cumulative([flow.known for flow in FLOWS]),
    )


def _cumulative(weights: list[float]) -> NDArray[np.float64]:
    total = np.cumsum(weights, dtype=np.float64)
    # The last is exactly 1, above every draw.
    share: NDArray[np.float64] = total / total[-1]
    return share
