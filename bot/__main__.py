"""`python -m bot` is the command `curbside`."""

from bot.cli import main

main()
