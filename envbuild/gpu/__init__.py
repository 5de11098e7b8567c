"""What an image needs of a GPU machine, and whether one gives it: `preflight(needs, host) → Verdict`."""
