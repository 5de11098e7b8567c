"""jax: a compiled matrix product and a gradient, on the CPU or each GPU, of whole numbers: exact."""


def check(device, tools):
    import os

    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    else:
        # Named, CUDA must start, and says why if it does not; else jax would quietly take the CPU.
        os.environ.setdefault("JAX_PLATFORMS", "cuda,cpu")
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax

    tools.package = f"jax {jax.__version__}"
    if device == "cpu":
        wrong = kernels(jax, tools, jax.devices()[0])
        if wrong:
            return "failed", f"jax computes a wrong {wrong} on the CPU"
        return "passed", f"{tools.package}: compiled product and gradient are right on CPU"
    tools.cuda = cuda_of_build()
    try:
        devices = [found for found in jax.devices() if found.platform in ("gpu", "cuda")]
    except RuntimeError as error:
        return tools.no_gpu(f"RuntimeError: {error}")
    if not devices:
        asked = os.environ["JAX_PLATFORMS"]
        return tools.no_gpu(f"it runs on {jax.default_backend()} (JAX_PLATFORMS={asked})")
    for number, found in enumerate(devices):
        code = str(getattr(found, "compute_capability", "")).partition(".")
        capability = (int(code[0]), int(code[2])) if code[0].isdigit() and code[2].isdigit() else None
        tools.on_gpu(number, found.device_kind, capability, lambda found=found: kernels(jax, tools, found))
    return tools.passed("compiled product and gradient")


def cuda_of_build():
    """The CUDA of jax's plugin: X.Y if it says so, else the major in its name; "" unknown."""
    try:
        from jax._src.lib import cuda_versions

        version = cuda_versions.cuda_runtime_build_version()
        return f"{version // 1000}.{version % 1000 // 10}"
    except Exception:
        pass
    try:
        from importlib.metadata import distributions

        names = {str(found.metadata["Name"]).lower().replace("_", "-") for found in distributions()}
    except ImportError:
        return ""
    majors = [name[len("jax-cuda") : -len("-plugin")] for name in names if name.startswith("jax-cuda")]
    return next((major for major in sorted(majors, reverse=True) if major.isdigit()), "")


def kernels(jax, tools, device):
    """What comes out wrong on `device`; "" when all is right."""
    import jax.numpy as jnp

    def put(values):
        return jax.device_put(jnp.array(values, dtype=jnp.float32), device)

    left, right, product = tools.sample
    multiply = jax.jit(lambda a, b: jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST))
    made = multiply(put(left), put(right))
    where = made.devices() if callable(getattr(made, "devices", None)) else {device}
    if where != {device}:
        return f"choice of device (it ran on {where})"
    if made.tolist() != product:
        return "matrix product"
    slope = jax.grad(lambda point: jnp.sum(point * point))(put([1.0, 2.0, 3.0]))
    return "" if slope.tolist() == [2.0, 4.0, 6.0] else "gradient"
