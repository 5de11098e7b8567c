"""Stand-in tensorflow: only what the probe uses."""

import os
from contextlib import nullcontext
from types import SimpleNamespace

from tiny_arrays import FAULT, Array, convolved, maybe_explode

__version__ = "0.stand-in"
float32 = "float32"
device = nullcontext
ones = tuple


def constant(values, dtype=None):
    maybe_explode()
    return Array(values)


def reduce_sum(array):
    return array.sum()


def _devices(kind):
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == "-1" or FAULT in ("no-gpu", "cpu-build")
    return [] if hidden else [kind]


config = SimpleNamespace(list_physical_devices=_devices)
test = SimpleNamespace(is_built_with_cuda=lambda: FAULT != "cpu-build")
linalg = SimpleNamespace(matmul=lambda left, right: left @ right)
nn = SimpleNamespace(conv2d=lambda *arrays, strides, padding: Array(convolved([[[[0]] * 3] * 3])))


class GradientTape:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def watch(self, array):
        pass

    def gradient(self, total, point):
        assert total.parent is point
        return point.slope()
