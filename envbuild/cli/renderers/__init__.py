"""Sinks that draw events: live (a terminal), plain (a pipe or a log file), json_lines (a program), quiet.

Each is a callable that takes events from any thread, and a context manager that leaves the stream tidy.
"""
