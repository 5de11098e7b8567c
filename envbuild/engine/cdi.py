"""What an engine's /info says of CDI, the Container Device Interface → whether it is on, and its devices.

Not pure: Docker before 28.2 and Podman do not list devices, so those of an engine on this machine are read
out of the CDI files.
"""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PODMAN = (5, 4)
"""The first Podman whose Docker API honours device requests of the driver cdi (its release notes, "API");
those before leave them out without a word."""

FOLDERS = ("/etc/cdi", "/var/run/cdi")
"""Where CDI files lie unless an engine is told otherwise (the CDI specification)."""

LONGEST = 4 * 1024 * 1024  # bytes of a CDI file; one for sixteen GPUs has 0.2 MB


def docker_cdi(info: Mapping[str, Any], url: str) -> tuple[bool | None, tuple[str, ...]]:
    """Whether a Docker gives devices by CDI, and which it has.

    `CDISpecDirs` came with API 1.44 (Docker 25) and is empty where CDI is off; `DiscoveredDevices` with 1.50
    (28.2), where CDI is on unless the feature is turned off.
    """
    if "CDISpecDirs" not in info:
        return None, ()
    folders = [str(folder) for folder in info["CDISpecDirs"] or ()]
    if not folders:
        return False, ()
    told = info.get("DiscoveredDevices")
    if isinstance(told, list):
        found = (device for device in told if isinstance(device, dict) and device.get("Source") == "cdi")
        return True, tuple(sorted(str(device.get("ID")) for device in found))
    return True, _devices(folders, url)


def podman_cdi(
    version: tuple[int, ...], url: str, folders: Iterable[str] = FOLDERS
) -> tuple[bool, tuple[str, ...]]:
    """The same of a Podman of that version, which says nothing of it in /info."""
    if version < PODMAN:
        return False, ()
    return True, _devices(folders, url)


def _devices(folders: Iterable[str], url: str) -> tuple[str, ...]:
    """The devices of the CDI files in `folders`, if the engine at `url` is on this machine."""
    if urllib.parse.urlsplit(url).scheme != "unix":
        return ()
    return tuple(sorted({name for folder in folders for path in _files(folder) for name in _names(path)}))


def _files(folder: str) -> list[Path]:
    try:
        return [path for path in Path(folder).iterdir() if path.suffix in {".json", ".yaml", ".yml"}]
    except OSError:
        return []


def _names(path: Path) -> Iterator[str]:
    """Full names of the devices in one file; none of a file that cannot be read: engines pass it over too."""
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("utf-8")
        data = json.loads(text) if path.suffix == ".json" else _yaml(text)
        kind, names = str(data["kind"]), [str(device["name"]) for device in data["devices"]]
    except (OSError, ValueError, TypeError, KeyError):
        return
    yield from (f"{kind}={name}" for name in names)


def _yaml(text: str) -> Any:
    """Raises ValueError for what is no YAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is there
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506  one of the two safe loaders
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
