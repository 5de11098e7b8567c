"""Events → warnings only: the renderer of `-q`. Writes to the stream it is given."""

from __future__ import annotations

from envbuild.cli.renderers.plain import PlainRenderer
from envbuild.events import Event, Notice


class QuietRenderer(PlainRenderer):
    """Says nothing but warnings; errors are not events and are shown anyway."""

    def __call__(self, event: Event) -> None:
        """Write a warning, swallow the rest."""
        if isinstance(event, Notice) and event.level == "warning":
            super().__call__(event)
