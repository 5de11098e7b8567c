"""Before anything moves: what an image in a registry is, and whether this machine runs it → `Judged`.

Asks the registry for the manifest and the config, and this machine for its driver and GPUs.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.errors import PreflightRefused
from envbuild.events import Notice
from envbuild.fits import Fit
from envbuild.gpu.verdict import preflight_any
from envbuild.lock.needs import needs_of_lock
from envbuild.registry.platforms import platform_text
from envbuild.remote.look import needs_said
from envbuild.reproduce.model import Judged
from envbuild.reproduce.steps import step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.engine.engine import Engine
    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock
    from envbuild.names import Reference
    from envbuild.outcomes import Request
    from envbuild.registry.client import RegistryClient


def judge(
    request: Request, client: RegistryClient, reference: Reference, accept: Sequence[str] = ()
) -> Judged:
    """What `reference` is for the request's platform. Raises RegistryError; PreflightRefused when this
    machine cannot run it.
    """
    with step(request.sink, "judge", "pull", f"look at {reference}") as running:
        judged = _judged(request, client, reference, accept)
        hint = f"see what it needs: envbuild inspect {reference}"
        refuse(judged.fit, f"{reference}: was not pulled", hint)
        running.detail = _summary(judged)
    tell_limits(request, judged.fit)
    return judged


def _judged(request: Request, client: RegistryClient, reference: Reference, accept: Sequence[str]) -> Judged:
    manifest = client.resolve(reference, request.platform)
    config = client.config(reference, manifest)
    labels, env = said(config)
    return Judged(
        reference=reference,
        manifest=manifest,
        platform=platform_text(config) or request.platform,
        labels=labels,
        env=env,
        fit=fit_of(request, str(reference), labels, env, accept),
        config=config,
    )


def said(config: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Labels and environment in an image's config, which may hold anything. Pure."""
    inside = config.get("config")
    inside = inside if isinstance(inside, dict) else {}
    labels, env = inside.get("Labels"), inside.get("Env")
    texts = labels.items() if isinstance(labels, dict) else ()
    return (
        {key: value for key, value in texts if isinstance(value, str)},
        tuple(item for item in env if isinstance(item, str)) if isinstance(env, list) else (),
    )


def fit_of(
    request: Request,
    target: str,
    labels: Mapping[str, str],
    env: Sequence[str],
    accept: Sequence[str] = (),
) -> Fit | None:
    """Whether this machine runs an image that says so of itself; None where the engine is on another one."""
    return _fit(request, target, needs_said(labels, env), "the image's labels", accept)


def _fit(request: Request, target: str, needs: GpuNeeds, judged_by: str, accept: Sequence[str]) -> Fit | None:
    from envbuild.engine.discover import find_endpoint
    from envbuild.host.read import read_host

    if not find_endpoint(request.engine or request.site.engine, os.environ).url.startswith("unix:"):
        return None
    needs = replace(needs, accepted=tuple(dict.fromkeys((*needs.accepted, *accept))))
    host = read_host(os.environ)
    verdict = preflight_any((needs,), host)
    return Fit(target=target, judged_by=judged_by, needs=(needs,), host=host, verdict=verdict)


def lock_fit(request: Request, lock: Lock, target: str, accept: Sequence[str]) -> Fit | None:
    """Whether this machine runs what `lock` locks. Raises PreflightRefused if it cannot."""
    fit = _fit(request, target, needs_of_lock(lock), "its lock", accept)
    refuse(fit, f"{target}: was not reproduced", f"see what it needs: envbuild preflight {target}")
    return fit


def refuse(fit: Fit | None, what: str, hint: str, *, accept: bool = True) -> None:
    """Raise PreflightRefused for what this machine cannot run. `what` was not done, as half a sentence.

    accept  whether the command knows `--accept`, which the hint then names
    """
    if fit is None or fit.verdict.verdict != "refused":
        return
    refused = [reason for reason in fit.verdict.reasons if reason.level == "refused"]
    if accept:
        rules = dict.fromkeys(reason.rule for reason in refused)
        hint += f"\ngo on all the same: {' '.join(f'--accept {rule}' for rule in rules)}"
    raise PreflightRefused(
        f"{what}, for this machine cannot run it: {'; '.join(reason.text for reason in refused)}", hint=hint
    )


def tell_limits(request: Request, fit: Fit | None) -> None:
    """Say what an image that may run here will not have, or what nobody can tell of it."""
    if fit is None:
        text = "the engine is on another machine: whether that one can run the image was not looked at"
        request.sink(Notice(level="warning", text=text))
        return
    verdict = fit.verdict
    if verdict.verdict in {"limits", "unknown"}:
        level: Any = "warning" if verdict.verdict == "limits" else "info"
        for reason in verdict.reasons:
            if reason.level == verdict.verdict:
                request.sink(Notice(level=level, text=f"preflight: {verdict.verdict}: {reason.text}"))


def tell_room(request: Request, engine: Engine, size: int, where: str) -> None:
    """Warn of a disk that may be too small for layers of `size` bytes: how many of them the engine has, only
    the transfer tells.

    where  in which state the layers have that size, in words
    """
    free = engine.info.disk_free
    if free is not None and free < size:
        text = (
            f"the engine's disk ({engine.info.root}) has {free / 1e6:.0f} MB left, and the layers have"
            f" {size / 1e6:.0f} MB {where}: it holds out only if the engine has most of them"
        )
        request.sink(Notice(level="warning", text=text))


def _summary(judged: Judged) -> str:
    layers = len(judged.manifest.layers)
    told = "this machine was not looked at" if judged.fit is None else judged.fit.verdict.verdict
    return f"{judged.size / 1e6:.1f} MB in {layers} layer{'' if layers == 1 else 's'}; preflight: {told}"
