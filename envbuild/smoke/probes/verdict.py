"""Calls the `check(device, tools)` of the probe before it, and prints what came out as the last line."""

# ruff: noqa: F821  the parts of a probe are one script when they run: see __init__.py

import json
import os
import pathlib
import sys


def gpu_devices(patterns):
    """Device files of GPUs that this container was given."""
    paths = [pathlib.Path(pattern) for pattern in patterns]
    return [found for path in paths for found in path.parent.glob(path.name)]


def turned_away():
    """Whether the image's environment tells the NVIDIA runtime to give no GPU, in words."""
    asked = os.environ.get("NVIDIA_VISIBLE_DEVICES")
    return f": NVIDIA_VISIBLE_DEVICES is {asked!r} in it" if asked in ("", "void", "none") else ""


def verdict(device, patterns):
    """(status, detail) of the check; no device file at all means that nothing was tried."""
    if device == "gpu" and not gpu_devices(patterns):
        return "not run", f"no GPU in the container{turned_away()}"
    tools = Tools()
    try:
        return check(device, tools)
    except Failed as error:
        return "failed", str(error)
    except BaseException as error:  # whatever a broken package throws, even SystemExit, is its verdict
        import traceback

        traceback.print_exc()
        return "failed", tools.explain(error)


if __name__ == "__main__":
    _status, _detail = verdict(sys.argv[1], sys.argv[2:])
    sys.stderr.flush()
    sys.stdout.write("\n" + json.dumps({"status": _status, "detail": _detail}) + "\n")
    sys.stdout.flush()
