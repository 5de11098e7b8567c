"""How often and after how long something is tried again. Pure: the clock and chance come from the caller."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass

AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that another try may mend. 401, 403 and 404 never do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`tries` in all; in seconds the `first` pause, doubled each time up to `longest`, and the `patience`
    with what a Retry-After asks for.
    """

    tries: int = 5
    first: float = 0.5
    longest: float = 20.0
    patience: float = 120.0

    def pause(self, failed: int, chance: float) -> float:
        """Seconds before the next try after `failed` failures; `chance` in [0, 1) spreads clients out.

        Between half of the exponential step and all of it.
        """
        step = min(self.first * 2.0 ** (failed - 1), self.longest)
        return step * (0.5 + chance / 2)


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (seconds, or a date); None when it makes no sense.

    `now` is in seconds since 1970.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
