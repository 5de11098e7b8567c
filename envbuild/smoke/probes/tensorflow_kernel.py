"""tensorflow (1.15 and newer): a product, a convolution and a gradient, on the CPU or each GPU.

Their results are known. Product and gradient are of whole numbers and must be exact; the convolution, in
float32 without TF32, may be off by 1/10000 of the largest number. GPU memory is taken as it is needed.
"""


def check(device, tools):
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if device == "cpu" else "1")
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with Overheard() as heard:  # why it finds no GPU, it tells its log alone
        import tensorflow as tf

        tools.package = f"tensorflow {tf.__version__}"
        if tf.__version__.startswith("1."):
            tf.compat.v1.enable_eager_execution()
        gpus = [] if device == "cpu" else listed(tf)
    if device == "cpu":
        wrong = kernels(tf, tools, "CPU:0")
        if wrong:
            return "failed", f"tensorflow computes a wrong {wrong} on the CPU"
        return "passed", f"{tools.package}: product, convolution and gradient are right on CPU"
    if not tf.test.is_built_with_cuda():
        return "failed", f"{tools.package} is a CPU build (tf.test.is_built_with_cuda() is False)"
    about_build(tf, tools)
    if not gpus:
        return tools.no_gpu(reason(heard.text))
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if hasattr(tf.config.experimental, "enable_tensor_float_32_execution"):
        tf.config.experimental.enable_tensor_float_32_execution(False)
    for number, (name, capability) in enumerate(described(tf, gpus)):
        tools.on_gpu(number, name, capability, lambda number=number: kernels(tf, tools, f"GPU:{number}"))
    return tools.passed("product, convolution and gradient")


class Overheard:
    """Keeps what native code writes to standard error, and passes it on at the end."""

    def __enter__(self):
        import os
        import tempfile

        self.text = ""
        self.file = tempfile.TemporaryFile()
        self.stderr = os.dup(2)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *error):
        import os
        import sys

        sys.stderr.flush()
        os.dup2(self.stderr, 2)
        os.close(self.stderr)
        self.file.seek(0)
        self.text = self.file.read().decode(errors="replace")
        self.file.close()
        sys.stderr.write(self.text)


def listed(tf):
    """Its GPUs; the function was experimental until 2.1."""
    list_devices = getattr(tf.config, "list_physical_devices", None)
    return (list_devices or tf.config.experimental.list_physical_devices)("GPU")


def about_build(tf, tools):
    """What it was made with, as it says itself from 2.3 on."""
    try:
        build = dict(tf.sysconfig.get_build_info())
    except AttributeError:
        return
    tools.cuda = str(build.get("cuda_version", ""))
    codes = build.get("cuda_compute_capabilities", [])
    # Old releases write "7.0" for cubin and PTX alike: nothing can be concluded from that.
    tools.holds = [str(code) for code in codes] if all("_" in str(code) for code in codes) else []


def reason(log):
    """Why there is no GPU, by the log: libraries by name (until 2.12), or just that some are missing."""
    import re

    names = sorted(set(re.findall(r"Could not load dynamic library '([^']+)'", log)))
    if names:
        return f"could not load {', '.join(names)}"
    if "Cannot dlopen some GPU libraries" in log:
        return "tensorflow cannot load some of its CUDA libraries: take the extra tensorflow[and-cuda]"
    return ""


def described(tf, gpus):
    """(name, capability) of each GPU: by tensorflow from 2.3 on, before that by the driver."""
    driver = driver_devices()  # noqa: F821  from driver.py
    if len(driver) == len(gpus):
        return driver
    details = getattr(tf.config.experimental, "get_device_details", None)
    found = [details(gpu) if details else {} for gpu in gpus]
    return [(about.get("device_name", "GPU"), about.get("compute_capability")) for about in found]


def kernels(tf, tools, where):
    """What comes out wrong on the device `where`; "" when all is right."""
    left, right, product = tools.sample
    picture, weights, known = known_convolution(16, 4, 8)  # noqa: F821  from tools.py
    with tf.device(f"/{where}"):
        made = tf.linalg.matmul(tf.constant(left, dtype=tf.float32), tf.constant(right, dtype=tf.float32))
        # NHWC, and weights as [height, width, in, out]
        pixels = tf.transpose(tf.constant([picture], dtype=tf.float32), [0, 2, 3, 1])
        window = tf.transpose(tf.constant(weights, dtype=tf.float32), [2, 3, 1, 0])
        filtered = tf.nn.conv2d(pixels, window, strides=[1, 1, 1, 1], padding="VALID")
        filtered = tf.transpose(filtered, [0, 3, 1, 2])
        point = tf.constant([1.0, 2.0, 3.0])
        with tf.GradientTape() as tape:
            tape.watch(point)
            total = tf.reduce_sum(point * point)
        slope = tape.gradient(total, point)
    if not made.device.endswith(where):
        return f"choice of device (it ran on {made.device})"
    if made.numpy().tolist() != product:
        return "matrix product"
    if not tools.near(filtered.numpy().tolist(), [known], 1e-4):
        return "convolution"
    return "" if slope.numpy().tolist() == [2.0, 4.0, 6.0] else "gradient"
