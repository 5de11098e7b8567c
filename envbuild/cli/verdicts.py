"""A preflight's answer → lines for people, data for programs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.gpu.describe import host_line
from envbuild.gpu.summary import architectures, drivers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.fits import Fit

_SAID = {
    "ok": "it will run",
    "limits": "it works, with limits",
    "refused": "it cannot run",
    "unknown": "nobody can tell yet",
}


def verdict_lines(found: Fit) -> Iterator[str]:
    """What a person reads: what was asked, the verdict, then each reason with its source."""
    verdict = found.verdict
    yield f"{found.target} on {host_line(found.host)}, judged by {found.judged_by}"
    yield f"{verdict.verdict}: {_SAID[verdict.verdict]}"
    for reason in verdict.reasons:
        yield f"  {reason.level:<8}{reason.text}"
        yield f"          [{reason.rule}; {reason.source}]"
    said = " ".join(reason.text for reason in verdict.reasons)
    yield from (f"note: {note}" for note in found.host.notes if note not in said)


def verdict_data(found: Fit) -> dict[str, Any]:
    """The JSON document: `verdict` and `reasons` first; what was asked, and of what, behind them."""
    needs = found.needs[0]
    full, least = drivers(needs)
    return {
        "verdict": found.verdict.verdict,
        "reasons": found.verdict.reasons,
        "target": found.target,
        "judged_by": found.judged_by,
        "host": found.host,
        "needs": {
            "driver": full,
            "least_driver": least,
            "architectures": architectures(needs),
            "cuda_compat": needs.compat,
            "uses": needs.uses,
        },
    }
