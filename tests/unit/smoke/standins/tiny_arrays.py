"""What the stand-in frameworks share: a tiny array that computes in plain Python, and faults on request.

STANDIN_FAULT names what goes wrong: product, convolution, gradient, solve, no-gpu, cpu-build, explode, exit.
"""

from __future__ import annotations

import os

FAULT = os.environ.get("STANDIN_FAULT", "")


def maybe_explode():
    if FAULT == "explode":
        raise RuntimeError("libcudart.so.12: cannot open shared object file\nsecond line")
    if FAULT == "exit":
        raise SystemExit(3)


class Array:
    def __init__(self, values):
        self.values = values
        self.grad = None
        self.parent = None

    def tolist(self):
        return self.values

    def numpy(self):
        return self

    def __matmul__(self, other):
        columns = list(zip(*other.values, strict=True))
        rows = [[float(sum(a * b for a, b in zip(r, c, strict=True))) for c in columns] for r in self.values]
        if FAULT == "product":
            rows[0][0] += 1
        return Array(rows)

    def __mul__(self, other):
        made = Array([a * b for a, b in zip(self.values, other.values, strict=True)])
        made.parent = self
        return made

    def sum(self):
        made = Array(sum(self.values))
        made.parent = self.parent
        return made

    def slope(self):
        return Array([(3 if FAULT == "gradient" else 2) * value for value in self.values])

    def backward(self):
        self.parent.grad = self.parent.slope()


def convolved(nested):
    """`nested` with every number the same: right is 9."""
    return (
        [convolved(item) for item in nested]
        if isinstance(nested, list)
        else (8.0 if FAULT == "convolution" else 9.0)
    )
