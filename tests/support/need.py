"""What a test needs and may not have: a skip with a reason, or a failure if it is required."""

import os
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """End the test: `what` is engine, registry or network."""
    if what in os.environ.get("ENVBUILD_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required (ENVBUILD_TEST_REQUIRE) and missing: {reason}", pytrace=False)
    pytest.skip(f"needs {what}: {reason}")
