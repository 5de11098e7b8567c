"""Results of the pipeline → rows, lines and JSON-like data for people and programs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.cli.output import human_seconds, human_size, plain_data
from envbuild.lock.moved import moved
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CondaLayer,
    CopyLayer,
    EnvLayer,
    MetadataLayer,
    PipLayer,
    PythonLayer,
    RunLayer,
    UserLayer,
)

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lock.model import Lock
    from envbuild.outcomes import ImageOutcome, Locked
    from envbuild.plan.model import Layer, Plan
    from envbuild.render.model import BuildContext

PLAN_HEADERS = ("#", "LAYER", "WHAT", "SIZE", "WHY HERE")
PLAN_RIGHT = frozenset({0, 3})
SMOKE_HEADERS = ("RESULT", "CHECK", "TIME", "DETAIL")
SMOKE_RIGHT = frozenset({2})

_KINDS = {
    BaseLayer: "base",
    AptLayer: "apt",
    PythonLayer: "python",
    CondaLayer: "conda",
    PipLayer: "pip",
    UserLayer: "user",
    EnvLayer: "env",
    RunLayer: "run",
    CopyLayer: "copy",
    MetadataLayer: "metadata",
}
_TEXTS = (
    "lock_toml",
    "spec_text",
    "lock_text",
)  # whole files: `render` shows them, a plan only points at them
_NAMED = 4  # packages named in a row; the others are counted


def plan_rows(plan: Plan) -> list[tuple[str, ...]]:
    """One row per layer: number, layer, what, size, why."""
    return [
        (str(number), *_layer_name_and_content(layer), _layer_size(layer), layer.why)
        for number, layer in enumerate(plan.layers, 1)
    ]


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan without the texts of whole files."""
    layers = []
    for layer in plan.layers:
        fields = {name: value for name, value in plain_data(layer).items() if name not in _TEXTS}
        layers.append({"kind": _KINDS[type(layer)], **fields})
    return {
        "name": plan.name,
        "platform": plan.platform,
        "digest": plan.digest,
        "notes": list(plan.notes),
        "layers": layers,
    }


def _layer_name_and_content(layer: Layer) -> tuple[str, str]:
    match layer:
        case BaseLayer():
            return "base", layer.name + ("" if layer.pinned else " (not pinned)")
        case AptLayer():
            return "apt", some_of(tuple(package.partition("=")[0] for package in layer.packages))
        case PythonLayer():
            sources = {"base": "the base's own", "apt": "the distribution's own", "managed": "uv's build"}
            sources["conda"] = "a conda package"
            return "python", f"Python {layer.version}, {sources[layer.source]}"
        case CondaLayer():
            return f"conda: {layer.name}", some_of(layer.packages)
        case PipLayer():
            return f"pip: {layer.name}", some_of(layer.packages)
        case UserLayer():
            return "user", f"{layer.user} (uid {layer.uid}), {layer.workdir}"
        case EnvLayer():
            return "env", some_of(tuple(name for name, _ in layer.env))
        case RunLayer():
            return f"run[{layer.index}]", " ".join(layer.command.split())
        case CopyLayer():
            return f"copy[{layer.index}]", f"{layer.origin or layer.source} → {layer.target}"
        case MetadataLayer():
            return "metadata", "spec, lock, settings"


def _layer_size(layer: Layer) -> str:
    return human_size(layer.size) if isinstance(layer, AptLayer | CondaLayer | PipLayer) else ""


def some_of(names: tuple[str, ...]) -> str:
    """The first few of `names` and how many more there are."""
    if len(names) <= _NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def lock_lines(locked: Locked) -> list[str]:
    """What `lock` says: the file, whether it changed, what is in it, what made it stale, what moved."""
    how = "written" if locked.written else "up to date"
    lines = [f"{locked.path}: {how}: {_lock_content(locked.lock)}"]
    lines += [f"  {change}" for change in locked.changes]
    lines += [f"  locked: {line}" for line in moved(locked.previous, locked.lock)]
    return lines


def _lock_content(lock: Lock) -> str:
    parts = [
        f"Python {lock.python.version}",
        f"base {lock.base.reference}{'' if lock.base.pinned else ' (not pinned)'}",
    ]
    if lock.apt:
        parts.append(_count(len(lock.apt), "Debian package"))
    if lock.conda:
        parts.append(_count(len(lock.conda), "conda package"))
    if lock.packages or not lock.conda:
        parts.append(_count(len(lock.packages), "Python package"))
    return ", ".join([*parts, lock.platform])


def lock_data(locked: Locked) -> dict[str, Any]:
    """The outcome of `lock` for programs; the lock itself is the file at `path`."""
    lock = locked.lock
    return {
        "path": str(locked.path),
        "written": locked.written,
        "changes": list(locked.changes),
        "moved": list(moved(locked.previous, locked.lock)),
        "digest": lock.digest,
        "platform": lock.platform,
        "python": plain_data(lock.python),
        "base": plain_data(lock.base) | {"pinned": lock.base.pinned},
        "apt": plain_data(lock.apt),
        "conda": plain_data(lock.conda),
        "packages": plain_data(lock.packages),
    }


def context_data(context: BuildContext, folder: Path | None) -> dict[str, Any]:
    """The outcome of `render` for programs."""
    return {
        "folder": None if folder is None else str(folder),
        "digest": context.digest,
        "platform": context.platform,
        "files": sorted(context.files),
        "copies": {target: str(source) for target, source in sorted(context.copies.items())},
        "dockerfile": context.dockerfile,
    }


def image_data(outcome: ImageOutcome) -> dict[str, Any]:
    """The outcome of `image` for programs; sizes in bytes, times in seconds."""
    from envbuild.smoke.report import to_json

    return {
        "references": list(outcome.references),
        "id": outcome.image_id,
        "size": outcome.size,
        "layers": outcome.layers,
        "up_to_date": outcome.up_to_date,
        "seconds": round(outcome.seconds, 3),
        "engine": outcome.engine,
        "lock": outcome.lock_path,
        "smoke": None if outcome.report is None else to_json(outcome.report),
    }


def image_lines(outcome: ImageOutcome) -> list[str]:
    """Name, size and layers of an image, and whether it had to be made."""
    name = outcome.references[0]
    lines = [
        f"{name}: nothing to do, the image is up to date"
        if outcome.up_to_date
        else f"{name}: the image is ready"
    ]
    if len(outcome.references) > 1:
        lines.append(f"  also     {', '.join(outcome.references[1:])}")
    lines += [
        f"  size     {human_size(outcome.size)} in {_count(outcome.layers, 'layer')}",
        f"  id       {outcome.image_id}",
        f"  lock     {outcome.lock_path}",
        f"  engine   {outcome.engine}",
        f"  time     {human_seconds(outcome.seconds)}",
    ]
    return lines


def next_lines(outcome: ImageOutcome) -> list[str]:
    """Commands to try next."""
    name = outcome.references[0]
    return [
        "next:",
        f"  docker run --rm -it {name}          enter the environment",
        f"  docker run --rm {name} python -V    run one command in it",
        f"  envbuild smoke {name}               run the smoke tests again",
    ]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
