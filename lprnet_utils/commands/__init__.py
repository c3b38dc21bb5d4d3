"""The command ``lprnet``, one module for each subcommand."""
