"""What `pull`, `reproduce`, `save` and `load` did → lines for people, data for programs; prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.cli.output import emit, emit_json, human_seconds, human_size
from envbuild.cli.show import show_report
from envbuild.registry import kinds
from envbuild.smoke.report import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.archive.model import Artifact, Saved
    from envbuild.reproduce.model import Finding, Loaded, Pulled, Reproduced
    from envbuild.smoke.model import SmokeReport

_HOW = {
    "pulled": "pulled from its registry",
    "there": "the engine had it",
    "rebuilt": "made anew from its lock",
}
_UP_TO_DATE = "nothing to do, it is here and has passed"


def show_pulled(pulled: Pulled, *, as_json: bool, quiet: bool) -> None:
    """Print what `pull` did: one JSON document, the image's name (`quiet`), or a summary."""
    if as_json:
        emit_json(pulled_data(pulled))
        return
    name = _name(pulled.names, pulled.reference)
    if quiet:
        emit(name)
        return
    emit(f"{name}: {_UP_TO_DATE if pulled.up_to_date else 'pulled'}")
    for line in _pulled_lines(pulled):
        emit(line)
    _show_smoke(pulled.report)
    for line in _next_lines(name):
        emit(line)


def show_reproduced(found: Reproduced, *, as_json: bool, quiet: bool) -> None:
    """Print what `reproduce` did; how like the original it is comes last."""
    if as_json:
        emit_json(reproduced_data(found))
        return
    name = _name(found.names, found.target)
    if quiet:
        emit(name)
        return
    done = found.pulled is not None and found.pulled.up_to_date
    emit(f"{name}: {_UP_TO_DATE if done else _HOW[found.how]}")
    if found.pulled:
        for line in _pulled_lines(found.pulled):
            emit(line)
    else:
        for line in _image_lines(found.names, found.size, found.layers, found.image_id, found.engine):
            emit(line)
    emit(f"  time     {human_seconds(found.seconds)}")
    _show_smoke(found.report)
    for line in _next_lines(name):
        emit(line)
    emit()
    for line in finding_lines(found.finding):
        emit(line)


def finding_lines(finding: Finding) -> Iterator[str]:
    """What differs, a line each; then the verdict."""
    yield from (f"  {difference}" for difference in finding.differences)
    to = "from" if finding.verdict == "different" else "to"
    yield f"{finding.verdict} {to} {finding.compared_with}: {finding.why}"


def show_saved(saved: Saved, *, as_json: bool, quiet: bool) -> None:
    """Print what `save` wrote."""
    if as_json:
        emit_json(saved_data(saved))
        return
    if quiet:
        emit(str(saved.path))
        return
    layers = sum(layer.size for layer in saved.layers)
    emit(f"{saved.path}: {human_size(saved.size)}")
    emit(f"  image    {', '.join(saved.names) or saved.image_id}")
    emit(f"  digest   {saved.digest}")
    emit(f"  layers   {len(saved.layers)}, {human_size(layers)}")
    emit(f"  with     {_attached(saved.artifacts)}")
    emit(f"  time     {human_seconds(saved.seconds)}")
    emit()
    emit("next, on the other machine:")
    emit(f"  envbuild load {saved.path.name}")


def show_loaded(loaded: Loaded, *, as_json: bool, quiet: bool) -> None:
    """Print what `load` brought."""
    if as_json:
        emit_json(loaded_data(loaded))
        return
    name = _name(loaded.names, loaded.image_id)
    if quiet:
        emit(name)
        return
    emit(f"{name}: {'the engine had it' if loaded.was_there else 'loaded'}")
    for line in _image_lines(loaded.names, loaded.size, loaded.layers, loaded.image_id, loaded.engine):
        emit(line)
    emit(f"  digest   {loaded.digest} in the file")
    emit(f"  lock     {loaded.lock or 'none: envbuild did not make it'}")
    emit(f"  with     {_attached(loaded.artifacts)}")
    if loaded.preflight:
        emit(f"  runs     preflight: {loaded.preflight}")
    for path in loaded.extracted:
        emit(f"  wrote    {path}")
    emit(f"  time     {human_seconds(loaded.seconds)}")
    for line in _next_lines(name):
        emit(line)


