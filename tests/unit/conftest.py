"""A guard: unit tests reach neither the network nor an engine. Loopback servers of a test's own are fine."""

import ipaddress
import os
import socket
from typing import Any

import pytest

ENGINE = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")


@pytest.fixture(autouse=True)
def no_way_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if not allowed(self.family, address):
            pytest.fail(f"a unit test reaches out to {address}", pytrace=False)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def allowed(family: int, address: Any) -> bool:
    if family == socket.AF_UNIX:
        path = os.fsdecode(address)
        return path != ENGINE and not path.startswith(("/run/", "/var/run/"))
    if family in (socket.AF_INET, socket.AF_INET6):
        try:
            return ipaddress.ip_address(address[0]).is_loopback
        except ValueError:
            return address[0] == "localhost"
    return True
