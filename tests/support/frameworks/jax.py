"""Stand-in jax, with jax.numpy: only what the probe uses. GPU memory must not be taken beforehand."""

import os
import sys
from types import ModuleType, SimpleNamespace

import machine
from machine import CPU, SETTINGS, Array, faulty, maybe_explode

__version__ = SETTINGS["version"]


class Device:
    def __init__(self, number, platform, kind, capability=""):
        self.number, self.platform, self.device_kind = number, platform, kind
        self.compute_capability = capability


_cpu = Device(CPU, "cpu", "cpu")
_gpus = [
    Device(number, "gpu", name, f"{major}.{minor}")
    for number, (name, (major, minor)) in enumerate(machine.gpus())
]


class Placed(Array):
    def devices(self):
        return {_cpu if self.where == CPU or faulty("placement", self.where) else _gpus[self.where]}


def devices():
    asked = os.environ.get("JAX_PLATFORMS", "")
    if "cuda" not in asked.split(","):
        return [_cpu]
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    if SETTINGS["start"]:
        raise RuntimeError(f"Unable to initialize backend 'cuda': {SETTINGS['start']}")
    return _gpus


def default_backend():
    return devices()[0].platform


def device_put(array, device):
    maybe_explode(device.number)
    return Placed(array.values, device.number)


def _matmul(left, right, precision):
    assert precision == "highest"
    made = left @ right
    return Placed(made.values, made.where)


lax = SimpleNamespace(Precision=SimpleNamespace(HIGHEST="highest"))
numpy = ModuleType("jax.numpy")
numpy.float32 = "float32"
numpy.matmul = _matmul
numpy.sum = Array.sum
numpy.array = lambda values, dtype=None: Array(values)
sys.modules["jax.numpy"] = numpy
if SETTINGS["plugin_says"]:
    _major, _minor = map(int, SETTINGS["cuda"].split("."))
    _versions = SimpleNamespace(cuda_runtime_build_version=lambda: _major * 1000 + _minor * 10)
    sys.modules["jax._src"] = ModuleType("jax._src")
    sys.modules["jax._src.lib"] = SimpleNamespace(cuda_versions=_versions)


def jit(function):
    return function


def grad(function):
    def slope(point):
        assert function(point).parent is point
        return point.slope()

    return slope
