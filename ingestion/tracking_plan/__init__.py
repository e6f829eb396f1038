"""The tracking plan at work: what it asks of landed events, and a first one from them.

`plan` says what landing has to ask, `verdict_sql` asks it, `inference` writes a plan
from events that have landed. Not here: how a plan is declared (`ingestion.catalog`).
"""

from __future__ import annotations

from ingestion.tracking_plan.plan import NO_PLAN, EventRule, TrackingPlan, plan_of

__all__ = ["NO_PLAN", "EventRule", "TrackingPlan", "plan_of"]
