"""Stand-in numpy: only what the probe uses."""

from types import SimpleNamespace

from tiny_arrays import FAULT, Array, maybe_explode

__version__ = "0.stand-in"


def array(values, dtype=None):
    maybe_explode()
    return Array(values)


linalg = SimpleNamespace(solve=lambda matrix, right: Array([0.8, 1.5 if FAULT == "solve" else 1.4]))
