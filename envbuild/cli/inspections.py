"""What `inspect` found → lines for people, data for programs. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.cli.output import human_seconds, human_size, one_line, plain_data
from envbuild.cli.summaries import some_of
from envbuild.gpu.summary import architectures, drivers
from envbuild.registry.kinds import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock
    from envbuild.remote.model import RemoteImage, RemoteLayer, SmokeSaid, Step
    from envbuild.spec.model import Spec
    from envbuild.subjects import LockFile, SpecFile

FORMAT = 1
"""Version of the JSON form: raised when a field changes its meaning or goes."""
LAYER_HEADERS = ("#", "LAYER", "SIZE", "WHAT")
LAYER_RIGHT = frozenset({0, 2})
PACKAGE_HEADERS = ("KIND", "PACKAGE", "VERSION", "SIZE")
PACKAGE_RIGHT = frozenset({3})
_WIDTH = 100
_MAIN = 8  # packages that are named
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def image_lines(image: RemoteImage) -> Iterator[str]:
    """An image in a registry, the most important first."""
    yield f"{image.reference.partition('@')[0]}@{image.digest}"
    yield from _rows(_image_rows(image))


def _image_rows(image: RemoteImage) -> Iterator[tuple[str, str]]:
    lock = image.contained.lock
    made_by = f"envbuild {image.made_by}" if image.made_by else "something other than envbuild"
    yield "made by", f"{made_by}{', ' if image.created else ''}{_day(image.created)}"
    yield "platform", image.platform or "not told"
    base = image.base
    if base.name:
        yield "base", _base(base.name, base.digest, pinned=base.pinned)
    if lock:
        yield from _lock_rows(lock)
    elif image.python:
        yield "python", image.python
    yield from _gpu_rows(image.needs, image.cuda)
    yield "runs", _runs(image)
    yield "smoke", "; ".join(_smoke(image.smoke))
    yield "attached", _attached(image)
    yield "size", f"{human_size(image.size)} to pull, in {len(image.layers)} layers"


def lock_file_lines(found: LockFile | SpecFile, lock: Lock, needs: GpuNeeds) -> Iterator[str]:
    """A lock, or a spec by its lock: what its image will hold."""
    yield f"{found.name}: {'a lock' if found.name.endswith('.toml') else 'a spec'} of {lock.name}"
    rows = [("platform", lock.platform), ("base", _base(lock.base.reference, lock.base.digest or "",
                                                        pinned=lock.base.pinned))]  # fmt: skip
    rows += [*_lock_rows(lock), *_gpu_rows(needs, lock.cuda.get("version", ""))]
    spec = getattr(found, "spec", None)
    rows += _spec_rows(spec) if spec else ()
    rows.append(("image", "not looked at: name it to see its layers and smoke report"))
    yield from _rows(rows)


def _rows(rows: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, value in rows:
        yield f"  {name:<9}{one_line(value, 400)}".rstrip()


def _base(name: str, digest: str, *, pinned: bool | None) -> str:
    if digest and digest not in name:
        return f"{name}@{digest}"
    return f"{name} (not pinned)" if pinned is False else name


def _lock_rows(lock: Lock) -> Iterator[tuple[str, str]]:
    sources = {
        "base": "the base's own",
        "apt": "the distribution's own",
        "managed": "uv's build",
        "conda": "conda's",
    }
    yield "python", f"{lock.python.version}, {sources.get(lock.python.source, lock.python.source)}"
    counts = f"{len(lock.packages)} Python"
    if lock.conda:
        counts += f", {len(lock.conda)} conda"
    if lock.apt:
        counts += f", {len(lock.apt)} Debian"
    main = some_of(tuple(f"{name} {version}".rstrip() for name, version in main_packages(lock)))
    yield "packages", f"{counts}{': ' if main else ''}{main}"


def main_packages(lock: Lock) -> list[tuple[str, str]]:
    """(name, version) of the packages that the spec asks for; the largest ones where it names none."""
    versions = {package.name: package.version for package in lock.packages}
    wishes = lock.inputs.get("pip")
    asked = [_normal(wish) for wish in wishes if isinstance(wish, str)] if isinstance(wishes, list) else []
    names = [name for name in dict.fromkeys(asked) if name in versions]
    conda = [(row.name, row.version) for row in lock.conda if row.requested and row.name != "python"]
    if not names and not conda:
        by_size = sorted(lock.packages, key=lambda package: -(package.size or 0))
        names = [package.name for package in by_size[:_MAIN]]
    return [*conda, *((name, versions[name]) for name in names)]


def _normal(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _gpu_rows(needs: GpuNeeds, cuda: str) -> Iterator[tuple[str, str]]:
    if cuda:
        yield "cuda", cuda
    full, least = drivers(needs)
    if least and least != full:
        yield "driver", f"{least} or newer; {full or 'a newer one'} for all features"
    elif full:
        yield "driver", f"{full} or newer"
    found = architectures(needs)
    if found:
        yield "gpus", f"compiled for {found}"
    elif needs.uses:
        kernels = any(use.kernels for use in needs.uses)
        yield "gpus", "which ones it was compiled for is not known" if kernels else "CUDA alone, no kernels"
    elif not needs.doubts:
        yield "gpus", "needs none"
    for reason in needs.doubts:
        yield "gpus", reason.text


def _spec_rows(spec: Spec) -> Iterator[tuple[str, str]]:
    if spec.env:
        yield "env", some_of(tuple(name for name, _ in spec.env))
    for number, command in enumerate(spec.run):
        yield f"run[{number}]", one_line(" ".join(command.split()), _WIDTH)
    for number, item in enumerate(spec.copy):
        yield f"copy[{number}]", f"{item.source} → {item.target}"
    if spec.smoke.imports:
        yield "imports", some_of(spec.smoke.imports)


def _runs(image: RemoteImage) -> str:
    words = [*image.entrypoint, *image.cmd]
    command = " ".join(words) if words else "nothing by itself"
    return f"{one_line(command, _WIDTH)}, as {image.user or 'root'}, in {image.workdir or '/'}"


def _smoke(said: SmokeSaid | None) -> Iterator[str]:
    if said is None:
        yield "no report is attached"
        return
    if not said.run:
        yield f"left out{': ' if said.why else ''}{said.why}"
        return
    counts = ", ".join(f"{count} {status}" for status, count in said.counts.items() if count)
    verdict = {True: "passed", False: "failed", None: "not told"}[said.passed]
    seconds = f" in {human_seconds(said.seconds)}" if said.seconds is not None else ""
    when = f", {_day(said.created)}" if said.created else ""
    yield f"{verdict}{': ' if counts else ''}{counts}{seconds}{when}"
    yield from said.where
    if said.reports > 1:
        yield f"the newest of {said.reports} reports"


def _attached(image: RemoteImage) -> str:
    if image.attached is None:
        return "the registry does not tell"
    names = [WORDS.get(row.artifact_type, row.artifact_type or "something") for row in image.attached]
    return ", ".join(dict.fromkeys(names)) or "nothing"


def _day(created: str) -> str:
    """`2026-11-21T12:17:25.52Z` as people write it."""
    found = re.match(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", created)
    return f"{found[1]} {found[2]} UTC" if found and created.endswith("Z") else created[:40]


def layer_rows(layers: Sequence[RemoteLayer]) -> list[tuple[str, ...]]:
    """One row per layer: number, kind, size, what it holds."""
    return [
        (str(number), layer_name(layer.step), human_size(layer.size), layer_what(layer.step))
        for number, layer in enumerate(layers, 1)
    ]


def layer_name(step: Step) -> str:
    """`pip: rest`, `run[0]`, `base`; "?" for what nobody tells."""
    if step.index is not None:
        return f"{step.kind}[{step.index}]"
    return "?" if step.kind == "other" and not step.what else step.group


def layer_what(step: Step) -> str:
    """What a layer holds, in some words."""
    if step.words:
        return some_of(tuple(word.replace("==", " ") if step.kind == "pip" else word.partition("=")[0]
                             for word in step.words))  # fmt: skip
    return one_line(step.what, _WIDTH)


def package_rows(lock: Lock) -> list[tuple[str, ...]]:
    """Every package of a lock: kind, name, version, size of its file."""
    rows: list[tuple[str, ...]] = [
        ("apt", row.name, row.version, human_size(row.size) if row.size else "") for row in lock.apt
    ]
    rows += [
        ("conda", row.name, f"{row.version} {row.build}", human_size(row.size) if row.size else "")
        for row in lock.conda
    ]
    rows += [("pip", row.name, row.version, human_size(row.size)) for row in lock.packages]
    return rows


def image_data(image: RemoteImage) -> dict[str, Any]:
    """The JSON document of an image; sizes in bytes."""
    held = image.contained
    return {
        "format": FORMAT,
        "kind": "image",
        "reference": image.reference,
        "digest": image.digest,
        "index": image.index or None,
        "id": image.config,
        "media_type": image.media_type,
        "platform": image.platform,
        "created": image.created,
        "made_by": image.made_by or None,
        "size": image.size,
        "base": plain_data(image.base),
        "python": image.python,
        "cuda": image.cuda,
        "gpu": needs_data(image.needs),
        "labels": dict(image.labels),
        "env": list(image.env),
        "user": image.user,
        "workdir": image.workdir,
        "entrypoint": list(image.entrypoint),
        "cmd": list(image.cmd),
        "spec": held.spec_text or None,
        **lock_data(held.lock),
        "layers": [layer_data(layer) for layer in image.layers],
        "smoke": None if image.smoke is None else plain_data(image.smoke),
        "attached": None if image.attached is None else plain_data(image.attached),
        "doubts": list(image.doubts),
    }


def lock_file_data(found: LockFile | SpecFile, lock: Lock, needs: GpuNeeds) -> dict[str, Any]:
    """The JSON document of a lock, or of a spec by its lock."""
    spec = getattr(found, "spec", None)
    return {
        "format": FORMAT,
        "kind": "spec" if spec else "lock",
        "reference": found.name,
        "digest": lock.digest,
        "platform": lock.platform,
        "base": {"name": lock.base.reference, "digest": lock.base.digest or "", "pinned": lock.base.pinned},
        "python": lock.python.version,
        "cuda": lock.cuda.get("version", ""),
        "gpu": needs_data(needs),
        "spec": spec.source.text if spec else None,
        **lock_data(lock),
    }


def lock_data(lock: Lock | None) -> dict[str, Any]:
    """A lock's digest and packages, as fields; None where there is no lock."""
    if lock is None:
        return {"lock": None, "packages": None, "conda": None, "apt": None}
    return {
        "lock": lock.digest,
        "packages": plain_data(lock.packages),
        "conda": plain_data(lock.conda),
        "apt": plain_data(lock.apt),
    }


def needs_data(needs: GpuNeeds) -> dict[str, Any]:
    """What an image needs of a GPU machine."""
    full, least = drivers(needs)
    return {
        "driver": full,
        "least_driver": least,
        "architectures": architectures(needs),
        "cuda_compat": needs.compat,
        "uses": plain_data(needs.uses),
        "doubts": [reason.text for reason in needs.doubts],
    }


def layer_data(layer: RemoteLayer) -> dict[str, Any]:
    """A layer; its step's fields beside its own."""
    step = layer.step
    return {
        "digest": layer.digest,
        "size": layer.size,
        "media_type": layer.media_type,
        "diff_id": layer.diff_id,
        "kind": step.kind,
        "name": layer_name(step),
        "what": step.what,
        "packages": list(step.words),
    }
