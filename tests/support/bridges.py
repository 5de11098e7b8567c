"""A network bridge for a dockerd of a test's own.

With `--bridge none` a dockerd removes docker0, which belongs to the engine beside it; with one of its own
it touches nobody's.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from support.processes import DidNotStart

ADD, DELETE, GET_FLAGS, SET_FLAGS = 0x89A0, 0x89A1, 0x8913, 0x8914  # SIOCBRADDBR and so on, linux/sockios.h
UP = 1


@contextlib.contextmanager
def own_bridge() -> Iterator[str]:
    """The name of a bridge that goes with the context. Raises DidNotStart where none can be made."""
    name = f"eb{os.getpid()}"
    plain = name.encode() + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        try:
            fcntl.ioctl(control, ADD, plain)
        except OSError as error:
            raise DidNotStart(f"no bridge for a dockerd of our own: {error}") from error
        try:
            yield name
        finally:
            request = plain.ljust(16, b"\0")
            flags = int.from_bytes(fcntl.ioctl(control, GET_FLAGS, request.ljust(40, b"\0"))[16:18], "little")
            down = (flags & ~UP).to_bytes(2, "little")
            fcntl.ioctl(control, SET_FLAGS, (request + down).ljust(40, b"\0"))
            fcntl.ioctl(control, DELETE, plain)
