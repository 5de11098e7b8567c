"""`envbuild schema`: print the JSON Schema of spec.yml."""

from envbuild.cli.options import examples

NAME = "schema"
EPILOG = examples(
    "envbuild schema > spec.schema.json",
    "echo '# yaml-language-server: $schema=spec.schema.json' | cat - spec.yml",
)


def command() -> None:
    """Print the JSON Schema of spec.yml.

    Editors complete and check specs with it.
    """
    from envbuild.cli.output import emit_json
    from envbuild.spec.schema import json_schema

    emit_json(json_schema())
