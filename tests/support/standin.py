"""A stand-in for uv's builds of Python: Debian's own files in the layout of python-build-standalone, and the
list that offers them to uv.
"""

import gzip
import hashlib
import io
import json
import tarfile

import docker

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
UPSTREAM = "https://github.com/astral-sh/python-build-standalone/releases/download"
"""The prefix of addresses that uv's UV_PYTHON_INSTALL_MIRROR replaces."""


def standin_python(api: docker.APIClient, image: str, short: str) -> bytes:
    """Debian's Python `short` (X.Y) out of `image`, as a .tar.gz that uv can install.

    Without what Debian links into it from elsewhere; libexpat1 it needs beside it.
    """
    buffer = io.BytesIO()
    container = api.create_container(image, ["true"])["Id"]
    try:
        with (
            gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for source, target in (("bin", "bin"), ("lib", "lib")):
                stream, _ = api.get_archive(container, f"/usr/{source}/python{short}")
                _copy(io.BytesIO(b"".join(stream)), f"python/{target}", archive)
    finally:
        api.remove_container(container, force=True)
    return buffer.getvalue()


def _copy(source: io.BytesIO, target: str, archive: tarfile.TarFile) -> None:
    with tarfile.open(fileobj=source) as found:
        for member in found:
            if member.issym() or "/__pycache__" in member.name:
                continue
            content = found.extractfile(member) if member.isfile() else None
            member.name = f"{target}/{member.name}"  # TarInfo.replace is not in Python 3.11.2
            archive.addfile(member, content)


def downloads(version: str, machine: str, path: str, archive: bytes) -> bytes:
    """uv's list of downloads with one Python in it, for `machine` (amd64, arm64), at UPSTREAM/path."""
    major, minor, patch = (int(part) for part in version.split("."))
    family = _ARCHITECTURES[machine]
    entry = {
        "name": "cpython",
        "arch": {"family": family, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{UPSTREAM}/{path}",
        "sha256": hashlib.sha256(archive).hexdigest(),
        "variant": None,
        "build": path.partition("/")[0],
    }
    return json.dumps({f"cpython-{version}-linux-{family}-gnu": entry}).encode()
