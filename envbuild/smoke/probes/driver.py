"""What the NVIDIA driver says of itself and its GPUs, by ctypes. Runs inside the image."""

# ruff: noqa: F821  the parts of a probe are one script when they run: see __init__.py


def driver_version(proc="/proc/driver/nvidia/version"):
    """The driver's version, by its kernel module or by NVML; "" when neither says."""
    import ctypes
    import re

    try:
        with open(proc) as file:  # noqa: PTH123  tests give text paths, too
            found = re.search(r"\s(\d{2,}\.\d+(?:\.\d+)*)\s", file.readline())
        if found:
            return found.group(1)
    except OSError:
        pass
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        text = ctypes.create_string_buffer(96)
        if nvml.nvmlInit_v2() == 0 and nvml.nvmlSystemGetDriverVersion(text, ctypes.c_uint(96)) == 0:
            return text.value.decode()
    except (OSError, AttributeError):
        pass
    return ""


def load_driver():
    """libcuda as ctypes has it; None when it cannot be loaded."""
    import ctypes

    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def driver_cuda():
    """The newest CUDA that the driver's library speaks ("12.4"); "" when it does not say."""
    import ctypes

    driver, version = load_driver(), ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(version)) or not version.value:
        return ""
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def driver_devices():
    """(name, (major, minor)) of each GPU by the driver, in CUDA's order; [] when it does not answer."""
    import ctypes

    driver, count = load_driver(), ctypes.c_int(0)
    if driver is None or driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    found = []
    for number in range(count.value):
        device, name = ctypes.c_int(0), ctypes.create_string_buffer(128)
        capability = []
        if driver.cuDeviceGet(ctypes.byref(device), number) or driver.cuDeviceGetName(name, 128, device):
            return []
        for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
            value = ctypes.c_int(0)
            if driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device):
                return []
            capability.append(value.value)
        found.append((name.value.decode(errors="replace"), tuple(capability)))
    return found


def driver_trouble(versions=""):
    """Why the driver cannot be used, in one line with what to do; "" when it starts and sees a GPU."""
    import ctypes
    import os

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return f"the driver's library cannot be loaded: {short(str(error))}; {no_library_advice()}"
    code, count = driver.cuInit(0), ctypes.c_int(0)
    if code:
        return f"the CUDA driver does not start: {with_advice(driver, code, versions)}"
    code = driver.cuDeviceGetCount(ctypes.byref(count))
    if code:
        return f"the CUDA driver does not count its GPUs: {with_advice(driver, code, versions)}"
    if count.value:
        return ""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    hides = "" if hidden is None else f"; CUDA_VISIBLE_DEVICES={hidden} hides those that are there"
    return f"the CUDA driver sees no GPU{hides}"


def with_advice(driver, code, versions):
    """`error 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); what to do`."""
    import ctypes

    name = ctypes.c_char_p()
    try:
        known = driver.cuGetErrorName(code, ctypes.byref(name)) == 0 and name.value
    except AttributeError:
        known = False
    said = f"error {code} ({name.value.decode()})" if known else f"error {code}"
    advice = advice_for_code(code, versions)
    return f"{said}; {advice}" if advice else said
