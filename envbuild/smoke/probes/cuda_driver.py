"""The CUDA driver itself, where no framework speaks for it: it must load, start, and count a device."""


def check(device, sample):
    del device, sample
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return "failed", f"the driver's library cannot be loaded: {error}"
    code = driver.cuInit(0)
    if code:
        return "failed", f"the CUDA driver does not start: error {code}"
    count = ctypes.c_int(0)
    version = ctypes.c_int(0)
    if driver.cuDeviceGetCount(ctypes.byref(count)) or driver.cuDriverGetVersion(ctypes.byref(version)):
        return "failed", "the CUDA driver does not answer"
    if not count.value:
        return "failed", "the CUDA driver sees no device"
    number = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return "passed", f"CUDA driver {number}: {count.value} device(s)"
