"""NVIDIA's side of this machine → GpuSide: driver, GPUs, the container toolkit, CDI files."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.doctor.model import CdiSpec, GpuSide, Tool
from envbuild.host.nvml import PATIENCE
from envbuild.host.read import look_around

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOOLS = ("nvidia-ctk", "nvidia-container-cli", "nvidia-container-runtime-hook")
"""Programs of nvidia-container-toolkit; the last is what Docker calls for `--gpus`."""

CDI_FOLDERS = ("etc/cdi", "var/run/cdi")
"""Where engines look for CDI files unless they are told otherwise."""

_SECONDS = 10
_LONGEST = 4 * 1024 * 1024  # bytes of a CDI file; one for sixteen GPUs has 0.2 MB
_VERSION = re.compile(r"(?:version:?)\s+v?([0-9]+\.[0-9]+\.[0-9]+\S*)", re.IGNORECASE)
_DRIVER = re.compile(r"lib(?:cuda|nvidia-ml)\.so\.([0-9]+(?:\.[0-9]+)+)")
_ROOT = Path("/")


def see_gpu(environ: Mapping[str, str], root: Path = _ROOT, patience: float = PATIENCE) -> GpuSide:
    """What is there; `root` is where /sys, /proc, /etc/cdi and the like are looked for."""
    return GpuSide(
        look=look_around(environ, root=root, patience=patience),
        tools=tuple(see_tools(environ)),
        specs=tuple(see_specs(root)),
    )


def see_tools(environ: Mapping[str, str]) -> Iterator[Tool]:
    """The toolkit's programs on PATH."""
    for name in TOOLS:
        if path := shutil.which(name, path=environ.get("PATH")):
            # The hook is for Docker to call: it is not asked anything.
            version = "" if name.endswith("-hook") else _version(path, environ)
            yield Tool(name=name, path=path, version=version)


def see_specs(root: Path) -> Iterator[CdiSpec]:
    """All CDI files, those of other makers' devices too."""
    for folder in CDI_FOLDERS:
        try:
            paths = sorted((root / folder).iterdir())
        except OSError:
            continue
        yield from (read_spec(path, root) for path in paths if path.suffix in {".yaml", ".yml", ".json"})


def read_spec(path: Path, root: Path) -> CdiSpec:
    """One CDI file."""
    import yaml

    name = f"/{path.relative_to(root)}"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8")
        data: Any = yaml.load(text, Loader=loader)  # noqa: S506  # one of the two safe loaders
        kind, devices = str(data["kind"]), tuple(str(device["name"]) for device in data["devices"])
    except OSError as error:
        return CdiSpec(path=name, trouble=(error.strerror or str(error)).lower())
    except yaml.YAMLError:
        return CdiSpec(path=name, trouble="is neither YAML nor JSON")
    except (ValueError, TypeError, KeyError):
        return CdiSpec(path=name, trouble="is no CDI file: it names no kind or no devices")
    drivers = dict.fromkeys(_DRIVER.findall(text))
    return CdiSpec(path=name, kind=kind, devices=devices, drivers=tuple(drivers))


def _version(path: str, environ: Mapping[str, str]) -> str:
    """What `--version` says: `NVIDIA Container Toolkit CLI version 1.17.8` or `cli-version: 1.17.8`."""
    try:
        ran = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _VERSION.search(ran.stdout)
    return found[1] if found and ran.returncode == 0 else ""
