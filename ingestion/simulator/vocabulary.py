"""The product's world as plain tables: places, clients, campaigns, prices.

Only constants belong here; each table's first column is a weight. Behaviours are
in `behaviours`.
"""

from __future__ import annotations

from dataclasses import dataclass

Row = dict[str, str | None]


@dataclass(frozen=True)
class Plan:
    """A subscription plan; `mrr_cents` is the fee normalised to a month."""

    name: str
    period: str
    mrr_cents: int
    billing_days: int
    level: int

    @property
    def billed_cents(self) -> int:
        """What one payment takes: a month's fee, or twelve for a year's plan."""
        return self.mrr_cents * (12 if self.period == "year" else 1)


PLANS: tuple[Plan, ...] = (
    Plan("starter", "month", 1900, 30, 0),
    Plan("pro", "month", 4900, 30, 1),
    Plan("team", "month", 12900, 30, 2),
    Plan("starter", "year", 1583, 365, 0),
    Plan("pro", "year", 4083, 365, 1),
    Plan("team", "year", 10750, 365, 2),
)
PLAN_WEIGHTS = (0.36, 0.24, 0.06, 0.18, 0.12, 0.04)

COURSE_COUNT = 60
COURSE_CATEGORIES = ("data", "design", "marketing", "leadership", "writing", "code")
COURSE_PLANS = ("single", "bundle", "lifetime")
COURSE_PLAN_PERCENT = (100, 220, 390)

ROLES = ("reader", "author", "educator", "parent")
JOBS = (
    "accountant",
    "analyst",
    "copywriter",
    "customer_support",
    "data_engineer",
    "designer",
    "developer",
    "marketer",
    "nurse",
    "paralegal",
    "teacher",
    "translator",
)
INDUSTRIES = (
    "education",
    "finance",
    "government",
    "healthcare",
    "legal",
    "manufacturing",
    "media",
    "retail",
    "software",
)
ENDPOINTS = (
    "/api/session",
    "/api/search",
    "/api/courses",
    "/api/recommendations",
    "/api/videos",
    "/api/profile",
    "/api/cart",
)
SLOW_ENDPOINT = "/api/recommendations"
PAGES = (
    "/",
    "/courses",
    "/pricing",
    "/stories",
    "/videos",
    "/calculator",
    "/blog",
    "/community",
    "/about",
    "/account",
)
FEATURES = (
    "search",
    "bookmarks",
    "notes",
    "dark_mode",
    "offline",
    "captions",
    "playlists",
    "export",
    "comments",
)
EMAIL_TEMPLATES = ("welcome", "receipt", "certificate", "renewal")

