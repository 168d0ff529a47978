"""`python -m dcai`: the command line."""

from dcai.shells.cli import main

main()
