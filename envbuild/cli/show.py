"""Outcomes that several commands print: images and smoke reports, to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.cli.output import emit, emit_json, emit_table
from envbuild.cli.summaries import SMOKE_HEADERS, SMOKE_RIGHT, image_data, image_lines, next_lines
from envbuild.smoke import report as forms

if TYPE_CHECKING:
    from envbuild.outcomes import ImageOutcome
    from envbuild.smoke.model import SmokeReport


def show_image(outcome: ImageOutcome, *, as_json: bool, quiet: bool) -> None:
    """Print what `image` made: one JSON document, its name (`quiet`), or a summary with what to try."""
    if as_json:
        emit_json(image_data(outcome))
        return
    if quiet:
        emit(outcome.references[0])
        return
    for line in image_lines(outcome):
        emit(line)
    if outcome.report is not None:
        emit()
        show_report(outcome.report, as_json=False, quiet=False)
    emit()
    for line in next_lines(outcome):
        emit(line)


def show_failure(report: SmokeReport | None, *, as_json: bool) -> None:
    """Print the report of an image that did not pass: its JSON has `smoke` only."""
    if report is None:
        return
    if as_json:
        emit_json({"smoke": forms.to_json(report)})
    else:
        show_report(report, as_json=False, quiet=False)


def show_report(report: SmokeReport, *, as_json: bool, quiet: bool) -> None:
    """Print a smoke report: one JSON document, nothing (`quiet`), or a table and failed output."""
    if as_json:
        emit_json(forms.to_json(report))
    if as_json or quiet:
        return
    if report.results:
        emit_table(SMOKE_HEADERS, forms.rows(report), SMOKE_RIGHT)
    for result in report.results:
        if result.output:
            emit(f"output of {result.name}:")
            for line in result.output:
                emit(f"  | {line}")
    if report.gpu:
        emit(f"GPU asked for by {report.gpu}")
    emit(f"smoke: {forms.summary(report)}")
