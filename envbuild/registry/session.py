"""Requests to registries with logins, redirects and further tries. Not pure.

`ask` reads the answer, `open` leaves its body to be streamed. Either hands out every status that no further
try would mend, and raises RegistryError where there is no answer.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from envbuild.errors import RegistryError
from envbuild.registry.pace import AGAIN, Pace, retry_after
from envbuild.registry.refusals import Errand, Reply, is_full, refusal, server_text
from envbuild.registry.tokens import Tokens
from envbuild.registry.wire import SILENCE_LIMIT, Answer, Lost, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.logins import Logins
    from envbuild.names import Reference
    from envbuild.registry.refusals import Doing
    from envbuild.site.model import Site

_Read = TypeVar("_Read")
LARGEST_ANSWER = 4 << 20
LONG = 2.0
"""Seconds of waiting of which people are told."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository at a registry, and what may be done there with one token."""

    host: str
    path: str
    mount_from: str = ""

    def scopes(self, doing: Doing) -> tuple[str, ...]:
        """What a token server is asked for."""
        actions = {"push": "pull,push", "delete": "delete,pull"}.get(doing, "pull")
        scopes = [f"repository:{self.path}:{actions}"]
        if self.mount_from:
            scopes.append(f"repository:{self.mount_from}:pull")
        return tuple(scopes)


