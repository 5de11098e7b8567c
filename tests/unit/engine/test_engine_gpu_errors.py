"""What engines and NVIDIA's programs say when they give no GPU, form by form, and what a user reads of it."""

from pathlib import Path

import pytest
import yaml

from envbuild.engine.gpu_errors import explain_gpu

FORMS = yaml.safe_load(Path(__file__).with_name("gpu_refusals.yml").read_text())
HOOK = (
    "OCI runtime create failed: runc create failed: unable to start container process: error during "
    "container init: error running prestart hook #0: exit status 1, stdout: , stderr: Auto-detected mode as "
    "'legacy'\nnvidia-container-cli: something new: unknown"
)
NO_PYTHON = (
    "OCI runtime create failed: runc create failed: unable to start container process: exec: "
    '"/opt/env/bin/python": stat /opt/env/bin/python: no such file or directory: unknown'
)


@pytest.mark.parametrize("form", FORMS, ids=[form["said"][:60] for form in FORMS])
def test_every_form(form: dict[str, str]) -> None:
    error = explain_gpu(form["text"])
    assert error is not None
    assert error.message == f"the engine gives no GPU: {form['wrong']}; it said: {form['said']}"
    assert form["said"] in form["text"]
    assert form["todo"] in error.hint
    assert "{{" not in error.hint


def test_the_devices_that_the_engine_has_are_named() -> None:
    text = "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9"
    error = explain_gpu(text, ("amd.com/gpu=0", "nvidia.com/gpu=0", "nvidia.com/gpu=all"))
    assert error is not None
    assert error.hint.startswith("it has nvidia.com/gpu=0, nvidia.com/gpu=all; `nvidia-ctk cdi list` shows")


@pytest.mark.parametrize(
    "text", [HOOK, "the gpu is on holiday", "CDI device injection failed: something new"]
)
def test_unknown_words_about_gpus_are_passed_on(text: str) -> None:
    error = explain_gpu(f"{text}\n")
    assert error is not None
    assert error.message == f"the engine gives no GPU: {text}"
    assert error.hint.startswith("install nvidia-container-toolkit where the engine runs, then ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        NO_PYTHON,
        "no space left on device",
        "cannot stat `/etc/hosts`: No such file or directory",
        'could not select device driver "" with capabilities: [[tpu]]',
    ],
)
def test_words_about_something_else_are_not_explained(text: str) -> None:
    assert explain_gpu(text) is None
