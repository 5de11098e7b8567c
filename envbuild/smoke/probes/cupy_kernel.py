"""cupy: a kernel compiled by NVRTC and a product by cuBLAS on each GPU, exact as in numpy."""


def check(device, tools):
    import os

    del device  # there is no cupy without a GPU
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    import cupy
    import numpy

    tools.package = f"cupy {cupy.__version__}"
    runtime = cupy.cuda.runtime
    try:
        version = runtime.runtimeGetVersion()
        tools.cuda = f"{version // 1000}.{version % 1000 // 10}"
        count = runtime.getDeviceCount()
    except Exception as error:
        return tools.no_gpu(f"{type(error).__name__}: {error}")
    if not count:
        return tools.no_gpu()
    for number in range(count):
        name = runtime.getDeviceProperties(number)["name"]
        name = name.decode(errors="replace") if isinstance(name, bytes) else name
        code = str(cupy.cuda.Device(number).compute_capability)
        capability = (int(code[:-1]), int(code[-1:]))
        tools.on_gpu(number, name, capability, lambda number=number: kernels(cupy, numpy, tools, number))
    return tools.passed("compiled kernel and matrix product")


def kernels(cupy, numpy, tools, number):
    """What comes out wrong on GPU `number`; "" when all is right."""
    left, right, product = tools.sample
    with cupy.cuda.Device(number):
        numbers = numpy.arange(1024, dtype=numpy.float32)
        mixed = cupy.ElementwiseKernel("float32 x, float32 y", "float32 z", "z = x * 3 + y", "envbuild_smoke")
        made = cupy.asnumpy(mixed(cupy.asarray(numbers), cupy.asarray(numbers[::-1].copy())))
        if made.tolist() != (numbers * 3 + numbers[::-1]).tolist():
            return "result with a compiled kernel"
        made = cupy.array(left, dtype=cupy.float32) @ cupy.array(right, dtype=cupy.float32)
        return "" if cupy.asnumpy(made).tolist() == product else "matrix product"
