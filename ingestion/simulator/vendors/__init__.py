"""The formats of vendors that the simulator can write, by name.

Belongs here: the registry. Not here: the contract (`format`), any vendor's fields (one
module each). The product's own format is not among them: `rendering` writes it.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.amplitude import AMPLITUDE
from ingestion.simulator.vendors.format import VendorFormat
from ingestion.simulator.vendors.ga4 import GA4
from ingestion.simulator.vendors.mixpanel import MIXPANEL
from ingestion.simulator.vendors.posthog import POSTHOG
from ingestion.simulator.vendors.rudderstack import RUDDERSTACK
from ingestion.simulator.vendors.segment import SEGMENT
from ingestion.simulator.vendors.snowplow import SNOWPLOW

NATIVE: Final = "native"
VENDORS: Final[dict[str, VendorFormat]] = {
    "amplitude": AMPLITUDE,
    "ga4": GA4,
    "mixpanel": MIXPANEL,
    "posthog": POSTHOG,
    "rudderstack": RUDDERSTACK,
    "segment": SEGMENT,
    "snowplow": SNOWPLOW,
}

__all__ = ["NATIVE", "VENDORS", "VendorFormat"]
