"""Stand-in images: what envbuild's images say of themselves (config, history, tiny last layer), on layers of
random bytes. No engine made them.
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from envbuild.gpu.data import labels_of
from envbuild.lock.model import Lock, LockedApt, LockedBase
from envbuild.lock.pylock import dump_lock, parse_lock
from envbuild.names import Reference
from envbuild.registry import kinds
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import Attachment
from support.planned import document, lock, package
from support.pushed import Made, an_image, push, somewhere

BASE_DIGEST = "sha256:" + "ba" * 32
SPEC = """\
name: env
python: 3.11
pip: {packages: [rich, torch]}
env: {HF_HOME: /cache}
copy: [{from: src, to: /workspace/src}]
run: [echo hello]
"""
SMOKE = {
    "format": 1,
    "engine": "docker 28.5.2",
    "gpu": "--gpus all",
    "passed": True,
    "seconds": 3.21,
    "counts": {"passed": 5, "failed": 0, "not run": 1},
    "checks": [],
}
GPU = {
    "driver": "570.26",
    "least-driver": "525.60.13",
    "architectures": "80 90 +PTX 90",
    "uses": [{"component": "torch 2.8.0", "cuda": "12.8", "cubins": ["80", "90"], "ptx": ["90"]}],
}
PACKAGES = (
    package("idna", "3.10", 60_000),
    package("rich", "14.0.0", 240_000),
    package("torch", "2.8.0", 900_000_000),
)
SCRIPTS = "/dev/shm/envbuild/scripts"
SITE = f"sh {SCRIPTS}/site.sh"
PIP = (
    f"RUN /bin/sh -c {SITE} /dev/shm/envbuild/uv pip install -r /dev/shm/envbuild/pip/pylock.toml # buildkit"
)


def a_lock(**fields: Any) -> Lock:
    """A lock as its file says it."""
    packages = fields.pop("packages", PACKAGES)
    given: dict[str, Any] = {
        "base": LockedBase(reference="debian:bookworm-slim", digest=BASE_DIGEST),
        "apt": (LockedApt(name="git", version="1:2.39.5-0", size=7_000_000, requested=True),),
        "inputs": {"python": "3.11", "pip": ["rich", "torch"]},
        "cuda": {"version": "12.8"},
        "gpu": GPU,
        "document": {key: value for key, value in document(packages).items() if key != "tool"},
        **fields,
    }
    return parse_lock(dump_lock(lock(packages, **given)), "made for a test")


def labels_for(lock_: Lock, spec: str = SPEC) -> dict[str, str]:
    """The labels that an image of spec and lock has."""
    return {
        "org.opencontainers.image.title": "env",
        "org.opencontainers.image.base.name": lock_.base.reference,
        "org.opencontainers.image.base.digest": lock_.base.digest or "",
        "dev.envbuild.version": "0.3.0",
        "dev.envbuild.name": "env",
        "dev.envbuild.spec": f"sha256:{hashlib.sha256(spec.encode()).hexdigest()}",
        "dev.envbuild.lock": lock_.digest,
        "dev.envbuild.base": lock_.base.build_reference,
        "dev.envbuild.base.pinned": "true",
        "dev.envbuild.python": lock_.python.version,
        "dev.envbuild.cuda": lock_.cuda.get("version", ""),
        **labels_of(lock_.gpu),
    }


def tiny(files: Mapping[str, bytes]) -> bytes:
    """A layer with `files`, as engines pack it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def metadata_of(lock_: Lock, spec: str = SPEC) -> bytes:
    """The tiny last layer."""
    files = {"spec.yml": spec, "pylock.env.toml": dump_lock(lock_)}
    return tiny({f"opt/envbuild/{name}": text.encode() for name, text in files.items()})


def history_of(*more: str) -> list[dict[str, Any]]:
    """The history that BuildKit writes for SPEC; `more` are steps of somebody else's."""
    layers = [
        "ADD file:9a4f77dfaba7 in / ",
        f"RUN /bin/sh -c {SITE} sh {SCRIPTS}/apt.sh       git=1:2.39.5-0 # buildkit",
        f"RUN /bin/sh -c sh {SCRIPTS}/user.sh app 1000 /workspace # buildkit",
        f"RUN /bin/sh -c {SITE} sh {SCRIPTS}/python.sh apt /usr/bin/python3.11 # buildkit",
        PIP,
        PIP,
        "ENV PATH=/opt/env/bin",
        "WORKDIR /workspace",
        f"RUN /bin/sh {SCRIPTS}/site.sh /bin/sh -ec echo hello # buildkit",
        "COPY copy/0/src /workspace/src/ # buildkit",
        "COPY envbuild/spec.yml envbuild/pylock.env.toml /opt/envbuild/ # buildkit",
        "LABEL dev.envbuild.name=env",
        'CMD ["bash"]',
        *more,
    ]
    empty = ("ENV", "LABEL", "CMD")
    return [
        {"created_by": text, **({"empty_layer": True} if text.startswith(empty) else {})} for text in layers
    ]


def stand_in(
    lock_: Lock | None = None,
    *,
    spec: str = SPEC,
    metadata: bytes | None = None,
    labels: Mapping[str, str] | None = None,
    more: Sequence[str] = (),
    base: bytes = b"",
    platform: str = "linux/amd64",
    docker: bool = False,
    **config: Any,
) -> Made:
    """An image of `spec` and `lock_`, with `more` layers on top.

    metadata  the tiny layer, in place of one that holds spec and lock
    base      the lowest layer; random bytes unless given
    """
    chosen = lock_ or a_lock()
    layers = [
        base or os.urandom(3_000_000),
        *(os.urandom(size) for size in (900_000, 300, 300, 2_000_000, 500_000, 32, 100, 100)),
        metadata_of(chosen, spec) if metadata is None else metadata,
        *(os.urandom(1000) for _ in more),
    ]
    inside = {
        "Env": ["PATH=/opt/env/bin:/usr/bin:/bin", "HF_HOME=/cache"],
        "Labels": labels_for(chosen, spec) if labels is None else labels,
        "User": "1000",
        "WorkingDir": "/workspace",
        "Cmd": ["bash"],
    }
    given = {
        "config": inside,
        "history": history_of(*more),
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
        "created": "2026-11-21T12:17:25.52Z",
        **config,
    }
    return an_image(layers, platform, docker=docker, **given)


def put(client: RegistryClient, host: str, image: Made) -> Reference:
    """Bring an image to a repository of its own."""
    reference = somewhere(host)
    push(client, reference, image)
    return reference


def attach(client: RegistryClient, reference: Reference, kind: str, data: bytes, created: str = "") -> str:
    """Attach one file; returns the digest of the artifact."""
    annotations = {kinds.CREATED: created} if created else {}
    return client.attach(reference, kind, [Attachment(data=data, media_type=kind, title="file")], annotations)
