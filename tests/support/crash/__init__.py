"""Commands are stopped, or get errors from the disk, at points spread over all their calls that change something.

`python -m tests.support.crash --help`. `run` is hit below strace (Linux), `push` and `pull`, which work in threads, through the audit events of Python.
"""
