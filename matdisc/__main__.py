"""`python -m matdisc`."""

from matdisc.cli import main

main()
