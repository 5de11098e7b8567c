"""A `SmokeReport` → JSON and table rows for whoever prints them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envbuild.smoke.model import SmokeReport

FORMAT = 1
"""Version of the JSON form: raised when a field changes its meaning or goes."""


def to_json(report: SmokeReport) -> dict[str, Any]:
    """The report as plain data; times in seconds."""
    return {
        "format": FORMAT,
        "image": report.image_id,
        "engine": report.engine,
        "gpu": report.gpu,
        "passed": report.passed,
        "missing_gpu": report.missing_gpu,
        "seconds": round(report.seconds, 3),
        "counts": {status: report.count(status) for status in ("passed", "failed", "not run")},
        "checks": [
            {
                "name": result.name,
                "kind": result.kind,
                "status": result.status,
                "required": result.required,
                "seconds": round(result.seconds, 3),
                "detail": result.detail,
                "output": list(result.output),
                "path": result.path,
                "line": result.line,
            }
            for result in report.results
        ],
    }


def rows(report: SmokeReport) -> tuple[tuple[str, str, str, str], ...]:
    """(status, check, time, detail) of each check, for a table."""
    return tuple(
        (
            result.status,
            result.name,
            "" if result.status == "not run" else f"{result.seconds:.1f} s",
            f"{result.detail} (required)"
            if result.required and result.status == "not run"
            else result.detail,
        )
        for result in report.results
    )


def summary(report: SmokeReport) -> str:
    """One line: `5 passed, 1 not run in 3.2 s`; what did not happen is left out."""
    if not report.results:
        return "no checks"
    counts = [(report.count(status), status) for status in ("passed", "failed", "not run")]
    parts = ", ".join(f"{count} {status}" for count, status in counts if count)
    return f"{parts} in {report.seconds:.1f} s"
