"""Subcommands: options in, one call, one summary out. One module each, imported only when named."""

COMPLETE = "_SOCIALCRON_COMPLETE"  # set by a shell that asks how a line may go on; see completion.py
