"""The kinds of values in a spec as pydantic types: each joins a grammar to its JSON Schema. Pure.

What YAML editors take for a number (`python: 3.12`, `cuda: 12.8`) may be one in the schema; the reader hands
out text.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from envbuild import names
from envbuild.facts.rules import RULES
from envbuild.spec import grammar
from envbuild.spec.channel import channel
from envbuild.spec.matchspec import match_spec
from envbuild.spec.pep508 import requirement_name
from envbuild.spec.words import Bad


def _text(pattern: str | None = None, *, number: bool = False, **more: Any) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": ["string", "number"] if number else "string", **more}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return WithJsonSchema(schema)


def _scalar() -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number", "boolean"]})


def _requirement(text: str) -> str:
    requirement_name(text)
    return text


def _no_section(value: object) -> object:
    """An environment.yml has `- pip: [...]` among its packages."""
    if isinstance(value, dict) and list(value) == ["pip"]:
        raise Bad("packages for pip stand in the middle of conda's", "put them under `pip.packages`")
    return value


Name = Annotated[str, AfterValidator(grammar.name), _text(grammar.NAME, maxLength=64)]
Python = Annotated[str, AfterValidator(grammar.python), _text(grammar.PYTHON, number=True)]
CudaVersion = Annotated[str, AfterValidator(grammar.cuda_version), _text(grammar.CUDA, number=True)]
CudaOs = Annotated[str, AfterValidator(grammar.cuda_os), _text(grammar.CUDA_OS)]
Reference = Annotated[str, AfterValidator(grammar.image_reference), _text(names.REFERENCE)]
Repository = Annotated[str, AfterValidator(grammar.repository), _text(names.REPOSITORY)]
Tag = Annotated[str, AfterValidator(grammar.tag), _text(names.TAG, number=True)]
LabelKey = Annotated[str, AfterValidator(grammar.label), _text(grammar.LABEL)]
Target = Annotated[str, AfterValidator(grammar.target), _text(grammar.TARGET, number=True)]
Rule = Annotated[str, AfterValidator(grammar.rule), WithJsonSchema({"type": "string", "enum": list(RULES)})]
DebianPackage = Annotated[str, AfterValidator(grammar.debian_package), _text(grammar.DEBIAN)]
EnvName = Annotated[str, AfterValidator(grammar.env_name), _text(grammar.ENV_NAME)]
PlainValue = Annotated[str, AfterValidator(grammar.value), _scalar()]
Command = Annotated[str, AfterValidator(grammar.command), _text(minLength=1)]
Argument = Annotated[str, AfterValidator(grammar.argument), _scalar()]
User = Annotated[str, AfterValidator(grammar.user), _text(grammar.USER)]
Absolute = Annotated[str, AfterValidator(grammar.absolute), _text("/.*")]
CopyTarget = Annotated[str, AfterValidator(grammar.copy_target), _text("/.*")]
Relative = Annotated[str, AfterValidator(grammar.relative), _text("[^/].*")]
ImportName = Annotated[str, AfterValidator(grammar.import_name), _text()]
IndexUrl = Annotated[str, AfterValidator(grammar.index_url), _text("https?://.*")]
TorchBackend = Annotated[str, AfterValidator(grammar.torch_backend), _text(grammar.BACKEND)]
Requirement = Annotated[str, AfterValidator(_requirement), _text(minLength=1)]
MatchSpec = Annotated[str, BeforeValidator(_no_section), AfterValidator(match_spec), _text(minLength=1)]
Channel = Annotated[str, AfterValidator(channel), _text(minLength=1)]
Seconds = Annotated[
    int, BeforeValidator(grammar.seconds), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 86400})
]
Memory = Annotated[int, BeforeValidator(grammar.memory), _text(grammar.MEMORY, number=True)]
Flag = Annotated[bool, BeforeValidator(grammar.yes_or_no), WithJsonSchema({"type": "boolean"})]
