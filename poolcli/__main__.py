"""`python -m poolcli` is the command."""

from poolcli.cli import main

main()
