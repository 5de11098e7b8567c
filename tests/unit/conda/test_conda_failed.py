"""Why a stage of conda packages failed: from what micromamba 2 says to one line, a place and a hint."""

import pytest
from support.planned import conda_record

from envbuild.conda.failed import conda_failed
from envbuild.errors import BuildError, Problem

RECORDS = tuple(conda_record(name, "2.1.0") for name in ("python", "numpy", "numpy-base"))
FILE = "numpy-2.1.0-0.conda"
URL = f"https://mirror.lab.example/forge/linux-64/{FILE}"
DOCTOR = "check the address, the proxy, the CA bundle and the credentials: envbuild doctor"
CHANNEL = "https://conda.example/forge"


def error(*log: str, key: str = "conda") -> BuildError:
    problem = Problem(file="spec.yml", line=4, path=key, what="its step failed")
    return BuildError("the step failed", step="conda environment", log=log, problem=problem, hint="as before")


@pytest.mark.parametrize(
    ("log", "message", "hint"),
    [
        (
            (f'error    libmamba File not valid: SHA256 doesn\'t match expectation "/p/{FILE}"',
             f"{FILE} tarball has incorrect SHA256", "critical libmamba Found incorrect downloads. Aborting"),
            f"{FILE}: hash mismatch: {CHANNEL} has another file of this name than the lock",
            "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package numpy",
        ),
        (
            (f"Download error (22) [{URL}]", "The requested URL returned error: 401"),
            f"{FILE}: {CHANNEL} refuses without the right credentials (401)",
            "name the channel with its login or token in the site config: conda_mirrors",
        ),
        (
            (f"critical libmamba Failed to retrieve {URL}, response code: 403",),
            f"{FILE}: {CHANNEL} refuses without the right credentials (403)",
            "name the channel with its login or token in the site config: conda_mirrors",
        ),
        (
            (f"Download error (22) [{URL}]", "The requested URL returned error: 404"),
            f"{FILE}: {CHANNEL} has it no more (404)",
            "renew the lock: envbuild lock --upgrade",
        ),
        (
            (f"Download error (22) [{URL}]", "The requested URL returned error: 503"),
            f"{FILE}: {CHANNEL} answers with an error (503)",
            "try again later, or name a mirror",
        ),
        (
            (f"Download error (6) Could not resolve hostname [{URL}]",),
            f"{FILE}: {CHANNEL} cannot be reached from the build",
            DOCTOR,
        ),
        (
            (f"Download error (60) SSL peer certificate or SSH remote key was not OK [{URL}]",),
            f"{FILE}: the certificate of {CHANNEL} is not trusted",
            DOCTOR,
        ),
        (
            ("Could not resolve hostname", "envbuild: this base has no CA certificates; name some"),
            "this base has no CA certificates",
            "name some",
        ),
    ],
)  # fmt: skip
def test_known_reasons(log: tuple[str, ...], message: str, hint: str) -> None:
    told = conda_failed(error(*log), RECORDS)
    assert (told.message, told.hint) == (message, hint)
    whose = "numpy=2.1.0=0 is locked from there" if FILE in message else "its step failed"
    assert str(told.problem) == f"spec.yml:4: conda: {whose}"
    assert (told.step, told.log) == ("conda environment", log)


def test_a_reason_that_names_no_package() -> None:
    told = conda_failed(error("critical libmamba Found incorrect downloads. Aborting"), RECORDS)
    assert (
        told.message
        == "a conda package: hash mismatch: the channel has another file of this name than the lock"
    )
    assert str(told.problem) == "spec.yml:4: conda: its step failed"


def test_what_a_script_of_the_stage_refuses_without_a_word_on_what_to_do() -> None:
    told = conda_failed(error("envbuild: micromamba does not run in this stage"), RECORDS)
    assert (told.message, told.hint) == ("micromamba does not run in this stage", "as before")


def test_anything_else_comes_back_as_it_is() -> None:
    for same in (
        error("rm: it is a folder"),
        error("envbuild: no", key="pip"),
        error("error: 401", key="pip"),
    ):
        assert conda_failed(same, RECORDS) is same
