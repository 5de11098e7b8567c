"""A colleague's environment on this machine: pulled, or made anew from its lock; or carried here as a file.

Verbs: `pull`, `reproduce`, `save`, `load`. docs/registry.md says what each of them checks, and when.
"""
