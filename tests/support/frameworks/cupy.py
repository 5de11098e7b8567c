"""Stand-in cupy: only what the probe uses."""

from types import SimpleNamespace

import machine
from machine import SETTINGS, Array, faulty, maybe_explode

__version__ = SETTINGS["version"]
float32 = "float32"
_current = [0]


class Device:
    def __init__(self, number):
        self.number = number
        major, minor = machine.gpus()[number][1]
        self.compute_capability = f"{major}{minor}"

    def __enter__(self):
        _current.append(self.number)

    def __exit__(self, *error):
        _current.pop()


def _count():
    if SETTINGS["start"]:
        raise RuntimeError(SETTINGS["start"])
    return len(machine.gpus())


def _version():
    major, minor = SETTINGS["cuda"].split(".")
    return int(major) * 1000 + int(minor) * 10


cuda = SimpleNamespace(
    Device=Device,
    runtime=SimpleNamespace(
        runtimeGetVersion=_version,
        getDeviceCount=_count,
        getDeviceProperties=lambda number: {"name": machine.gpus()[number][0].encode()},
    ),
)


def array(values, dtype=None):
    maybe_explode(_current[-1])
    return Array(values, _current[-1])


def asarray(given):
    return array(given.values)


def asnumpy(given):
    return given


class ElementwiseKernel:
    def __init__(self, takes, gives, code, name):
        assert code == "z = x * 3 + y"

    def __call__(self, x, y):
        off = 1 if faulty("kernel", x.where) else 0
        return Array([a * 3 + b + off for a, b in zip(x.values, y.values, strict=True)], x.where)
