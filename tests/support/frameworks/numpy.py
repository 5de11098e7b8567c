"""Stand-in numpy: only what the probes use."""

from types import SimpleNamespace

from machine import CPU, SETTINGS, Array, faulty, maybe_explode

__version__ = SETTINGS["version"]
float32 = "float32"


def array(values, dtype=None):
    maybe_explode(CPU)
    return Array(values)


def arange(count, dtype):
    return Array([float(number) for number in range(count)])


linalg = SimpleNamespace(solve=lambda matrix, right: Array([0.8, 1.5 if faulty("solve", CPU) else 1.4]))
