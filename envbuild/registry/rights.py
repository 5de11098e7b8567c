"""Whether a login may push to a repository, asked before gigabytes move: begin an upload, and take it back.

Not pure. Engines learn of a refusal late: docker's tries a refused layer five times, for 50 seconds.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from envbuild.errors import RegistryError
from envbuild.registry.pace import Pace
from envbuild.registry.session import Request, Session, repository_of
from envbuild.registry.wire import Lost

if TYPE_CHECKING:
    from envbuild.logins import Logins
    from envbuild.names import Reference
    from envbuild.site.model import Site

_ACCEPTED = 202
_CANCELLING = 10.0


def check_push(site: Site, logins: Logins, reference: Reference, pace: Pace | None = None) -> None:
    """Raise RegistryError when the registry does not let us push to the reference's repository."""
    repository = repository_of(reference)
    request = Request(method="POST", path="blobs/uploads/", doing="push", what=reference.familiar)
    session = Session(site, logins, pace or Pace())
    try:
        reply = session.ask(repository, request)
        if reply.status != _ACCEPTED:
            raise session.refusal(repository, request, reply)
        if reply.header("Location"):
            url = session.location(repository, reply)
            cancel = Request(
                method="DELETE",
                path=url,
                doing="push",
                what=reference.familiar,
                again=False,
                silence=_CANCELLING,
            )
            with contextlib.suppress(Lost, RegistryError):  # it would end by itself, later
                session.ask(repository, cancel)
    finally:
        session.close()
