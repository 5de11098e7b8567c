"""Small build contexts and a sink that remembers, for tests of the engine."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from envbuild.events import Event, StepDone, StepFailed, StepLog, StepProgress, StepStarted
from envbuild.render.model import BuildContext, Step

PLATFORM = "linux/amd64"


def context(
    dockerfile: str,
    files: Mapping[str, bytes] | None = None,
    *,
    copies: Mapping[str, Path] | None = None,
    steps: tuple[Step, ...] = (),
    needs_uv: bool = False,
    platform: str = PLATFORM,
) -> BuildContext:
    """A context with a digest over what this function knows."""
    named = [part for name in sorted(files or {}) for part in (name.encode(), (files or {})[name])]
    content = b"\0".join([dockerfile.encode(), *named])
    return BuildContext(
        dockerfile=dockerfile,
        files=files or {},
        copies=copies or {},
        steps=steps,
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
        platform=platform,
        needs_uv=needs_uv,
    )


class Recorder:
    """A sink that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def started(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, StepStarted)]

    def names(self) -> dict[str, str]:
        return {event.id: event.name for event in self.events if isinstance(event, StepStarted)}

    def lines(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, StepLog)]

    def seconds(self) -> dict[str, float]:
        """Step name → how long it took, for those that ended well."""
        names = self.names()
        return {names[event.id]: event.seconds for event in self.events if isinstance(event, StepDone)}

    def cached(self) -> dict[str, bool]:
        """Step name → whether it came from the cache, for those that ended well."""
        names = self.names()
        return {names[event.id]: event.cached for event in self.events if isinstance(event, StepDone)}

    def failed(self) -> dict[str, str]:
        names = self.names()
        return {names[event.id]: event.reason for event in self.events if isinstance(event, StepFailed)}

    def progress(self) -> list[StepProgress]:
        return [event for event in self.events if isinstance(event, StepProgress)]

    def check(self) -> None:
        """Every step starts once and ends once, and says nothing before or after."""
        state: dict[str, str] = {}
        for event in self.events:
            if isinstance(event, StepStarted):
                assert event.id not in state, event
                state[event.id] = "runs"
            elif isinstance(event, StepLog | StepProgress):
                assert state[event.id] == "runs", event
            elif isinstance(event, StepDone | StepFailed):
                assert state[event.id] == "runs", event
                state[event.id] = "ended"
        assert set(state.values()) <= {"ended"}
