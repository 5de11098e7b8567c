"""The order of the stages, in one place. Imports no docker, typer or jinja2: each stage brings its own."""