def repository_of(reference: Reference) -> Repository:
    """The repository of a reference."""
    return Repository(host=reference.host, path=reference.repository)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: `path` below /v2/<repository>/, or a whole URL that the registry gave.

    body   a function, for it may have to be sent again; its pieces need a Content-Length in `headers`
    again  whether it may be tried again after 5xx, 429 or a broken connection
    what   what it is about, for messages
    """

    method: str
    path: str
    doing: Doing
    what: str
    headers: Mapping[str, str] | None = None
    body: Callable[[], bytes | Iterable[bytes]] | None = None
    again: bool = True
    silence: float = SILENCE_LIMIT


def silent(line: str) -> None:
    """A `tell` for those who do not listen."""
    del line


class Session:
    """One user's dealings with registries. May be used by several threads.

    `tell` gets a line for people when they have to wait.
    """

    def __init__(
        self,
        site: Site,
        logins: Logins,
        pace: Pace,
        *,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = silent,
    ) -> None:
        self.pace = pace
        self._sleep = sleep
        self._tell = tell
        self._wire = Wire(site)
        self._tokens = Tokens(logins, self._wire, self._ask_token_server)
        self._reached: set[str] = set()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._wire.close()

    def refusal(
        self, repository: Repository, request: Request, reply: Reply, tries: int = 1
    ) -> RegistryError:
        """The error for an answer that is not what was hoped for."""
        login = self._tokens.login(repository.host) if self._tokens.asked_for_login(repository.host) else None
        errand = Errand(
            doing=request.doing,
            what=request.what,
            host=repository.host,
            repository=repository.path,
            user=login.user if login else "",
            logged_in=login is not None,
        )
        return refusal(reply, errand, tries)

    def ask(self, repository: Repository, request: Request, limit: int = LARGEST_ANSWER) -> Reply:
        """Send, and read the answer: at most `limit` bytes. Raises RegistryError where there is none.

        With `request.again`, 429 and 5xx are no answers, and a broken connection is a RegistryError; without,
        the caller has to do with the status, and with `Lost`.
        """

        def read(answer: Answer) -> Reply:
            reply = _read(answer, limit)
            if reply is None:
                raise too_large(request.what, limit)
            return reply

        return self._tried(repository, request, read)

    def open(self, repository: Repository, request: Request) -> Answer:
        """As `ask`, with the answer's body unread: it is to be closed."""
        return self._tried(repository, request, lambda answer: answer)

    def pause(self, failed: int, why: str) -> None:
        """Wait before another try after `failed` failures."""
        self._rest(self.pace.pause(failed, random.random()), why)  # noqa: S311  to spread clients, not to guard

    def waited(self, reply: Reply, failed: int) -> bool:
        """Wait as the registry asks (Retry-After), else by the pace; False where waiting is of no use."""
        if reply.status not in AGAIN or is_full(reply.status, reply.data):
            return False
        asked = retry_after(reply.header("Retry-After"), time.time())
        if asked is not None and asked > self.pace.patience:
            return False
        why = f"{urlsplit(reply.url).netloc}: HTTP {reply.status}"
        if asked is None:
            self.pause(failed, why)
        else:
            self._rest(asked, why)
        return True

    def _rest(self, seconds: float, why: str) -> None:
        if seconds >= LONG:
            self._tell(f"{why}: trying again in {seconds:.0f} s")
        self._sleep(seconds)

    def location(self, repository: Repository, reply: Reply) -> str:
        """The URL in a Location header."""
        return self.absolute(repository, reply.url, reply.header("Location"))

    def absolute(self, repository: Repository, base: str, location: str) -> str:
        """The URL that `location` means in an answer from `base`.

        At the registry itself it gets the scheme that is spoken there: one behind a proxy that does TLS often
        says http.
        """
        found = urljoin(base, location)
        own = self._wire.base(repository.host)
        if urlsplit(found).netloc == urlsplit(own).netloc:
            return own + found.partition("://")[2].removeprefix(urlsplit(found).netloc)
        return found

    def _tried(self, repository: Repository, request: Request, read: Callable[[Answer], _Read]) -> _Read:
        if not request.again:
            return read(self._sent(repository, request))
        failed = 0
        while True:
            failed += 1
            try:
                answer = self._sent(repository, request)
                self._reached.add(repository.host)
                if answer.status not in AGAIN:
                    return read(answer)
                reply = _read(answer, LARGEST_ANSWER) or Reply(status=answer.status, headers={}, data=b"")
            except Lost as lost:
                known = lost.reached or repository.host in self._reached
                if (
                    failed >= self.pace.tries or not known
                ):  # who never answered will hardly answer in a second
                    raise unreachable(request.what, repository.host, lost, failed) from lost
                self.pause(failed, f"{repository.host}: {lost}")
            else:
                if failed >= self.pace.tries or not self.waited(reply, failed):
                    raise self.refusal(repository, request, reply, failed)

    def _sent(self, repository: Repository, request: Request) -> Answer:
        """One try: with the login that is known to be wanted, and once more with the one then asked for."""
        scopes = repository.scopes(request.doing)
        shown = self._tokens.header(repository.host, scopes)
        answer = self._followed(repository, request, shown)
        if answer.status != 401 or not self._is_own(repository, answer.url):
            return answer
        said = answer.headers.getlist("WWW-Authenticate")
        try:
            header = self._tokens.challenged(repository.host, scopes, said, shown)
        except BaseException:
            answer.close()
            raise
        if not header:
            return answer
        _read(answer, LARGEST_ANSWER)
        return self._followed(repository, request, header)

    def _is_own(self, repository: Repository, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self._wire.base(repository.host)).netloc

    def _followed(self, repository: Repository, request: Request, shown: str) -> Answer:
        """Send, and follow redirects of reads. No other host is shown the login."""
        url = request.path
        if "://" not in url:
            url = f"{self._wire.base(repository.host)}/v2/{repository.path}/{url}"
        for _ in range(_MOST_REDIRECTS):
            headers = dict(request.headers or {})
            if shown and self._is_own(repository, url):
                headers["Authorization"] = shown
            body = request.body() if request.body else None
            answer = self._wire.send(request.method, url, headers, body, silence=request.silence)
            location = answer.header("Location")
            if answer.status not in _REDIRECTS or request.method not in {"GET", "HEAD"} or not location:
                return answer
            answer.close()
            url = self.absolute(repository, url, location)
        raise RegistryError(
            f"{request.what}: the registry {repository.host} redirects more than {_MOST_REDIRECTS} times",
            trouble="wrong",
        )

    def _ask_token_server(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        failed = 0
        while True:
            failed += 1
            try:
                answer = self._wire.send(method, url, headers, body)
            except Lost as lost:
                server = urlsplit(url).netloc
                raise Lost(f"its token server {server}: {lost}", reached=lost.reached) from lost
            if answer.status not in AGAIN or failed >= self.pace.tries:
                return answer
            reply = _read(answer, LARGEST_ANSWER)
            if reply is None or not self.waited(reply, failed):
                return self._wire.send(method, url, headers, body)


def _read(answer: Answer, limit: int) -> Reply | None:
    with answer:
        data = answer.read(limit)
    if data is None:
        return None
    return Reply(status=answer.status, headers=answer.headers, data=data, url=answer.url)


def too_large(what: str, limit: int) -> RegistryError:
    """The error for an answer over a limit of ours."""
    return RegistryError(
        f"{what}: is larger than {limit >> 20} MiB, which nothing of its kind is",
        trouble="unsupported",
        hint="it is probably no image; nothing of it was kept",
    )


def unreachable(what: str, host: str, lost: Lost, tries: int) -> RegistryError:
    """The error for a registry that gives no answer."""
    if not lost.reached:
        return RegistryError(
            f"{what}: the registry {host} cannot be reached: {lost}",
            trouble="unreachable",
            hint="check its name and the network; the site config can name a proxy, or a mirror of it",
        )
    times = "once" if tries == 1 else f"{tries} times"
    return RegistryError(
        f"{what}: the connection to the registry {host} broke ({times}): {server_text(str(lost))}",
        trouble="unreachable",
        hint="check the network, then try again",
    )
