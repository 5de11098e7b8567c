"""The CUDA driver itself, where no framework speaks for it: it starts, and runs a small kernel on each GPU.

The kernel is PTX, which the driver compiles: 3 x + y of 256 whole numbers, exact.
"""

# PTX 3.2 (CUDA 5.5) for sm_30: every driver and GPU that CUDA 9 and newer serve can take it.
PTX = b"""
.version 3.2
.target sm_30
.address_size 64
.visible .entry envbuild_smoke(.param .u64 x, .param .u64 y, .param .u64 z)
{
    .reg .u32 %r<5>;
    .reg .u64 %rd<8>;
    ld.param.u64 %rd1, [x];
    ld.param.u64 %rd2, [y];
    ld.param.u64 %rd3, [z];
    cvta.to.global.u64 %rd1, %rd1;
    cvta.to.global.u64 %rd2, %rd2;
    cvta.to.global.u64 %rd3, %rd3;
    mov.u32 %r1, %tid.x;
    mul.wide.u32 %rd4, %r1, 4;
    add.u64 %rd5, %rd1, %rd4;
    add.u64 %rd6, %rd2, %rd4;
    add.u64 %rd7, %rd3, %rd4;
    ld.global.u32 %r2, [%rd5];
    ld.global.u32 %r3, [%rd6];
    mad.lo.u32 %r4, %r2, 3, %r3;
    st.global.u32 [%rd7], %r4;
    ret;
}
"""
THREADS = 256


def check(device, tools):
    del device
    import ctypes

    tools.package = "CUDA driver"
    trouble = driver_trouble(tools.versions())  # noqa: F821  from driver.py
    if trouble:
        return "failed", trouble
    driver = ctypes.CDLL("libcuda.so.1")
    for number, (name, capability) in enumerate(driver_devices()):  # noqa: F821  likewise
        tools.on_gpu(number, name, capability, lambda number=number: kernel(driver, number))
    if not tools.right:
        return "failed", f"the CUDA driver does not describe its GPUs; {tools.versions()}"
    return tools.passed("the results of a compiled kernel")


def kernel(driver, number):
    """What comes out wrong on GPU `number`; "" when all is right. Raises RuntimeError."""
    import ctypes

    def ask(name, *arguments):
        code = getattr(driver, name)(*arguments)
        if code:
            raise RuntimeError(f"{name}: {with_advice(driver, code, '')}")  # noqa: F821  likewise

    device, context, module, function = ctypes.c_int(0), *(ctypes.c_void_p() for _ in range(3))
    ask("cuDeviceGet", ctypes.byref(device), number)
    ask("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        ask("cuCtxSetCurrent", context)
        ask("cuModuleLoadData", ctypes.byref(module), PTX)
        ask("cuModuleGetFunction", ctypes.byref(function), module, b"envbuild_smoke")
        numbers = ctypes.c_uint32 * THREADS
        x, y, z = numbers(*range(THREADS)), numbers(*reversed(range(THREADS))), numbers()
        size = ctypes.c_size_t(ctypes.sizeof(x))
        places = [ctypes.c_uint64(0) for _ in range(3)]
        for place in places:
            ask("cuMemAlloc_v2", ctypes.byref(place), size)
        ask("cuMemcpyHtoD_v2", places[0], x, size)
        ask("cuMemcpyHtoD_v2", places[1], y, size)
        handed = (ctypes.c_void_p * 3)(*(ctypes.addressof(place) for place in places))
        shape = (1, 1, 1, THREADS, 1, 1, 0)  # blocks, threads, shared memory
        ask("cuLaunchKernel", function, *shape, None, handed, None)
        ask("cuCtxSynchronize")
        ask("cuMemcpyDtoH_v2", z, places[2], size)
        for place in places:
            ask("cuMemFree_v2", place)
    finally:
        driver.cuDevicePrimaryCtxRelease(device)
    right = [3 * i + THREADS - 1 - i for i in range(THREADS)]
    return "" if list(z) == right else "result with a compiled kernel"
