"""Bringing an image to registries, with what belongs to it: `publish(request, wish) → Published`.

Above engine, registry and smoke; what is attached is made here from the lock and the smoke report.
"""
