"""What a spec or an image needs of a GPU machine, and whether one gives it. Reads specs, locks and the host,
asks the engine.

A spec with a fresh lock is judged by the lock; without one by its own pins and the tables, with no network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import PreflightRefused, UsageError
from envbuild.gpu.labels import needs_of_image
from envbuild.gpu.verdict import preflight_any
from envbuild.lock.needs import MACHINES, needs_of_lock

if TYPE_CHECKING:
    from envbuild.gpu.model import GpuNeeds, Host, Verdict
    from envbuild.images import ImageInfo
    from envbuild.lock.model import Lock
    from envbuild.outcomes import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a machine can run something, and what the answer was made from.

    judged_by  `the spec's own pins`, `its lock`, `the lock`, `the image's labels`
    """

    target: str
    judged_by: str
    needs: tuple[GpuNeeds, ...]
    host: Host
    verdict: Verdict


def fit(request: Request, target: str, host: Host | None = None) -> Fit:
    """Whether `host` (this machine unless given) can run `target`, a spec file, a lock or an image.

    Raises SpecError, LockError, EngineError; UsageError when there is no such image.
    """
    needs, judged_by = _needs(request, target)
    if host is None:
        from envbuild.host.read import read_host

        host = read_host(os.environ)
    return Fit(target=target, judged_by=judged_by, needs=needs, host=host, verdict=preflight_any(needs, host))


def ensure_fits(found: Fit) -> None:
    """Raise PreflightRefused when the machine cannot run it; anything else may be tried."""
    if found.verdict.verdict == "refused":
        reasons = [reason.text for reason in found.verdict.reasons if reason.level == "refused"]
        raise PreflightRefused(
            f"{found.target}: this machine cannot run it: {'; '.join(reasons)}",
            hint=f"see why: envbuild preflight {found.target}\n"
            "if you know better, name the rule under `accept:` in the spec",
        )


def held_back(request: Request, lock: Lock) -> str:
    """Why GPU checks of `lock`'s image need not be tried on this machine: its driver or GPU does not do.

    "" when they may work, when there is no GPU to speak of (the engine says that), and when the engine is on
    another machine, which nobody looked at.
    """
    from envbuild.engine.discover import find_endpoint

    needs = needs_of_lock(lock)
    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    if not needs.uses or not url.startswith("unix:"):
        return ""
    from envbuild.host.read import read_host

    verdict = preflight_any((needs,), read_host(os.environ))
    reasons = [reason for reason in verdict.reasons if reason.level == "refused"]
    if any(reason.rule in ("driver-none", "gpu-none") for reason in reasons):
        return ""
    return "; ".join(reason.text for reason in reasons)


def is_spec(target: str) -> bool:
    """Whether `target` names a spec file rather than an image."""
    path = Path(target)
    return path.suffix in {".yml", ".yaml"} or path.is_file()


def _needs(request: Request, target: str) -> tuple[tuple[GpuNeeds, ...], str]:
    if target.endswith(".toml") and Path(target).is_file():
        return (needs_of_lock(_lock(Path(target))),), "the lock"
    if is_spec(target):
        return _needs_of_spec(request)
    image = _image(request, target)
    if image is None:
        raise UsageError(
            f"{target}: neither a spec file nor an image of this engine",
            hint="name a spec, or make or pull the image first",
        )
    return (needs_of_image(image.labels, image.env),), "the image's labels"


def _lock(path: Path) -> Lock:
    from envbuild.lock.pylock import read_lock

    lock = read_lock(path)
    if lock is None:
        raise UsageError(f"{path}: no such file")
    return lock


def _needs_of_spec(request: Request) -> tuple[tuple[GpuNeeds, ...], str]:
    from envbuild.gpu.wishes import needs_of_spec
    from envbuild.lock.drift import drift
    from envbuild.lock.pylock import lock_path, read_lock
    from envbuild.spec.load import load_spec

    spec = load_spec(request.spec_path)
    lock = read_lock(lock_path(spec))
    if lock and not drift(spec, lock, request.platform):
        return (needs_of_lock(lock),), "its lock"
    return needs_of_spec(spec, MACHINES.get(request.platform, "x86_64")), "the spec's own pins"


def _image(request: Request, reference: str) -> ImageInfo | None:
    """The image, by one question without the docker SDK where that can be asked."""
    from envbuild.engine.discover import find_endpoint
    from envbuild.engine.quick import quick_image

    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    return quick_image(url, reference) or request.connect().image(reference)
