"""jax: a compiled matrix product and a gradient on the device, with known results."""


def check(device, sample):
    import os

    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    if device == "gpu" and jax.default_backend() != "gpu":
        return "failed", f"jax {jax.__version__} cannot use the GPU: it runs on {jax.default_backend()}"
    left, right, product = sample
    multiply = jax.jit(lambda a, b: jnp.matmul(a, b))
    made = multiply(jnp.array(left, dtype=jnp.float32), jnp.array(right, dtype=jnp.float32))
    if made.tolist() != product:
        return "failed", f"jax computes a wrong matrix product on {jax.default_backend()}"
    slope = jax.grad(lambda point: jnp.sum(point * point))(jnp.array([1.0, 2.0, 3.0]))
    if slope.tolist() != [2.0, 4.0, 6.0]:
        return "failed", f"jax computes a wrong gradient on {jax.default_backend()}"
    name = getattr(jax.devices()[0], "device_kind", "") if device == "gpu" else "CPU"
    return "passed", f"jax {jax.__version__}: compiled product and gradient are right on {name}"
