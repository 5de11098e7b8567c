"""tensorflow: a matrix product, a convolution and a gradient on the device, with known results."""


def check(device, sample):
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow as tf

    where = "/CPU:0"
    if device == "gpu":
        if not tf.config.list_physical_devices("GPU"):
            if not tf.test.is_built_with_cuda():
                return "failed", f"tensorflow {tf.__version__} is a CPU build"
            return "failed", f"tensorflow {tf.__version__} cannot use the GPU"
        where = "/GPU:0"
    left, right, product = sample
    with tf.device(where):
        made = tf.linalg.matmul(tf.constant(left, dtype=tf.float32), tf.constant(right, dtype=tf.float32))
        picture = tf.nn.conv2d(tf.ones((1, 5, 5, 1)), tf.ones((3, 3, 1, 1)), strides=1, padding="VALID")
        point = tf.constant([1.0, 2.0, 3.0])
        with tf.GradientTape() as tape:
            tape.watch(point)
            total = tf.reduce_sum(point * point)
        slope = tape.gradient(total, point)
    if made.numpy().tolist() != product:
        return "failed", f"tensorflow computes a wrong matrix product on {where}"
    if picture.numpy().tolist() != [[[[9.0]] * 3] * 3]:
        return "failed", f"tensorflow computes a wrong convolution on {where}"
    if slope.numpy().tolist() != [2.0, 4.0, 6.0]:
        return "failed", f"tensorflow computes a wrong gradient on {where}"
    name = where.strip("/").partition(":")[0]
    return "passed", f"tensorflow {tf.__version__}: product, convolution and gradient are right on {name}"
