"""The spec's format for machines and for people: `json_schema() → dict`, `reference_markdown() → str`. Pure.

Both come from the model in `file.py`, so they cannot say what the reader does not do; docs/spec.md is the
second.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from envbuild.facts.rules import RULES
from envbuild.spec.file import SpecFile

Schema: TypeAlias = dict[str, Any]

EXAMPLE = """\
name: dl-env
python: 3.12
cuda: 12.8                        # the base follows from it; else `base: debian:bookworm-slim`
targets: [A100, "RTX 4090"]       # GPUs that the image must run on
apt: [git, libgl1]
pip:
  packages: ["torch==2.8.*", transformers]
  requirements: [requirements.txt]
  torch_backend: cu128
env: {HF_HOME: /cache}
copy: [{from: src, to: /workspace/src}]
run: ["git lfs install --system"]
smoke:
  imports: [torch, transformers]
  commands: ["python -c 'import torch; print(torch.__version__)'"]
image: {repository: registry.example.org/lab/dl-env, tags: [latest]}
"""

_INTRODUCTION = f"""\
# spec.yml

<!-- Written by envbuild.spec.schema.reference_markdown(); a test compares this file with it. -->

One file declares one environment:

```yaml
{EXAMPLE}```

What belongs to a site and not to an environment (certificates, proxies, mirrors, credentials, the engine)
is never in a spec: see [site.md](site.md). `envbuild schema` prints this format as a JSON Schema, for
editors.

## How the file is read

- Values are taken as they are written: `python: 3.10` is 3.10, and `no` is the text no.
- A key without a value is the same as no key. An empty text is written `""`.
- Anchors, aliases and merge keys (`<<`) work. Tags, tabs for indentation, duplicate keys and a second
  document are refused, and so is a file of more than 1 MB, with more than 20,000 values or nested deeper
  than 20 levels.
- Unknown keys are refused. All problems of a file are shown at once, as `spec.yml:LINE: key.path: what;
  what to do`.
- Paths are relative to the folder of the spec and stay inside it; symbolic links that lead out are refused.
- `run` and `smoke.commands` are shell, and may have several lines. Everything else is data: it is never
  seen by a shell as code. Values of `env` and labels are one line each; a `$` in them is a dollar sign.

Requirements files may hold requirements (PEP 508), comments, lines continued by `\\`, and `-r` with a
file inside the spec's folder. Other options are refused: what they say belongs to the spec
(`pip.index_url`), to the lock (hashes) or to the site. Paths, version control addresses and addresses with
credentials cannot be locked, and are refused too.
"""


_ACCEPT = """\
## `accept`

What envbuild knows of CUDA, drivers, GPUs and packages comes from tables with a source and a date. Where you
know better, name the rule that stops you (its name stands in brackets behind what it says): what it says
becomes a warning. The lock records it.
"""


def json_schema() -> Schema:
    """The format as JSON Schema, draft 2020-12."""
    schema = SpecFile.model_json_schema(by_alias=True, mode="validation")
    for section in [schema, *schema["$defs"].values()]:
        for prop in section.get("properties", {}).values():
            prop.pop("title", None)  # pydantic's title is the key once more
            if prop.get("default", "") is None:
                del prop["default"]
            for choice in prop.get("anyOf", ()):
                if "patternProperties" in choice:
                    choice["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "envbuild spec"}


def reference_markdown() -> str:
    """The reference of all keys, as docs/spec.md holds it."""
    schema = json_schema()
    parts = [_INTRODUCTION, _section("Keys", schema)]
    for key, prop in schema["properties"].items():
        if (definition := _definition(prop)) and key != "variants":
            parts.append(_section(f"`{key}`", schema["$defs"][definition]))
    parts.append(
        "## `variants`\n\nA mapping from names to what differs: every key above but `name` and `variants`. "
        "They come in a later release; until then they are refused.\n"
    )
    parts.append(_rules())
    return "\n".join(parts)


def _rules() -> str:
    """The rules that `accept` may name."""
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in RULES.items())
    return f"{_ACCEPT}\n| rule | what it says |\n| --- | --- |\n{rows}"


def _section(title: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        f"## {title}",
        "",
        schema["description"],
        "",
        "| key | value | meaning | example |",
        "| --- | --- | --- | --- |",
    ]
    for key, prop in schema["properties"].items():
        must = "**Required.** " if key in required else ""
        meaning = must + prop.get("description", "").replace("|", "\\|")
        example = next((f"`{_yaml(item)}`" for item in prop.get("examples", ())), "")
        rows.append(f"| `{key}` | {_kind(prop, key)} | {meaning} | {example} |")
    return "\n".join([*rows, ""])


def _kind(prop: Schema, key: str) -> str:
    """What a value looks like, in words."""
    if "anyOf" in prop:
        return " or ".join(_kind(choice, key) for choice in prop["anyOf"] if choice.get("type") != "null")
    if "$ref" in prop:
        return f"[mapping](#{key})"
    if "enum" in prop:
        return ", ".join(f"`{choice}`" for choice in prop["enum"])
    if prop.get("type") == "array":
        return f"list of {_plural(prop['items'], key)}"
    if prop.get("type") == "object":
        return f"mapping of {_plural(_values(prop), key)}"
    return {"integer": "whole number", "boolean": "`true` or `false`"}.get(str(prop.get("type")), "text")


def _plural(prop: Schema, key: str) -> str:
    return f"[mappings](#{key})" if "$ref" in prop else "texts"


def _values(prop: Schema) -> Schema:
    """The schema of a mapping's values, where any key is allowed that fits a pattern."""
    patterns: dict[str, Schema] = prop.get("patternProperties", {})
    return next(iter(patterns.values()), {})


def _definition(prop: Schema) -> str:
    """Name of the section that `prop` holds, in whatever wrapping."""
    if "$ref" in prop:
        return str(prop["$ref"]).rpartition("/")[2]
    inner = [*prop.get("anyOf", ()), prop.get("items"), _values(prop)]
    return next((found for item in inner if item and (found := _definition(item))), "")


def _yaml(value: object) -> str:
    """An example as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    from envbuild.spec.starter import quoted

    return quoted(str(value))
