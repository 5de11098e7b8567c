"""Run on a machine with a GPU: a compiled function and its gradient, compared with numpy's."""

import sys

import jax
import jax.numpy as jnp
import numpy as np


def main() -> int:
    try:
        device = jax.devices("gpu")[0]
    except RuntimeError as error:
        print(f"No GPU to be seen in this container; start it with one. ({error})", file=sys.stderr)
        return 1
    noise = np.random.default_rng(7)
    a, b = noise.normal(size=(2, 512, 512)).astype("float32")
    with jax.default_device(device):
        product = np.asarray(jax.jit(jnp.matmul)(a, b))
        slope = np.asarray(jax.grad(lambda x: jnp.sum(jnp.sin(x)))(a[0]))
    np.testing.assert_allclose(product, a @ b, rtol=1e-2, atol=1e-1)
    np.testing.assert_allclose(slope, np.cos(a[0]), rtol=1e-4, atol=1e-4)
    print(f"jax {jax.__version__} on {device.device_kind}: product and gradient agree with numpy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