PLACES: tuple[tuple[float, Row], ...] = tuple(
    (weight, {"country": country, "region": region, "city": city})
    for weight, country, region, city in (
        (14, "US", "California", "San Francisco"),
        (12, "US", "New York", "New York"),
        (7, "US", "Texas", "Austin"),
        (6, "US", "Illinois", "Chicago"),
        (9, "GB", "England", "London"),
        (3, "GB", "Scotland", "Edinburgh"),
        (6, "DE", "Berlin", "Berlin"),
        (4, "DE", "Bayern", "München"),
        (6, "FR", "Île-de-France", "Paris"),
        (3, "ES", "Madrid", "Madrid"),
        (3, "IT", "Lombardia", "Milano"),
        (3, "NL", "Noord-Holland", "Amsterdam"),
        (8, "IN", "Karnataka", "Bengaluru"),
        (4, "IN", "Maharashtra", "Mumbai"),
        (5, "BR", "São Paulo", "São Paulo"),
        (3, "JP", "東京都", "東京"),
        (4, "CA", "Ontario", "Toronto"),
        (3, "AU", "New South Wales", "Sydney"),
        (2, "NG", "Lagos", "Lagos"),
        (2, "MX", "CDMX", "Ciudad de México"),
    )
)
UNKNOWN_PLACE: Row = {"country": None, "region": None, "city": None}

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_CHROME = f"{_WEBKIT} Chrome/141.0.0.0 Safari/537.36"
_IPHONE = "(iPhone; CPU iPhone OS 18_6 like Mac OS X)"
CLIENTS: tuple[tuple[float, Row], ...] = tuple(
    (
        weight,
        {
            "platform": platform,
            "device_type": device_type,
            "os": system,
            "browser": browser,
            "user_agent": agent,
        },
    )
    for weight, platform, device_type, system, browser, agent in (
        (24, "web", "desktop", "Windows", "Chrome",
         f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME}"),
        (6, "web", "desktop", "Windows", "Edge",
         f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Edg/141.0.0.0"),
        (4, "web", "desktop", "Windows", "Firefox",
         "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101"
         " Firefox/143.0"),
        (11, "web", "desktop", "macOS", "Safari",
         "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
         " (KHTML, like Gecko) Version/18.6 Safari/605.1.15"),
        (8, "web", "desktop", "macOS", "Chrome",
         f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME}"),
        (3, "web", "desktop", "Linux", "Firefox",
         "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"),
        (9, "web", "mobile", "iOS", "Safari",
         f"Mozilla/5.0 {_IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/18.6 Mobile/15E148 Safari/604.1"),
        (9, "web", "mobile", "Android", "Chrome",
         f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_WEBKIT} Chrome/141.0.0.0"
         " Mobile Safari/537.36"),
        (2, "web", "tablet", "iPadOS", "Safari",
         "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15"
         " (KHTML, like Gecko) Version/18.6 Safari/604.1"),
        (13, "ios", "mobile", "iOS", None, "Daybreak/2 CFNetwork/1568 Darwin/24.6"),
        (2, "ios", "tablet", "iPadOS", None, "Daybreak/2 CFNetwork/1568 Darwin/24.6"),
        (9, "android", "mobile", "Android", None, "Daybreak/2 okhttp/4.12 Android/15"),
    )
)  # fmt: skip
SERVER_CLIENT: Row = {
    "platform": "server",
    "device_type": None,
    "os": None,
    "browser": None,
    "user_agent": "daybreak-billing/1.8",
}
BOT_CLIENT: Row = {
    "platform": "web",
    "device_type": "desktop",
    "os": "Linux",
    "browser": "Chrome",
    "user_agent": "Mozilla/5.0 (compatible; GreedyBot/2.1; +https://bot.example/info)",
}
SERVER_CODE = len(CLIENTS)
BOT_CODE = len(CLIENTS) + 1

CAMPAIGNS: tuple[tuple[float, Row], ...] = tuple(
    (
        weight,
        {
            "referrer": referrer,
            "utm_source": source,
            "utm_medium": medium,
            "utm_campaign": campaign,
        },
    )
    for weight, referrer, source, medium, campaign in (
        (30, None, None, None, None),
        (22, "https://www.google.com/", None, None, None),
        (12, "https://www.google.com/", "google", "cpc", "brand"),
        (7, "https://www.google.com/", "google", "cpc", "learn_faster"),
        (6, "https://www.facebook.com/", "facebook", "paid_social", "new_year"),
        (4, "https://www.instagram.com/", "instagram", "paid_social", "stories"),
        (4, "https://www.linkedin.com/", "linkedin", "paid_social", "careers"),
        (5, "https://www.youtube.com/", "youtube", "video", "swing_analysis"),
        (4, None, "newsletter", "email", "weekly_digest"),
        (3, "https://partner.example/", "partner", "affiliate", "friends_of_daybreak"),
        (3, "https://t.co/", None, None, None),
        (0, None, "referral", "invite", "invite_a_friend"),
    )
)
DIRECT_CAMPAIGN = 0
REFERRAL_CAMPAIGN = len(CAMPAIGNS) - 1
