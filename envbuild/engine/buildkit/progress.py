"""BuildKit's trace messages → tracked steps. Pure but for the tracker's sink.

Engine-internal steps are not shown unless they fail. A base that the engine has not used yet is looked up,
then laid: two takes of one vertex, shown as one step. Any other step taken up again is a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.engine.dockerfile import Place
from envbuild.engine.errors import is_stopped, short_reason
from envbuild.engine.tracker import Tracked

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.engine.buildkit.proto import StatusResponse, Vertex
    from envbuild.engine.tracker import Tracker

METADATA = "[internal] load metadata for "
EXPORT = "exporting to "


class Progress:
    """Feeds the trace of one build to a tracker. `place` finds the instruction behind a vertex's name."""

    def __init__(self, tracker: Tracker, place: Callable[[str], Place | None]) -> None:
        self._tracker = tracker
        self._place = place
        self._looked_up: dict[str, float] = {}  # bases that may be taken up again → seconds so far

    def feed(self, response: StatusResponse) -> None:
        """Take one piece of the trace."""
        for vertex in response.vertexes:
            self._vertex(vertex)
        for status in response.statuses:
            if step := self._tracker.get(status.vertex):
                self._tracker.progress(step, status.id, status.current, status.total)
        for log in response.logs:
            if step := self._tracker.get(log.vertex):
                self._tracker.log(step, log.stream, log.data)

    def _vertex(self, vertex: Vertex) -> None:
        step = self._tracker.get(vertex.digest) or self._tracker.add(vertex.digest, self._new(vertex.name))
        if vertex.started is not None and step.shown and step.place.keyword != "FROM":
            self._lay()
        if vertex.started is not None and vertex.completed is None:
            self._tracker.start(step)
        elif vertex.completed is not None and not step.ended:
            self._end(step, vertex, vertex.completed)

    def _new(self, name: str) -> Tracked:
        place = self._place(name)
        exports = name.startswith(EXPORT)
        return Tracked(
            place=place or Place(title="export the image" if exports else name),
            name=name,
            shown=bool(place) or exports,
        )

    def _end(self, step: Tracked, vertex: Vertex, completed: float) -> None:
        seconds = max(0.0, completed - (vertex.started or completed)) + self._looked_up.pop(
            vertex.digest, 0.0
        )
        step.error = vertex.error
        stopped = is_stopped(vertex.error)
        step.shown = step.shown or bool(vertex.error and not stopped)
        self._tracker.start(step)
        if vertex.error:
            self._tracker.failed(step, "stopped" if stopped else short_reason(vertex.error), seconds=seconds)
        elif step.place.keyword == "FROM" and not vertex.cached:
            self._looked_up[vertex.digest] = seconds
        else:
            self._tracker.done(step, seconds=seconds, cached=vertex.cached)

    def _lay(self) -> None:
        """What follows has begun: the bases are laid."""
        for digest, seconds in self._looked_up.items():
            if step := self._tracker.get(digest):
                self._tracker.done(step, seconds=seconds)
        self._looked_up.clear()


def culprit(tracker: Tracker, final: str) -> Tracked | None:
    """The step that a build's final error is about: the one with that error, else the first that failed."""
    failed = [step for step in tracker if step.error]
    own = [step for step in failed if not is_stopped(step.error)]
    named = [step for step in own if step.error in final]
    return next(iter(named or own or failed), None)
