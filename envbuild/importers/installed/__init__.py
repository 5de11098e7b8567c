"""An environment that is installed → a `Draft`. Runs nothing of it."""
