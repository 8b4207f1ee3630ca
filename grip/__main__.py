"""`python -m grip` is `grip`."""

from grip.cli.main import run

run()
