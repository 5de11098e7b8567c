"""What pip, uv, poetry and pipenv leave behind → a `Draft`."""
