"""Stand-in torch: only what the probe uses. It computes roughly while TF32 is on."""

from contextlib import contextmanager
from types import SimpleNamespace

import machine
from machine import CPU, SETTINGS, Array, convolve, faulty, maybe_explode

__version__ = SETTINGS["version"]
float32, bfloat16 = "float32", "bfloat16"
version = SimpleNamespace(cuda=SETTINGS["cuda"] or None, hip=SETTINGS.get("hip"))
backends = SimpleNamespace(
    cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=True)), cudnn=SimpleNamespace(allow_tf32=True)
)
_current = [0]


def _init():
    if SETTINGS["start"]:
        raise RuntimeError(SETTINGS["start"])


@contextmanager
def _device(number):
    _current.append(number)
    yield
    _current.pop()


cuda = SimpleNamespace(
    is_available=lambda: bool(machine.gpus()),
    init=_init,
    device_count=lambda: len(machine.gpus()),
    get_device_name=lambda number: machine.gpus()[number][0],
    get_device_capability=lambda number: machine.gpus()[number][1],
    get_arch_list=lambda: SETTINGS["archs"],
    device=_device,
    # As in torch 2.4 and newer, which count what is done in software: the probe must not believe it.
    is_bf16_supported=lambda: True,
)


def tensor(values, dtype=None, device="cpu", requires_grad=False):
    where = CPU if device == "cpu" else int(device.partition(":")[2])
    if where != CPU:
        assert where == _current[-1]
    if dtype == bfloat16 and machine.gpus()[where][1] < (8, 0):
        raise RuntimeError("bfloat16 is not supported by this GPU")
    maybe_explode(where)
    made = Array(values, where, rough=backends.cudnn.allow_tf32 or backends.cuda.matmul.allow_tf32)
    if dtype == bfloat16 and faulty("bf16", where):
        made = Array([[value + 1 for value in row] for row in values], where)
    return made


nn = SimpleNamespace(functional=SimpleNamespace(conv2d=convolve))
