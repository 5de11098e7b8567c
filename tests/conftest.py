"""Tests that need an engine, a registry or the network are marked so, and skip where it is missing.

ENVBUILD_TEST_REQUIRE=engine,registry,network turns those skips into failures: CI must not be green for want
of an engine.
"""

import functools
import os
import shutil
import subprocess
import sys

import pytest

REQUIRED = frozenset(os.environ.get("ENVBUILD_TEST_REQUIRE", "").replace(",", " ").split())


@functools.cache
def no_engine() -> str:
    """Why there is no engine; "" when there is one."""
    from envbuild.engine.connect import connect
    from envbuild.errors import EnvbuildError
    from envbuild.site.load import load_site

    try:
        connect(load_site(os.environ).engine, os.environ).close()
    except EnvbuildError as error:
        return f"no container engine: {error.message}"
    return ""


@functools.cache
def no_registry() -> str:
    """Why no registry can be started; "" when one can."""
    return "" if shutil.which("docker-registry") else "docker-registry is not installed"


@functools.cache
def no_network() -> str:
    """Why the package index cannot be reached; "" when it can. uv knows where it is."""
    asked = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-cache", "--no-header", "-"],
        input="iniconfig", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return (
        "" if asked.returncode == 0 else f"the package index is out of reach: {asked.stderr.strip()[-200:]}"
    )


NEEDS = {"engine": no_engine, "registry": no_registry, "network": no_network}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, missing in NEEDS.items():
        if item.get_closest_marker(name) and (reason := missing()):
            if name in REQUIRED:
                pytest.fail(f"ENVBUILD_TEST_REQUIRE names {name}, but {reason}", pytrace=False)
            pytest.skip(reason)
