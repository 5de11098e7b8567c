"""What a registry is shown: basic, or bearer tokens from its token server, kept while good. Not pure.

A login is looked up when a registry first asks for one. Raises RegistryError when it is refused, `Lost` for a
connection that broke.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import RegistryError
from envbuild.registry.challenge import Challenge, parse_challenges
from envbuild.registry.refusals import login_hint, server_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.logins import Login, Logins
    from envbuild.registry.wire import Answer, Wire

CLIENT = "envbuild"
_LARGEST = 1 << 20
_SHORTEST = (
    60.0  # seconds that a token lives when its server says nothing, or less (distribution's token spec)
)
_MARGIN = 0.9  # of its life a token is used


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


class Tokens:
    """The Authorization header for each request. May be used by several threads.

    `ask` sends a request to a token server, with tries.
    """

    def __init__(
        self,
        logins: Logins,
        wire: Wire,
        ask: Callable[..., Answer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logins = logins
        self._wire = wire
        self._ask = ask
        self._clock = clock
        self._lock = threading.RLock()
        self._known: dict[str, Login | None] = {}
        self._challenges: dict[str, Challenge] = {}
        self._tokens: dict[tuple[str, frozenset[str]], _Token] = {}

    def login(self, host: str) -> Login | None:
        """The user's login for a registry."""
        with self._lock:
            if host not in self._known:
                self._known[host] = self._logins.login(host)
            return self._known[host]

    def asked_for_login(self, host: str) -> bool:
        """Whether the registry has asked who we are."""
        return host in self._challenges

    def header(self, host: str, scopes: Iterable[str]) -> str:
        """What to show for `scopes` before being asked; "" where nobody has asked yet."""
        with self._lock:
            challenge = self._challenges.get(host)
            return self._shown(host, challenge, frozenset(scopes)) if challenge else ""

    def challenged(self, host: str, scopes: Iterable[str], said: Iterable[str], shown: str) -> str:
        """What to show after a 401 that `said` these WWW-Authenticate headers to who had `shown` that.

        "" when there is nothing else to show.
        """
        offered = parse_challenges(said)
        if not offered:
            return ""
        wanted = frozenset(scopes)
        with self._lock:
            self._challenges[host] = challenge = offered[0]
            fresh = self._tokens.get((host, wanted))
            if fresh and f"Bearer {fresh.text}" == shown:  # expired, or withdrawn
                del self._tokens[host, wanted]
            header = self._shown(host, challenge, wanted)
        return header if header != shown else ""

    def _shown(self, host: str, challenge: Challenge, scopes: frozenset[str]) -> str:
        login = self.login(host)
        if challenge.scheme == "basic":
            return _basic(login) if login and (login.user or login.password) else ""
        if login and login.registry_token:
            return f"Bearer {login.registry_token}"
        wanted = scopes or frozenset(challenge.scopes)
        kept = self._tokens.get((host, wanted))
        if kept is None or kept.until <= self._clock():
            kept = self._fetch(host, challenge, wanted, login)
            self._tokens[host, wanted] = kept
        return f"Bearer {kept.text}"

    def _fetch(self, host: str, challenge: Challenge, scopes: frozenset[str], login: Login | None) -> _Token:
        realm = challenge.realm
        if not realm.startswith(("https://", "http://")):
            raise RegistryError(f"{host}: names no token server, but {server_text(realm)!r}", trouble="wrong")
        if realm.startswith("http://") and not self._wire.may_be_plain(realm):
            raise RegistryError(
                f"{host}: its token server would be spoken to in plain http: {server_text(realm)}",
                trouble="tls",
                hint="if that is meant, add its host to http_registries: of the site config",
            )
        began = self._clock()
        with self._request(challenge, sorted(scopes), login) as answer:
            data = answer.read(_LARGEST) or b""
        if answer.status != 200:
            raise _refused(host, realm, login, answer.status, data)
        return _token(host, realm, data, began)

    def _request(self, challenge: Challenge, scopes: list[str], login: Login | None) -> Answer:
        if login and login.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": challenge.service,
                "client_id": CLIENT,
                "scope": " ".join(scopes),
                "refresh_token": login.identity_token,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask("POST", challenge.realm, headers, urllib.parse.urlencode(form).encode())
        query = [("service", challenge.service)] if challenge.service else []
        query += [("client_id", CLIENT), *(("scope", scope) for scope in scopes)]
        headers = {}
        if login and (login.user or login.password):
            query.append(("account", login.user))
            headers["Authorization"] = _basic(login)
        mark = "&" if "?" in challenge.realm else "?"
        return self._ask("GET", f"{challenge.realm}{mark}{urllib.parse.urlencode(query)}", headers, None)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()


def _token(host: str, realm: str, data: bytes, began: float) -> _Token:
    try:
        found = json.loads(data)
        text = found.get("token") or found.get("access_token")
        life = float(found.get("expires_in") or _SHORTEST)
    except (ValueError, TypeError, AttributeError):
        text, life = None, 0.0
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise RegistryError(
            f"{host}: its token server {server_text(realm)} sent no token",
            trouble="wrong",
            hint="try again; if it stays, the registry's set-up is at fault",
        )
    return _Token(text, began + max(life, _SHORTEST) * _MARGIN)


def _refused(host: str, realm: str, login: Login | None, status: int, data: bytes) -> RegistryError:
    if status not in {400, 401, 403}:
        why = server_text(data.decode("utf-8", "replace"))
        return RegistryError(
            f"{host}: its token server {server_text(realm)} answers HTTP {status}{': ' if why else ''}{why}",
            trouble="unreachable" if status < 500 else "busy",
        )
    if login is None:
        return RegistryError(
            f"{host}: the registry wants a login, and there is none for it",
            trouble="login",
            hint=login_hint(host),
        )
    if login.identity_token:
        return RegistryError(
            f"{host}: the registry does not take the login's token any more: it may have expired",
            trouble="login",
            hint=login_hint(host, again=True),
        )
    return RegistryError(
        f"{host}: the registry refuses the user {login.user} with this password",
        trouble="login",
        hint=login_hint(host, again=True),
    )