def pulled_data(pulled: Pulled) -> dict[str, Any]:
    """The outcome of `pull` for programs; sizes in bytes, times in seconds."""
    return {
        "reference": pulled.reference,
        "names": pulled.names,
        "digest": pulled.digest,
        "index": pulled.index,
        "id": pulled.image_id,
        "platform": pulled.platform,
        "size": pulled.size,
        "layers": pulled.layers,
        "transfer": pulled.transfer,
        "preflight": pulled.preflight,
        "lock": pulled.lock,
        "up_to_date": pulled.up_to_date,
        "moved": pulled.moved,
        "engine": pulled.engine,
        "seconds": round(pulled.seconds, 3),
        "smoke": _smoke(pulled.report),
    }


def reproduced_data(found: Reproduced) -> dict[str, Any]:
    """The outcome of `reproduce` for programs."""
    return {
        "verdict": found.finding.verdict,
        "compared_with": found.finding.compared_with,
        "why": found.finding.why,
        "differences": found.finding.differences,
        "how": found.how,
        "target": found.target,
        "names": found.names,
        "id": found.image_id,
        "digest": found.digest,
        "size": found.size,
        "layers": found.layers,
        "engine": found.engine,
        "seconds": round(found.seconds, 3),
        "smoke": _smoke(found.report),
        "pull": pulled_data(found.pulled) if found.pulled else None,
    }


def saved_data(saved: Saved) -> dict[str, Any]:
    """The outcome of `save` for programs."""
    return {
        "path": str(saved.path),
        "size": saved.size,
        "names": saved.names,
        "digest": saved.digest,
        "id": saved.image_id,
        "platform": saved.platform,
        "layers": [{"digest": layer.digest, "size": layer.size} for layer in saved.layers],
        "attached": [_artifact(row) for row in saved.artifacts],
        "seconds": round(saved.seconds, 3),
    }


def loaded_data(loaded: Loaded) -> dict[str, Any]:
    """The outcome of `load` for programs."""
    return {
        "path": str(loaded.path),
        "names": loaded.names,
        "digest": loaded.digest,
        "id": loaded.image_id,
        "platform": loaded.platform,
        "size": loaded.size,
        "layers": loaded.layers,
        "preflight": loaded.preflight,
        "lock": loaded.lock,
        "attached": [_artifact(row) for row in loaded.artifacts],
        "extracted": [str(path) for path in loaded.extracted],
        "was_there": loaded.was_there,
        "engine": loaded.engine,
        "seconds": round(loaded.seconds, 3),
    }


def _artifact(row: Artifact) -> dict[str, Any]:
    return {"type": row.kind, "title": row.title, "digest": row.digest, "size": row.size}


def _smoke(report: SmokeReport | None) -> dict[str, Any] | None:
    return None if report is None else to_json(report)


def _name(names: Sequence[str], or_else: str) -> str:
    return names[0] if names else or_else


def _pulled_lines(pulled: Pulled) -> Iterator[str]:
    yield from _image_lines(pulled.names, pulled.size, pulled.layers, pulled.image_id, pulled.engine)
    yield f"  digest   {pulled.digest}"
    yield f"  lock     {pulled.lock or 'none: envbuild did not make it'}"
    if pulled.preflight:
        yield f"  runs     preflight: {pulled.preflight}"


def _image_lines(names: Sequence[str], size: int, layers: int, image_id: str, engine: str) -> Iterator[str]:
    if len(names) > 1:
        yield f"  also     {', '.join(names[1:])}"
    yield f"  size     {human_size(size)} in {layers} layer{'' if layers == 1 else 's'}"
    yield f"  id       {image_id}"
    yield f"  engine   {engine}"


def _show_smoke(report: SmokeReport | None) -> None:
    emit()
    if report is None:
        emit("smoke: not run")
    else:
        show_report(report, as_json=False, quiet=False)


def _next_lines(name: str) -> list[str]:
    return [
        "",
        "next:",
        f"  docker run --rm -it {name}    enter the environment",
        f"  envbuild smoke {name}         run its smoke tests",
    ]


def _attached(artifacts: Sequence[Artifact]) -> str:
    words = [kinds.WORDS.get(row.kind) or row.title or row.kind for row in artifacts]
    return ", ".join(dict.fromkeys(words)) or "nothing beside the image"
