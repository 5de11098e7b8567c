"""Values with a meaning to a shell, a path or a Dockerfile: refused, or carried unchanged, in every field.

`hostile_values.txt` beside this file holds the answer for each field and value, to be read by people. What is
carried is quoted by the renderer later. ENVBUILD_WRITE_HOSTILE=1 writes it anew after a change of wording.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = Path(__file__).with_name("hostile_values.txt")
VALUES = ["../x", "; rm -rf /", "$(id)", "`id`", "a\nb", "a\nRUN id", "-x", "a' b", 'a" b', "a\0b"]
FIELDS = {
    "name": "name: {}\npython: 3.12",
    "python": "name: x\npython: {}",
    **{
        field: f"name: x\npython: 3.12\n{line}"
        for field, line in {
            "base": "base: {}",
            "cuda": "cuda: {}",
            "cuda.os": "cuda: {{version: 12.8, os: {}}}",
            "targets[0]": "targets: [{}]",
            "apt[0]": "apt: [{}]",
            "pip.packages[0]": "pip: {{packages: [{}]}}",
            "pip.requirements[0]": "pip: {{requirements: [{}]}}",
            "pip.index_url": "pip: {{index_url: {}}}",
            "pip.torch_backend": "pip: {{torch_backend: {}}}",
            "env name": "env: {{{}: x}}",
            "env value": "env: {{X: {}}}",
            "copy[0].from": "copy: [{{from: {}, to: /x}}]",
            "copy[0].to": "copy: [{{from: spec.yml, to: {}}}]",
            "run[0]": "run: [{}]",
            "user": "user: {}",
            "workdir": "workdir: {}",
            "entrypoint[0]": "entrypoint: [{}]",
            "cmd[0]": "cmd: [{}]",
            "smoke.imports[0]": "smoke: {{imports: [{}]}}",
            "smoke.commands[0]": "smoke: {{commands: [{}]}}",
            "smoke.timeout": "smoke: {{timeout: {}}}",
            "smoke.memory": "smoke: {{memory: {}}}",
            "image.repository": "image: {{repository: {}}}",
            "image.tags[0]": "image: {{tags: [{}]}}",
            "label name": "image: {{labels: {{{}: x}}}}",
            "label value": "image: {{labels: {{x: {}}}}}",
            "conda.packages[0]": "conda: {{packages: [{}]}}",
            "conda.channels[0]": "conda: {{channels: [{}]}}",
            "variant name": "variants: {{{}: {{}}}}",
        }.items()
    },
}


def test_every_field_with_every_value(problems: Callable[[str], list[str]]) -> None:
    lines = []
    for field, template in FIELDS.items():
        lines.append(f"# {field}")
        for value in VALUES:
            found = problems(template.format(json.dumps(value)))
            assert not any("\n" in message or "\0" in message for message in found)
            answer = " | ".join(message.partition(": ")[2] for message in found) or "carried"
            lines.append(f"{json.dumps(value)} -> {answer}")
    text = "\n".join(lines) + "\n"
    if os.environ.get("ENVBUILD_WRITE_HOSTILE"):
        ANSWERS.write_text(text)
    assert ANSWERS.read_text() == text
