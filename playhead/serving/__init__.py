"""Where people and programs from outside meet Playhead: HTTP, server-sent events, MCP, the page.

The one idea: nothing is decided here. A request is checked, handed to a library or a session in a
thread, and its answer put into JSON; whatever was asked is on the disk before it is begun.
"""
