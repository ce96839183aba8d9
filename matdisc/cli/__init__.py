"""The command line: thin commands that parse, call one function, and print."""

from matdisc.cli.app import app, main

__all__ = ["app", "main"]
