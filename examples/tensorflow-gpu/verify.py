"""Run on a machine with a GPU: a matrix product and a small model, compared with the CPU's."""

import sys

import numpy as np
import tensorflow as tf


def main() -> int:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        print("No GPU to be seen in this container; start it with one.", file=sys.stderr)
        return 1
    noise = np.random.default_rng(7)
    a, b = noise.normal(size=(2, 512, 512)).astype("float32")
    with tf.device("/GPU:0"):
        product = tf.linalg.matmul(a, b).numpy()
    np.testing.assert_allclose(product, a @ b, rtol=1e-2, atol=1e-1)

    model = tf.keras.Sequential([tf.keras.layers.Dense(64, activation="relu"), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    losses = model.fit(a, a[:, :1], epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0], losses
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name)
    print(f"tensorflow {tf.__version__} on {name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
