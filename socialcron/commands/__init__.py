"""Subcommands: options in, one call, one summary out. One module each, imported only when named."""
