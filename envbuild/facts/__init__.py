"""Tables of public facts (YAML, each with source and date) and pure, typed queries over them.

Verbs: `base_facts(reference)` (base.py) and `cuda_image(cuda, python, need)` (cuda.py). Nothing here asks
the network or an engine.
"""
