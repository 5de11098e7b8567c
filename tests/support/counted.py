"""The front of `faulty.py`, counting every byte that it answers, heads and all."""

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import Any

from support.faulty import Front, _Handler


class _Writer(io.RawIOBase):
    """Passes on what is written, and tells how much that was."""

    def __init__(self, inner: Any, counted: "CountingFront") -> None:
        self._inner = inner
        self._counted = counted

    def write(self, data: Any) -> int:
        with self._counted.counting:
            self._counted.came += len(data)
        self._inner.write(data)
        return len(data)

    def flush(self) -> None:
        if not self._inner.closed:
            self._inner.flush()

    def close(self) -> None:
        self._inner.close()
        super().close()


class _CountingHandler(_Handler):
    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, CountingFront)
        self.wfile = _Writer(self.wfile, self.server)  # type: ignore[assignment]


class CountingFront(Front):
    """A front, of which `came` bytes have come."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream, tls=None, gate=None, address="127.0.0.1")
        self.RequestHandlerClass = _CountingHandler
        self.came = 0
        self.counting = threading.Lock()


@contextlib.contextmanager
def counting(upstream: str) -> Iterator[CountingFront]:
    """A front before the registry at `upstream` (host:port) that counts what comes back."""
    with CountingFront(upstream) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join(5)
