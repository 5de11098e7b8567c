"""What the stand-in frameworks share: a machine as the test describes it, and tiny arrays of nested lists.

STANDIN in the environment is JSON:
  gpus    [[name, [major, minor]], …], by default one "Stand-in GPU" of 8.0
  cuda    what the framework was built with, "" for a CPU build; `archs`: its device code
  fault   what comes out wrong: product, convolution, gradient, solve, bf16, kernel, placement
  error   what work raises; `exits`: it raises SystemExit instead
  start   what starting CUDA raises; then there are no GPUs
  on      the only GPU that fault and error are about
  plugin_says  whether jax's plugin tells its CUDA
  log     what native code writes to standard error at import
  version the framework's
"""

from __future__ import annotations

import json
import os
import sys

SETTINGS = {
    "gpus": [["Stand-in GPU", [8, 0]]],
    "cuda": "12.8",
    "archs": ["sm_80", "sm_90", "compute_90"],
    "fault": "",
    "error": "",
    "exits": False,
    "start": "",
    "on": None,
    "plugin_says": True,
    "log": "",
    "version": "0.stand-in",
    **json.loads(os.environ.get("STANDIN", "{}")),
}
CPU = "cpu"
os.write(2, SETTINGS["log"].encode())


def gpus():
    """(name, capability) of the GPUs that a framework sees."""
    hidden = SETTINGS["start"] or not SETTINGS["cuda"] or os.environ.get("CUDA_VISIBLE_DEVICES") == "-1"
    return [] if hidden else [(name, tuple(code)) for name, code in SETTINGS["gpus"]]


def strikes(where):
    """Whether fault and error are about the device `where`: a GPU's number, or CPU."""
    return SETTINGS["on"] is None or SETTINGS["on"] == where


def faulty(fault, where):
    return SETTINGS["fault"] == fault and strikes(where)


def maybe_explode(where):
    if not strikes(where):
        return
    if SETTINGS["exits"]:
        sys.exit(3)
    if SETTINGS["error"]:
        raise RuntimeError(SETTINGS["error"])


class Array:
    """Nested lists of numbers on a device: CPU, or a GPU's number."""

    def __init__(self, values, where=CPU, rough=False):
        self.values = values
        self.where = where
        self.rough = rough  # TF32 was left on
        self.grad = None
        self.parent = None

    def tolist(self):
        return self.values

    def numpy(self):
        return self

    def float(self):
        return self

    def __matmul__(self, other):
        columns = list(zip(*other.values, strict=True))
        rows = [[float(sum(a * b for a, b in zip(r, c, strict=True))) for c in columns] for r in self.values]
        if faulty("product", self.where):
            rows[0][0] += 1
        return Array(rows, self.where)

    def __mul__(self, other):
        if not isinstance(other, Array):
            return Array([value * other for value in self.values], self.where)
        made = Array([a * b for a, b in zip(self.values, other.values, strict=True)], self.where)
        made.parent = self
        return made

    def __add__(self, other):
        return Array([a + b for a, b in zip(self.values, other.values, strict=True)], self.where)

    def __getitem__(self, part):
        return Array(self.values[part], self.where)

    def copy(self):
        return self

    def sum(self):
        made = Array(sum(self.values), self.where)
        made.parent = self.parent
        return made

    def slope(self):
        factor = 3 if faulty("gradient", self.where) else 2
        return Array([factor * value for value in self.values], self.where)

    def backward(self):
        self.parent.grad = self.parent.slope()


def convolve(pictures, weights):
    """[batch][channel][y][x] by [out][channel][v][u], without border; off where TF32 was left on."""
    where, off = pictures.where, 0.0
    if faulty("convolution", where):
        off = 1.0
    elif pictures.rough and where != CPU:
        off = 0.5
    made = []
    for picture in pictures.values:
        rows, columns = range(len(picture[0]) - 2), range(len(picture[0][0]) - 2)
        made.append(
            [
                [
                    [
                        off
                        + sum(
                            channel[y + v][x + u] * kernel[c][v][u]
                            for c, channel in enumerate(picture)
                            for v in range(3)
                            for u in range(3)
                        )
                        for x in columns
                    ]
                    for y in rows
                ]
                for kernel in weights.values
            ]
        )
    return Array(made, where)


def transposed(nested, order):
    """A four-dimensional nested list with its axes in another order, as numpy's transpose has it."""
    sizes = [len(nested), len(nested[0]), len(nested[0][0]), len(nested[0][0][0])]
    shape = [sizes[axis] for axis in order]

    def at(*place):
        index = [0, 0, 0, 0]
        for axis, number in zip(order, place, strict=True):
            index[axis] = number
        return nested[index[0]][index[1]][index[2]][index[3]]

    return [
        [[[at(i, j, k, m) for m in range(shape[3])] for k in range(shape[2])] for j in range(shape[1])]
        for i in range(shape[0])
    ]
