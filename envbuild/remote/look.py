"""The verb: a reference → `RemoteImage`. Asks for a manifest, a config, a tiny layer and small artifacts.

Layers with packages in them are never touched. Raises RegistryError when there is no such image to look at;
whatever else is amiss is said in `doubts`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.errors import RegistryError
from envbuild.gpu.data import NEEDS
from envbuild.gpu.labels import needs_of_image
from envbuild.gpu.model import GpuNeeds
from envbuild.gpu.needs import doubt
from envbuild.gpu.summary import gpu_table
from envbuild.lock.needs import needs_of_lock
from envbuild.registry.platforms import platform_text
from envbuild.remote.attached import attached_to
from envbuild.remote.contained import contained
from envbuild.remote.history import entries_of, metadata_at, steps_of
from envbuild.remote.model import Contained, RemoteBase, RemoteImage, RemoteLayer, Step
from envbuild.remote.tiny import LARGEST_LAYER, files_in
from envbuild.remote.unpack import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.lock.model import Lock
    from envbuild.names import Reference
    from envbuild.registry.client import RegistryClient
    from envbuild.registry.model import Manifest
    from envbuild.remote.history import Entry

_OCI = "org.opencontainers.image"
_OWN = "dev.envbuild"
_MOST_LAYERS = 1000


def look(
    client: RegistryClient, reference: Reference, platform: str, *, attachments: bool = True
) -> RemoteImage:
    """What the image for `platform` under `reference` says of itself; "" takes the only platform there is.

    attachments  whether to ask for what belongs to it (smoke report, SBOM, lock) as well
    """
    manifest = client.resolve(reference, platform)
    if len(manifest.layers) > _MOST_LAYERS:
        raise RegistryError(
            f"{reference}: its manifest names {len(manifest.layers)} layers, more than any engine takes",
            trouble="unsupported",
        )
    pinned = replace(reference, tag="", digest=manifest.digest)
    config = client.config(reference, manifest)
    inside = _mapping(config.get("config"))
    labels, env = _texts(inside.get("Labels")), _strings(inside.get("Env"))
    entries = entries_of(config)
    held = _contained(client, pinned, manifest, entries, labels)
    layers, doubts = _layers(manifest, config, entries, lock=held.lock, base=_base(labels).name)
    attached, smoke, more = attached_to(client, pinned) if attachments else ((), None, ())
    values = dict(item.split("=", 1) for item in env if "=" in item)
    return RemoteImage(
        reference=str(reference),
        digest=manifest.digest,
        config=manifest.config.digest,
        index=manifest.index,
        media_type=manifest.media_type,
        platform=platform_text(config),
        created=_text(config.get("created")),
        made_by=labels.get(f"{_OWN}.version", ""),
        python=labels.get(f"{_OWN}.python") or values.get("PYTHON_VERSION", ""),
        cuda=labels.get(f"{_OWN}.cuda") or values.get("CUDA_VERSION", ""),
        labels=labels,
        env=env,
        user=_text(inside.get("User")),
        workdir=_text(inside.get("WorkingDir")),
        entrypoint=_strings(inside.get("Entrypoint")),
        cmd=_strings(inside.get("Cmd")),
        layers=layers,
        base=_base(labels),
        needs=needs_said(labels, env, held.lock),
        contained=held,
        smoke=smoke,
        attached=attached,
        doubts=(*held.doubts, *doubts, *more),
    )


def needs_said(labels: Mapping[str, str], env: Sequence[str], lock: Lock | None = None) -> GpuNeeds:
    """What an image needs of a GPU machine: by its labels, else by its lock, else by its environment. Pure.

    What makes no sense is a doubt.
    """
    try:
        needs = needs_of_lock(lock) if lock and NEEDS not in labels else needs_of_image(labels, env)
        gpu_table(needs)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError):
        text = "what its labels say of GPUs makes no sense"
        return GpuNeeds(doubts=(doubt("package-unknown", text, "the image's labels"),))
    return needs


def _contained(
    client: RegistryClient,
    pinned: Reference,
    manifest: Manifest,
    entries: Sequence[Entry],
    labels: Mapping[str, str],
) -> Contained:
    if f"{_OWN}.name" not in labels:
        return Contained()
    number = _tiny_layer(manifest, entries)
    layer = manifest.layers[number] if manifest.layers else None
    if layer is None or layer.size > LARGEST_LAYER:
        size = f" has {layer.size} bytes, and" if layer else ""
        return Contained(
            doubts=(f"spec and lock were not read: the layer that should hold them{size} is none of ours",)
        )
    try:
        data = client.read_blob(pinned, layer, LARGEST_LAYER)
        files = files_in(data)
    except RegistryError as error:
        if error.trouble in {"wrong", "unreachable", "busy", "login", "denied"}:
            raise
        return Contained(doubts=(f"spec and lock were not read: {error.message}",))
    except Unreadable as error:
        return Contained(doubts=(f"spec and lock were not read: their layer {error}",))
    return contained(files, labels)


def _tiny_layer(manifest: Manifest, entries: Sequence[Entry]) -> int:
    """Which layer holds spec and lock: the one that the history tells of, else the last."""
    at = metadata_at(entries)
    filled = [number for number, entry in enumerate(entries) if not entry.empty]
    if at in filled and len(filled) == len(manifest.layers):
        return filled.index(at)
    return len(manifest.layers) - 1


def _layers(
    manifest: Manifest,
    config: Mapping[str, Any],
    entries: Sequence[Entry],
    *,
    lock: Lock | None,
    base: str,
) -> tuple[tuple[RemoteLayer, ...], tuple[str, ...]]:
    steps = [step for step in steps_of(entries, base=base, lock=lock) if not step.empty]
    doubts = []
    if len(steps) != len(manifest.layers):
        doubts.append(
            f"what its layers hold is not told: its history has {len(steps)} steps with content,"
            f" and it has {len(manifest.layers)} layers"
        )
        steps = [Step(kind="other", what="")] * len(manifest.layers)
    added = sum(step.kind == "added" for step in steps)
    if added:
        doubts.append(
            f"{added} of its layers were put on top of what envbuild made: no lock tells what is in them"
        )
    diff_ids = _strings(_mapping(config.get("rootfs")).get("diff_ids"))
    known = diff_ids if len(diff_ids) == len(manifest.layers) else ("",) * len(manifest.layers)
    return (
        tuple(
            RemoteLayer(
                digest=layer.digest, size=layer.size, media_type=layer.media_type, diff_id=diff_id, step=step
            )
            for layer, diff_id, step in zip(manifest.layers, known, steps, strict=True)
        ),
        tuple(doubts),
    )


def _base(labels: Mapping[str, str]) -> RemoteBase:
    pinned = labels.get(f"{_OWN}.base.pinned", "")
    return RemoteBase(
        name=labels.get(f"{_OCI}.base.name") or labels.get(f"{_OWN}.base", ""),
        digest=labels.get(f"{_OCI}.base.digest", ""),
        pinned={"true": True, "false": False}.get(pinned),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {key: item for key, item in _mapping(value).items() if isinstance(item, str)}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
