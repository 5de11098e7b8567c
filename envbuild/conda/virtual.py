"""Virtual packages: what the machine that runs the image has. From spec and base alone. Pure."""

from __future__ import annotations

import re

from envbuild.errors import LockError

SUBDIRS = {"linux/amd64": "linux-64", "linux/arm64": "linux-aarch64"}
GLIBC_FLOOR = {"linux/amd64": "2.17", "linux/arm64": "2.17"}
"""Where the base's glibc is unknown: what conda-forge built for until 2024; no base has less."""

LINUX = "5.10"
"""The kernel counts on: Debian 11's, and the oldest that docker's and podman's own documents still name."""

_ARCHSPEC = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


def subdir_of(platform: str) -> str:
    """conda's name of `linux/amd64` or `linux/arm64`. Raises LockError for others."""
    if platform not in SUBDIRS:
        raise LockError(
            f"platform {platform}: no conda packages for it", hint=f"use one of {', '.join(sorted(SUBDIRS))}"
        )
    return SUBDIRS[platform]


def virtual_packages(platform: str, *, glibc: str, cuda: str) -> tuple[tuple[str, str, str], ...]:
    """(name, version, build) of each: `__cuda` only where `cuda` is said.

    `glibc` X.Y, "" unknown; `cuda` X.Y[.Z] or "". `__archspec` is the platform's plainest machine: the lock
    must run on every one of them.
    """
    subdir_of(platform)
    known = glibc if re.fullmatch(r"[0-9]+\.[0-9]+(?:\.[0-9]+)?", glibc) else GLIBC_FLOOR[platform]
    found = [
        ("__unix", "0", "0"),
        ("__linux", LINUX, "0"),
        ("__glibc", known, "0"),
        ("__archspec", "1", _ARCHSPEC[platform]),
    ]
    return (*found, ("__cuda", minor(cuda), "0")) if cuda else tuple(found)


def minor(version: str) -> str:
    """X.Y of X.Y.Z."""
    return ".".join(version.split(".")[:2])
