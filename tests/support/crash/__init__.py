"""Commands are stopped, or get errors from the disk, at points spread over all their system calls that change something.

`python -m tests.support.crash --help`. Linux with strace.
"""
