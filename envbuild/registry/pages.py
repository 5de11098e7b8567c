"""Answers that come in pages, each with a Link to the next. Not pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from envbuild.registry.refusals import Reply
    from envbuild.registry.session import Repository, Request, Session

_MOST = 10_000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


def pages(
    session: Session, repository: Repository, request: Request, none_at: Collection[int] = ()
) -> Iterator[Reply | None]:
    """Each page; one None for a first answer with a status of `none_at`. Raises RegistryError for others."""
    seen: set[str] = set()
    for number in range(_MOST):
        reply = session.ask(repository, request)
        if number == 0 and reply.status in none_at:
            yield None
            return
        if reply.status != 200:
            raise session.refusal(repository, request, reply)
        yield reply
        link = _NEXT.search(reply.header("Link"))
        if not link:
            return
        url = session.absolute(repository, reply.url, link[1])
        if url in seen or urlsplit(url).netloc != urlsplit(reply.url).netloc:
            break
        seen.add(url)
        request = replace(request, path=url)
    raise RegistryError(
        f"{request.what}: the registry {repository.host} never comes to an end of its pages", trouble="wrong"
    )
