"""Stage 2: a spec → a `Lock`, everything that the image is made of, by name, version and digest.

Verbs: `make_lock` (make.py), `read_lock` and `write_lock` (pylock.py), `drift` (drift.py, pure).
"""
