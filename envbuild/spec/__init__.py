"""Stage 1, spec: `load_spec(path) → Spec`. Reads one YAML file and what it names; nothing else.

A spec is read strictly, checked completely, and every problem is reported at once with its file, line and key
path.
"""
