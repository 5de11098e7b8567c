"""Stand-in tensorflow: only what the probe uses. GPUs must be told to grow their memory before work."""

from contextlib import contextmanager
from types import SimpleNamespace

import machine
from machine import CPU, SETTINGS, Array, convolve, faulty, maybe_explode, transposed

__version__ = SETTINGS["version"]
float32 = "float32"
_where = [CPU]
_growing = []
_tf32 = [True]


@contextmanager
def device(name):
    kind, _, number = name.strip("/").partition(":")
    _where.append(CPU if kind == "CPU" else int(number))
    yield
    _where.pop()


class Tensor(Array):
    @property
    def device(self):
        at = "CPU:0" if self.where == CPU or faulty("placement", self.where) else f"GPU:{self.where}"
        return f"/job:localhost/replica:0/task:0/device:{at}"


def constant(values, dtype=None):
    where = _where[-1]
    assert where == CPU or len(_growing) == len(machine.gpus())
    maybe_explode(where)
    return Tensor(values, where, rough=_tf32[0])


def transpose(array, order):
    return Tensor(transposed(array.values, order), array.where, rough=array.rough)


def reduce_sum(array):
    return array.sum()


def _matmul(left, right):
    made = left @ right
    return Tensor(made.values, made.where)


def _conv2d(pixels, window, strides, padding):
    assert (strides, padding) == ([1, 1, 1, 1], "VALID")
    pictures = Array(transposed(pixels.values, [0, 3, 1, 2]), pixels.where, rough=pixels.rough)
    made = convolve(pictures, Array(transposed(window.values, [3, 2, 0, 1])))
    return Tensor(transposed(made.values, [0, 2, 3, 1]), made.where)


def _list(kind):
    assert kind == "GPU"
    return list(range(len(machine.gpus())))


def _details(gpu):
    name, capability = machine.gpus()[gpu]
    return {"device_name": name, "compute_capability": capability}


_experimental = SimpleNamespace(
    set_memory_growth=lambda gpu, on: _growing.append(gpu),
    enable_tensor_float_32_execution=lambda on: _tf32.__setitem__(0, on),
    get_device_details=_details,
    list_physical_devices=_list,
)
config = SimpleNamespace(list_physical_devices=_list, experimental=_experimental)
test = SimpleNamespace(is_built_with_cuda=lambda: bool(SETTINGS["cuda"]))
sysconfig = SimpleNamespace(
    get_build_info=lambda: {
        "cuda_version": SETTINGS["cuda"],
        "cuda_compute_capabilities": SETTINGS["archs"],
    }
)
linalg = SimpleNamespace(matmul=_matmul)
nn = SimpleNamespace(conv2d=_conv2d)
if __version__.startswith("1."):  # as 1.15 has it: no list of devices but the experimental one, no build info
    del config.list_physical_devices, _experimental.get_device_details
    del _experimental.enable_tensor_float_32_execution
    sysconfig = SimpleNamespace()
    _tf32[0] = False
    _eager = []
    compat = SimpleNamespace(v1=SimpleNamespace(enable_eager_execution=lambda: _eager.append(True)))


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
