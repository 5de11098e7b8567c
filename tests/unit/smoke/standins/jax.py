"""Stand-in jax, with jax.numpy: only what the probe uses."""

import os
import sys
from types import ModuleType, SimpleNamespace

from tiny_arrays import FAULT, Array, maybe_explode

__version__ = "0.stand-in"
_arrays = ModuleType("jax.numpy")
_arrays.float32 = "float32"
_arrays.matmul = lambda left, right: left @ right
_arrays.sum = Array.sum
_arrays.array = lambda values, dtype=None: maybe_explode() or Array(values)
sys.modules["jax.numpy"] = numpy = _arrays


def default_backend():
    return "cpu" if os.environ.get("JAX_PLATFORMS") == "cpu" or FAULT == "no-gpu" else "gpu"


def devices():
    return [SimpleNamespace(device_kind="Stand-in GPU")]


def jit(function):
    return function


def grad(function):
    def slope(point):
        assert function(point).parent is point
        return point.slope()

    return slope
