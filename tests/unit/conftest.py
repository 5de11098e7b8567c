"""Unit tests stay on this machine: reaching for anything but loopback, or for an engine, fails the test."""

import socket
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
ENGINES = ("docker.sock", "podman.sock")


class TouchedTheNetwork(BaseException):
    """Not an OSError: the code under test must not take it for a failed connection."""


def _checked(address: Any) -> None:
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        raise TouchedTheNetwork(f"a unit test connects to {address[0]}:{address[1]}")
    if isinstance(address, str) and address.startswith(("/var/run/", "/run/")) and address.endswith(ENGINES):
        raise TouchedTheNetwork(f"a unit test connects to the engine at {address}")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, connect_ex, lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _checked(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _checked(address)
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *arguments: Any, **named: Any) -> Any:
        if host is not None:
            _checked((host.decode() if isinstance(host, bytes) else host, "?"))
        return lookup(host, *arguments, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
