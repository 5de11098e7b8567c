"""What `push` did → lines for people, data for programs; and both to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.cli.output import emit, emit_json, human_seconds
from envbuild.cli.show import show_report
from envbuild.cli.summaries import image_data, image_lines
from envbuild.engine.push import counted
from envbuild.registry import kinds
from envbuild.smoke import report as forms

if TYPE_CHECKING:
    from envbuild.outcomes import ImageOutcome
    from envbuild.publish.model import Arrived, Published


def show_published(published: Published, *, as_json: bool, quiet: bool) -> None:
    """Print what was pushed: one JSON document, the images by digest (`quiet`), or a summary."""
    if as_json:
        emit_json(published_data(published))
        return
    if quiet:
        for arrived in published.arrived:
            emit(arrived.pinned)
        return
    for line in published_lines(published):
        emit(line)


def show_both(outcome: ImageOutcome, published: Published, *, as_json: bool, quiet: bool) -> None:
    """What `image --push` prints: of the image and of the push, as one document, or one after the other."""
    if as_json:
        emit_json(image_data(outcome) | {"push": published_data(published)})
        return
    if not quiet:
        for line in image_lines(outcome):
            emit(line)
        emit()
        if outcome.report is not None:
            show_report(outcome.report, as_json=False, quiet=False)
            emit()
    show_published(published, as_json=False, quiet=quiet)


def published_lines(published: Published) -> list[str]:
    """A paragraph for each repository, then what holds for all, and commands to try next."""
    lines: list[str] = []
    for arrived in published.arrived:
        lines += _arrived_lines(arrived)
    smoke = "not run (--no-smoke)" if published.report is None else forms.summary(published.report)
    lines += [f"smoke: {smoke}", f"time: {human_seconds(published.seconds)}", ""]
    first = published.arrived[0].destination.references[0]
    return [
        *lines,
        "next:",
        f"  envbuild inspect {first}      what is in it, from the registry alone",
        f"  envbuild reproduce {first}    on another machine: the same environment, tested there",
    ]


def _arrived_lines(arrived: Arrived) -> list[str]:
    first, *others = arrived.destination.references
    lines = [f"{first}: {'nothing to do, it is there' if arrived.up_to_date else 'pushed'}"]
    if others:
        lines.append(f"  also     {', '.join(str(reference) for reference in others)}")
    lines.append(f"  digest   {arrived.digest}")
    if arrived.pushed and (layers := counted(arrived.pushed)):
        lines.append(f"  layers   {layers}")
    elif arrived.pushed is None and not arrived.up_to_date:
        lines.append("  layers   all already there")
    new = [kinds.WORDS[item.artifact_type] for item in arrived.attached if item.new]
    old = [kinds.WORDS[item.artifact_type] for item in arrived.attached if not item.new]
    there = f"{', '.join(old)} already there" if old else ""
    lines.append(f"  attached {'; '.join(part for part in (', '.join(new), there) if part)}")
    if arrived.left:
        lines.append(f"  left     the tag {arrived.left}, for this registry deletes nothing")
    return lines


def published_data(published: Published) -> dict[str, Any]:
    """The outcome of `push` for programs; sizes in bytes as the engine counts them, times in seconds."""
    report = published.report
    return {
        "name": published.name,
        "id": published.image_id,
        "repositories": [_arrived_data(arrived) for arrived in published.arrived],
        "smoke": {"run": False, "why": "--no-smoke"} if report is None else forms.to_json(report),
        "seconds": round(published.seconds, 3),
    }


def _arrived_data(arrived: Arrived) -> dict[str, Any]:
    pushed = arrived.pushed
    return {
        "repository": arrived.destination.name,
        "references": [str(reference) for reference in arrived.destination.references],
        "digest": arrived.digest,
        "pinned": arrived.pinned,
        "up_to_date": arrived.up_to_date,
        "layers": None
        if pushed is None
        else {
            "sent": pushed.sent,
            "mounted": pushed.mounted,
            "there": pushed.there,
            "bytes": pushed.size,
        },
        "set_tags": list(arrived.set_tags),
        "attached": [
            {"type": item.artifact_type, "digest": item.digest, "new": item.new} for item in arrived.attached
        ],
        "left_tag": arrived.left or None,
    }
