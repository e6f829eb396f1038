"""Named presets: several parameters set at once to what another product does.

What a definition says itself comes first. Each preset holds only where that product
differs from the defaults here; the sources are beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

Preset = Literal["daybreak", "posthog", "mixpanel", "amplitude", "ga4"]
Presets = Mapping[str, Mapping[str, Any]]

PRESET_MEANING: Final = (
    "Sets several parameters to what another product does; what is declared here comes "
    "first."
)

# Breakdowns take `attribution`, `step` and `limit` from `breakdown`.
FUNNEL_PRESETS: Final[Presets] = {
    "daybreak": {},
    # https://posthog.com/docs/product-analytics/funnels
    "posthog": {"range_applies_to": "all_events"},
    # https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced: without
    # "optimized re-entry" the first entry decides; "first step defined".
    "mixpanel": {"entry_mode": "first"},
    # https://amplitude.com/docs/analytics/charts/funnel-analysis: grouped by the
    # property of the first step; simultaneous events count in either order.
    "amplitude": {"breakdown": {"attribution": "step", "step": 1}},
    # https://support.google.com/analytics/answer/9327974: a closed funnel over the
    # events of the date range, broken down by the first step into five rows.
    "ga4": {
        "range_applies_to": "all_events",
        "breakdown": {"attribution": "step", "step": 1, "limit": 5},
    },
}

RETENTION_PRESETS: Final[Presets] = {
    "daybreak": {},
    # https://posthog.com/docs/product-analytics/retention: days, weeks from Sunday.
    "posthog": {"period": "day", "week_start": "sunday"},
    # https://docs.mixpanel.com/reference/retention-query: `birth`, intervals of 24
    # hours from the event itself.
    "mixpanel": {"period": "day", "clock": "rolling"},
    # https://amplitude.com/docs/analytics/charts/retention-analysis/
    # retention-analysis-time: 24-hour windows from the hour of the start, a window for
    # each start.
    "amplitude": {
        "period": "day",
        "entry": "recurring",
        "clock": "rolling_from_hour",
    },
    # https://support.google.com/analytics/answer/9670133: by the day of the first
    # touch; weeks from Sunday to Saturday.
    "ga4": {"period": "day", "entry": "first_ever", "week_start": "sunday"},
}


def preset_of(definition: Mapping[str, Any], presets: Presets) -> Mapping[str, Any]:
    """Return what the preset that a definition names sets, if it names a known one."""
    return presets.get(str(definition.get("semantics")), {})
