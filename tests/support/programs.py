"""Little programs that tell all that a process can tell about itself. Each prints the same however it was started."""

from __future__ import annotations

PROGRAMS: dict[str, str] = {
    "names": """
        import sys
        print(sys.argv, sys.orig_argv, sys.executable, sys.prefix, sys.path, __name__, __file__, __package__, __doc__, __cached__)
        print(sorted(globals()), type(__loader__).__name__, __loader__.path, __spec__ and (__spec__.name, __spec__.origin, __spec__.parent))
        print(__builtins__, sys.modules["__main__"].__dict__ is globals(), __annotations__)
        print(sys.flags, sys.warnoptions, sys._xoptions, sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode)
    """,
    "hash seed": """
        import sys
        print(hash("x"), list({"a", "b", "c", "d"}), sys.flags.hash_randomization, sys.hash_info)
    """,
    "streams": """
        import os, sys
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            below = getattr(stream.buffer, "raw", stream.buffer)
            print(repr(stream), stream.encoding, stream.errors, stream.newlines, stream.line_buffering, stream.write_through, stream.mode)
            print(repr(stream.buffer), below.fileno(), below.closefd, stream.isatty(), stream.seekable(), stream.name, below.name)
        print(sys.__stdout__ is sys.stdout, sys.__stderr__ is sys.stderr, sys.__stdin__ is sys.stdin, sys.stdin.read() == "")
        print(sorted(os.listdir("/proc/self/fd")), os.readlink("/proc/self/fd/0"))
        sys.stdout.flush()
        sys.stderr.write("to stderr\\n")
        os.write(1, b"to one\\n")
        os.write(2, b"to two\\n")
    """,
    "environment": """
        import os, time, locale
        print(list(os.environ.items()), os.environb[b"PATH"])
        print(os.system("env > listed"), sorted(l for l in open("listed") if not l.startswith(("_=", "PWD=", "SHLVL=", "OLDPWD="))))
        print(os.getcwd(), os.umask(0o22), time.tzname, time.localtime(0), locale.setlocale(locale.LC_ALL), locale.getlocale())
        print(os.getpid() == os.getpgrp() == os.getsid(0), os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)))
    """,
    "signals": """
        import signal
        print([(s, signal.getsignal(s)) for s in sorted(signal.valid_signals()) if signal.getsignal(s) != signal.SIG_DFL and s < 32])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1), signal.getitimer(signal.ITIMER_REAL))
    """,
    "threads": """
        import threading, sys, os
        done = []
        thread = threading.Thread(target=lambda: done.append(threading.current_thread().name))
        thread.start(); thread.join()
        late = threading.Thread(target=lambda: (threading.main_thread().join(), print("late")))
        late.start()
        print(done, threading.main_thread() is threading.current_thread(), threading.main_thread().name, threading._dangling is not None)
        print(threading.active_count(), threading.main_thread().ident == threading.get_ident(), threading.get_native_id() == os.getpid())
    """,
    "warnings": """
        import warnings, sys, numpy, logging
        print(warnings.filters, warnings.defaultaction)
        warnings.warn("seen"); warnings.warn("seen"); warnings.warn("old", DeprecationWarning)
        def far(): warnings.warn("far", stacklevel=2)
        far()
    """,
    "atexit": """
        import atexit, sys
        atexit.register(print, "first"); atexit.register(lambda: print("second", "__main__" in sys.modules))
        class Late:
            def __del__(self): print("deleted")
        late = Late()
        print("body", end="")
    """,
    "exit code": "import sys; print(1); sys.exit(7)",
    "exit text": "import sys; sys.exit('a reason')",
    "exit none": "raise SystemExit(None)",
    "exit at once": "import os; print('lost'); os._exit(9)",
    "exit of a thread": "import threading, sys\ndef work(): sys.exit(3)\nt = threading.Thread(target=work); t.start(); t.join(); print('on')",
    "exception": """
        def deep(n):
            if n == 0: raise ValueError("from the depth")
            deep(n - 1)
        try:
            deep(2)
        except ValueError as error:
            raise KeyError("outer") from error
    """,
    "exception group": "raise ExceptionGroup('many', [ValueError(1), KeyError('x')])",
    "exception in a thread": """
        import threading
        def fail(): 1 / 0
        t = threading.Thread(target=fail, name="worker"); t.start(); t.join(); print("on")
    """,
    "own hook": """
        import sys, traceback
        sys.excepthook = lambda kind, error, trace: print("hook", kind, error, len(traceback.extract_tb(trace)), trace.tb_frame.f_code.co_name)
        1 / 0
    """,
    "broken hook": "import sys\ndef bad(*a): raise RuntimeError('bad hook')\nsys.excepthook = bad\n1 / 0",
    "syntax error": "print(1)\nif True print(2)\n",
    "encoding error": "# -*- coding: nonsense -*-\nprint(1)\n",
    "printed traceback": "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()\n",
    "killed": "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGTERM)",
    "interrupted": "raise KeyboardInterrupt",
    "aborted": "import os, signal; os.kill(os.getpid(), signal.SIGABRT)",
    "broken pipe": """
        import os, sys
        read, write = os.pipe(); os.close(read)
        try: os.write(write, b"x")
        except BrokenPipeError as error: print(error)
    """,
    "closed output": "import os; print('x'); os.close(1)",
    "pickles": """
        import pickle, hashlib
        from dataclasses import dataclass
        @dataclass
        class Point: x: int
        data = pickle.dumps([Point(1), {"a", "b"}, "text"])
        print(hashlib.md5(data).hexdigest(), pickle.loads(data), Point.__module__, Point.__qualname__)
    """,
    "random": """
        import random, numpy, uuid, tempfile, secrets
        random.seed(1); numpy.random.seed(1)
        print(random.random(), numpy.random.rand(), numpy.random.default_rng(1).random(), type(random.getstate()), numpy.random.get_state()[3:])
    """,
    "pools": """
        import multiprocessing as mp, os, sys
        def square(x): return x * x, mp.current_process().name
        if __name__ == "__main__":
            print(mp.get_start_method(), mp.current_process().name, mp.parent_process(), mp.active_children(), len(mp.current_process().authkey))
            for method in ("fork", "spawn"):
                with mp.get_context(method).Pool(1) as pool: print(pool.map(square, [1, 2]))
            process = mp.get_context("fork").Process(target=sys.exit, args=(5,)); process.start(); process.join()
            print(process.name, process.exitcode, len(mp.active_children()))
    """,
    "executors": """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        if __name__ == "__main__":
            with ThreadPoolExecutor(2) as pool: print(list(pool.map(abs, [-1, 2])))
            with ProcessPoolExecutor(1) as pool: print(list(pool.map(abs, [-1, 2])))
    """,
    "programs": """
        import subprocess, sys, os
        print(subprocess.run([sys.executable, "-c", "import sys; print(sys.argv, sys.stdin.read())"], capture_output=True, text=True))
        print(subprocess.run("exit 3", shell=True).returncode, flush=True)
        os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.orig_argv); sys.exit(4)"])
    """,
    "logging": """
        import logging
        logging.basicConfig(format="%(levelname)s %(name)s %(module)s %(funcName)s %(lineno)s %(processName)s %(threadName)s %(message)s")
        logging.warning("told"); print(logging.LogRecord("a", 1, "b", 1, "c", (), None).relativeCreated < 5000, logging.root.handlers)
    """,
    "imports": """
        import importlib, sys, beside, package.inner
        print(beside.__file__, package.inner.__name__, beside.__spec__.cached, sys.modules["beside"] is beside)
        print(importlib.import_module("package").__path__, importlib.util.find_spec("nothing"), [type(f).__name__ for f in sys.meta_path])
        try: import nothing_of_that_name
        except ImportError as error: print(error, error.name)
    """,
    "frames": """
        import sys, inspect
        print(sys._getframe().f_code.co_name, inspect.currentframe().f_code.co_filename, inspect.getsource(sys.modules[__name__])[:20])
        print(inspect.getfile(inspect.currentframe()), sys.gettrace(), sys.getprofile())
    """,
    "deep": "def down(n): return 0 if n == 0 else 1 + down(n - 1)\ntry: print(down(100000))\nexcept RecursionError as error: print(error)",
    "unraisable": "import sys\nsys.unraisablehook = lambda hint: print(hint.exc_type, hint.err_msg)\nclass Bad:\n    def __del__(self): 1 / 0\nbad = Bad()\ndel bad\nprint('on')",
    "surrogates": "import sys; print(ascii(sys.argv)); sys.stdout.buffer.write(b'\\xff\\n'); print('ä€')",
    "asynchronous": "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    raise OSError('async')\nasyncio.run(main())",
    "numbers": "import numpy as np; a = np.arange(90000.0).reshape(300, 300); print((a @ a).sum(), np.linalg.svd(a[:50, :50])[1][:3])",
    "data": "import json, csv, io; print(json.dumps({'b': 1, 'a': {2, 3} and 1}), list(csv.reader(io.StringIO('a,b'))))",
    "garbage": "import gc; print(gc.isenabled(), gc.get_threshold(), gc.callbacks, gc.garbage, gc.get_debug())",
    "clock": "import time; print(time.process_time() < 2, time.thread_time() < 2)",
    "limits": "import resource; print([resource.getrlimit(n) for n in range(10)], resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)",
}  # fmt: skip

# Where it matters how the program was named.
AS_MODULES = (
    "names",
    "exit text",
    "exception",
    "own hook",
    "broken hook",
    "interrupted",
    "pickles",
    "pools",
    "frames",
    "imports",
)
