"""The command line: arguments in, one call of the pipeline, its result printed.

The only room that prints or knows exit codes. Results go to standard output, progress and messages to
standard error. With `--json` the result is one JSON document on standard output, and events are lines of JSON
on standard error.
"""
