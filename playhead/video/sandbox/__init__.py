"""Decoding untrusted files in a confined child process.

`worker` is the parent's side, `child` the child's; `confine` (with `seccomp`) is what the child
may do, `jobs` what it does, `wire` how the two talk. The parent believes nothing that the child
says.
"""
