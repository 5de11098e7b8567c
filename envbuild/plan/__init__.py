"""Stage 3: spec and lock → the typed layers of the image, from stable to volatile. Pure.

Verb: `make_plan(spec, lock, …) -> Plan` (make.py); how packages are put into groups is in groups.py.
"""
