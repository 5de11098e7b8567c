"""What envbuild remembers between runs: for each spec, the image it made last, and from what. Not pure.

It lives in small files under `$XDG_STATE_HOME/envbuild`. Losing them costs time, never truth: the next run
builds again, from the engine's cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild import __version__
from envbuild.files import digest_tree, state_folder, write_atomically
from envbuild.smoke.model import CheckResult, SmokeReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One remembered image.

    watched      files and folders that the image was made from (absolute paths)
    fingerprint  digest over their contents, the options and this version of envbuild
    size         bytes; `layers` is a count
    """

    watched: tuple[str, ...]
    fingerprint: str
    references: tuple[str, ...]
    image_id: str
    size: int
    layers: int
    lock_path: str
    engine: str
    report: SmokeReport | None = None

    def is_current(self, platform: str) -> bool:
        """Whether all that the image was made from is as it was. Raises OSError for what cannot be read."""
        return self.fingerprint == fingerprint(self.watched, platform)


def fingerprint(paths: Sequence[str], platform: str) -> str:
    """Digest over the contents of `paths` (a missing one counts), the platform and envbuild itself."""
    digest = hashlib.sha256(f"{_FORMAT}\0{__version__}\0{platform}\0".encode())
    for path in paths:
        digest.update(f"{path}\0{digest_tree(Path(path))}\0".encode())
    return digest.hexdigest()


def recall(spec_path: Path, platform: str) -> Memory | None:
    """What is remembered of the spec at `spec_path`; None when nothing is, or it cannot be read any more."""
    return _read(_file(spec_path, platform))


def recall_image(image_id: str) -> Memory | None:
    """What is remembered of an image, whatever the spec that it was made from; the last run's, if several."""
    return next((memory for _, memory in _of_image(image_id)), None)


def remember_report(image_id: str, report: SmokeReport) -> None:
    """Keep a smoke report wherever the image is remembered; no error if it cannot be."""
    for file, memory in _of_image(image_id):
        _write(file, replace(memory, report=report))


def remember(spec_path: Path, platform: str, memory: Memory) -> None:
    """Keep `memory` for the spec at `spec_path`; no error if it cannot be: that costs only time."""
    _write(_file(spec_path, platform), memory)


@contextlib.contextmanager
def alone(spec_path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the only seat for work on one spec; calls `on_wait` once if somebody else holds it now."""
    path = _file(spec_path, "lock").with_suffix(".seat")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        seat = path.open("w", encoding="utf-8")
    except OSError:  # no writable state folder: two builds at once are then merely wasteful
        yield
        return
    with seat:
        try:
            fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(seat, fcntl.LOCK_EX)
        yield


def _file(spec_path: Path, platform: str) -> Path:
    key = hashlib.sha256(f"{spec_path.resolve()}\0{platform}".encode()).hexdigest()[:24]
    return state_folder() / "images" / f"{key}.json"


def _of_image(image_id: str) -> Iterator[tuple[Path, Memory]]:
    """The memories of one image with their files, the last written first."""
    try:
        files = sorted((state_folder() / "images").glob("*.json"), key=lambda file: -file.stat().st_mtime)
    except OSError:
        return
    for file in files:
        memory = _read(file)
        if memory and memory.image_id == image_id:
            yield file, memory


def _write(file: Path, memory: Memory) -> None:
    data = json.dumps({"format": _FORMAT, **asdict(memory)}, indent=1, sort_keys=True)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data.encode())


def _read(file: Path) -> Memory | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data.pop("format") != _FORMAT:
            return None
        return _memory(data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _memory(data: dict[str, Any]) -> Memory:
    report = data.pop("report")
    if report is not None:
        results = tuple(
            CheckResult(**{**row, "output": tuple(row["output"])}) for row in report.pop("results")
        )
        report = SmokeReport(results=results, **report)
    data["watched"], data["references"] = tuple(data["watched"]), tuple(data["references"])
    return Memory(report=report, **data)
