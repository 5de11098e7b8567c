"""Push an image of the engine's store: a name → its digest in the registry, with events for each layer.

Not pure. The engine compresses, mounts and uploads; what it says on the way are messages of a stream, and so
is its failure (`push_refusals.py`).
"""

from __future__ import annotations

import ipaddress
import itertools
import re
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envbuild.engine.errors import translated
from envbuild.engine.push_refusals import is_passing, push_refusal
from envbuild.engine.transport import Refused
from envbuild.errors import EngineError, RegistryError
from envbuild.events import StepDone, StepFailed, StepLog, StepProgress, StepStarted
from envbuild.names import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.engine.credentials import Credentials
    from envbuild.engine.model import EngineInfo
    from envbuild.engine.transport import Query, Transport
    from envbuild.events import Sink

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before further tries. Engines themselves repeat only what fails while a layer is sent."""
_DIGEST = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")
_RETRY = re.compile(r"Retrying in (\d+) second")
_THERE = ("Layer already exists", "Already exists")
_MOUNTED = "Mounted from "


_MEASURABLE = 0.5  # seconds
_NOT_FOUND = 404
_OWN_FAULT = (
    500  # statuses from here on carry what the registry said; those below what was wrong with our request
)


class _Failed(Exception):  # noqa: N818  an answer, not a mistake
    """The engine gave the push up; `text` is why."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What came of a push: the manifest's digest, and how many layers came there in which way.

    sent       layers that were uploaded, in `size` bytes as the engine counts them: docker's own store before
               compression, containerd's after it and only where it took a while
    mounted    layers that the registry took from another repository of its own
    there      layers that the repository had
    Engines that do not tell (podman) leave them at 0.
    """

    digest: str
    sent: int = 0
    mounted: int = 0
    there: int = 0
    size: int = 0


@dataclass(slots=True)
class _Layer:
    begun: float
    current: int = 0
    waits: int = 0
    how: str = ""


@dataclass(slots=True)
class _Push:
    """One try: what the engine said so far."""

    step: str
    sink: Sink
    clock: Callable[[], float]
    number: int = 1
    layers: dict[str, _Layer] = field(default_factory=dict)
    digest: str = ""
    patient: bool = False  # whether the engine itself tried something again

    def take(self, message: Mapping[str, Any]) -> None:
        aux = message.get("aux")
        if isinstance(aux, dict) and aux.get("Digest"):
            self.digest = str(aux["Digest"])
            return
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        if found := _DIGEST.search(status):
            self.digest = self.digest or found[1]
        elif layer:
            self._moved(layer, status, message.get("progressDetail") or {})

    def _moved(self, name: str, status: str, detail: Mapping[str, Any]) -> None:
        layer = self.layers.get(name)
        if layer is None:
            if status in {"Preparing", "Waiting"}:
                return
            layer = self.layers[name] = _Layer(self.clock())
            self.sink(StepStarted(id=self._id(name), stage="push", name=f"layer {name}"))
        if layer.how:
            return
        if status == "Pushing":
            current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
            layer.current, layer.waits = max(current, 0), 0
            self.sink(StepProgress(id=self._id(name), current=layer.current, total=max(total, 0)))
        elif status == "Pushed":
            self._ended(name, layer, "sent", _rate(layer.current, self.clock() - layer.begun))
        elif status in _THERE:
            self._ended(name, layer, "there", "already there")
        elif status.startswith(_MOUNTED):
            self._ended(name, layer, "mounted", f"mounted from {status.removeprefix(_MOUNTED)}")
        elif found := _RETRY.match(status):
            self._waits(name, layer, int(found[1]))

    def _ended(self, name: str, layer: _Layer, how: str, detail: str) -> None:
        layer.how = how
        self.sink(
            StepDone(
                id=self._id(name), seconds=self.clock() - layer.begun, cached=how != "sent", detail=detail
            )
        )

    def _waits(self, name: str, layer: _Layer, seconds: int) -> None:
        """The engine counts down, a message per second: said once."""
        self.patient = True
        if not layer.waits:
            line = f"the registry did not take layer {name}; the engine tries again in {seconds} s"
            self.sink(StepLog(id=self._id(name), line=line))
        layer.waits = seconds

    def fail(self, reason: str) -> None:
        """End the layers that are under way."""
        for name, layer in self.layers.items():
            if not layer.how:
                layer.how = "failed"
                self.sink(StepFailed(id=self._id(name), seconds=self.clock() - layer.begun, reason=reason))

    def result(self) -> Pushed:
        counts = [layer.how for layer in self.layers.values()]
        return Pushed(
            digest=self.digest,
            sent=counts.count("sent"),
            mounted=counts.count("mounted"),
            there=counts.count("there"),
            size=sum(layer.current for layer in self.layers.values() if layer.how == "sent"),
        )

    def _id(self, layer: str) -> str:
        return f"{self.step}:{layer}" if self.number == 1 else f"{self.step}:{layer}#{self.number}"


class Pusher:
    """Pushes images of one engine, with the user's logins. Never to a mirror: those are for reading."""

    def __init__(
        self,
        transport: Transport,
        info: EngineInfo,
        credentials: Credentials,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._info = info
        self._credentials = credentials
        self._sleep = sleep

    def push(self, reference: str, sink: Sink) -> Pushed:
        """Push what the store has under `reference` (a name with a tag). Raises RegistryError, EngineError.

        Closing the connection, as Ctrl-C does, stops the engine's work at once; a manifest is the last that
        it sends, so that a push which was stopped leaves no tag.
        """
        begun = time.monotonic()
        wanted = parse_reference(reference)
        step = f"push:{reference}"
        sink(StepStarted(id=step, stage="push", name=f"to {wanted.familiar}"))
        try:
            self._check_there(reference)
            pushed = self._tried(reference, step, sink)
        except BaseException as error:
            reason = str(error) or "stopped"
            sink(StepFailed(id=step, seconds=time.monotonic() - begun, reason=reason))
            raise
        sink(StepDone(id=step, seconds=time.monotonic() - begun, detail=counted(pushed)))
        return pushed

    def _check_there(self, reference: str) -> None:
        """Engines say that there is no such image as they say what a registry refuses: as text."""
        doing = f"pushing {reference}"
        with translated(doing, self._transport.endpoint):
            path = f"/images/{urllib.parse.quote(reference, safe='/:')}/json"
            status, _ = self._transport.ask("GET", path)
        if status == _NOT_FOUND:
            raise EngineError(f"{doing}: the engine has no image of that name")

    def _tried(self, reference: str, step: str, sink: Sink) -> Pushed:
        pauses = iter(_PAUSES)
        for number in itertools.count(1):
            push = _Push(step, sink, time.monotonic, number)
            try:
                self._once(reference, push)
            except _Failed as failed:
                error = push_refusal(reference, failed.text)
                push.fail(error.message)
                pause = next(pauses, None)
                if pause is None or push.patient or not is_passing(error, failed.text):
                    raise error from failed
                sink(StepLog(id=step, line=f"{error.message}; trying again in {pause:.0f} s"))
                self._sleep(pause)
            except BaseException as error:
                push.fail(str(error) or "stopped")
                raise
            else:
                return push.result()
        raise AssertionError  # the count has no end

    def _once(self, reference: str, push: _Push) -> None:
        wanted = parse_reference(reference)
        doing = f"pushing {wanted.familiar}"
        query: Query = [("tag", wanted.tag or "latest")]
        if self._info.kind == "podman" and _is_loopback(wanted.host):
            query.append(("tlsVerify", "false"))  # as docker's engine does for registries on this machine
        path = f"/images/{urllib.parse.quote(wanted.familiar, safe='/:')}/push"
        headers = self._credentials.header(wanted.host)
        with translated(doing, self._transport.endpoint):
            try:
                with self._transport.stream(path, query=query, headers=headers) as messages:
                    for message in messages:
                        if "error" in message:
                            raise _Failed(str(message["error"]))
                        push.take(message)
            except Refused as refused:
                if refused.status < _OWN_FAULT:
                    raise
                raise _Failed(refused.text) from refused
        if not push.digest:
            raise RegistryError(
                f"{wanted.familiar}: the engine ended the push without the digest of what it pushed",
                trouble="wrong",
                hint="try again; what arrived is kept",
            )


def counted(pushed: Pushed) -> str:
    """`2 layers sent (3.1 MB), 5 already there`: what a push had to do; "" where the engine did not tell."""
    parts = []
    if pushed.sent:
        layers = "layer" if pushed.sent == 1 else "layers"
        size = f" ({_size(pushed.size)})" if pushed.size else ""
        parts.append(f"{pushed.sent} {layers} sent{size}")
    if pushed.mounted:
        parts.append(f"{pushed.mounted} mounted")
    if pushed.there:
        parts.append(f"{pushed.there} already there")
    return ", ".join(parts)


def _rate(size: int, seconds: float) -> str:
    """`3.1 MB at 25.0 MB/s`; of what took no time, the size alone; "" where the engine did not tell."""
    if not size:
        return ""
    return f"{_size(size)} at {_size(size / seconds)}/s" if seconds >= _MEASURABLE else _size(size)


def _size(size: float) -> str:
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size:.0f} B"


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
