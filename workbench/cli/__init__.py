"""The command line: one thin file a group of commands. Parse, one call, print.

Nothing heavy is imported at the top of these modules: ``workbench --help`` must start at once.
"""
