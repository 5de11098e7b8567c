"""Calls the `check(device, sample)` of the probe before it, and prints what came out as the last line."""

import json
import pathlib
import sys


def gpu_devices(patterns):
    """Device files of GPUs that this container was given."""
    paths = [pathlib.Path(pattern) for pattern in patterns]
    return [found for path in paths for found in path.parent.glob(path.name)]


def known_product(size):
    """Two matrices of small whole numbers and their product, worked out here: exact in any float format."""
    steps = range(size)
    left = [[(7 * i + 3 * j) % 5 - 2 for j in steps] for i in steps]
    right = [[(2 * i + 5 * j) % 7 - 3 for j in steps] for i in steps]
    product = [[sum(left[i][k] * right[k][j] for k in steps) for j in steps] for i in steps]
    return left, right, product


def verdict(device, patterns):
    """(status, detail) of the check; no device file at all means that nothing was tried."""
    if device == "gpu" and not gpu_devices(patterns):
        return "not run", "no GPU in the container"
    try:
        return globals()["check"](device, known_product(48))
    except BaseException as error:  # whatever a broken package throws, even SystemExit, is its verdict
        import traceback

        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}".splitlines()[0]


if __name__ == "__main__":
    _status, _detail = verdict(sys.argv[1], sys.argv[2:])
    sys.stderr.flush()
    sys.stdout.write("\n" + json.dumps({"status": _status, "detail": _detail}) + "\n")
    sys.stdout.flush()
