"""What people already have → a spec: one module per format, each reads one file or folder into a `Draft`."""
