"""What conda, mamba and pixi leave behind → a `Draft`."""
