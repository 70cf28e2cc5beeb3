"""Makes a Python process see another clock, another order of files, or no network. `mlops-kit reproduce --perturb` puts this folder on
PYTHONPATH of the stages that it runs again.

Python imports a module of this name at its start, in child processes too. It uses nothing but the standard library, and works on
every Python from 3.8 on. What is asked for stands in MLOPS_KIT_PERTURB.
"""

import json
import os
import sys


def _shift_clock(days):
    """Let the clock of this process be `days` ahead, as far as Python code reads it."""
    import time

    seconds = days * 86_400
    real = {
        name: getattr(time, name)
        for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "asctime")
    }
    time.time = lambda: real["time"]() + seconds
    time.time_ns = lambda: real["time_ns"]() + seconds * 10**9
    time.localtime = lambda moment=None: real["localtime"](time.time() if moment is None else moment)
    time.gmtime = lambda moment=None: real["gmtime"](time.time() if moment is None else moment)
    time.ctime = lambda moment=None: real["ctime"](time.time() if moment is None else moment)
    time.asctime = lambda moment=None: real["asctime"](time.localtime() if moment is None else moment)
    time.strftime = lambda form, moment=None: real["strftime"](
        form, time.localtime() if moment is None else moment
    )
    if hasattr(time, "clock_gettime"):
        clock, clock_ns = time.clock_gettime, time.clock_gettime_ns
        time.clock_gettime = lambda which: clock(which) + (seconds if which == time.CLOCK_REALTIME else 0)
        time.clock_gettime_ns = lambda which: (
            clock_ns(which) + (seconds * 10**9 if which == time.CLOCK_REALTIME else 0)
        )
    _shift_datetime(days)


def _shift_datetime(days):
    """Shift `datetime.now` and `utcnow` on the class itself, so that instances stay what every library expects."""
    import ctypes
    import datetime as dt
    import gc

    cls = dt.datetime
    now = cls.now
    ahead = dt.timedelta(days=days)

    def shifted_now(kind, tz=None):
        moment = now(dt.timezone.utc) + ahead
        local = moment.astimezone(tz) if tz is not None else moment.astimezone().replace(tzinfo=None)
        return local if kind is cls else kind.fromtimestamp(moment.timestamp(), tz)

    def shifted_utcnow(kind):
        moment = (now(dt.timezone.utc) + ahead).replace(tzinfo=None)
        return moment if kind is cls else kind.utcfromtimestamp((moment - cls(1970, 1, 1)).total_seconds())

    holders = [one for one in gc.get_referents(cls.__dict__) if isinstance(one, dict) and "now" in one]
    if holders:  # CPython keeps the methods of a built-in class in a plain dictionary
        holders[0]["now"] = classmethod(shifted_now)
        holders[0]["utcnow"] = classmethod(shifted_utcnow)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))


def _block_network():
    """Refuse connections to other machines; this machine may still be talked to."""
    import socket

    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def allowed(address):
        return not isinstance(address, tuple) or str(address[0]).startswith(("127.", "::1", "localhost"))

    def guarded(self, address):
        if not allowed(address):
            raise ConnectionRefusedError("there is no network in this run")
        return connect(self, address)

    def guarded_ex(self, address):
        return connect_ex(self, address) if allowed(address) else 111

    socket.socket.connect, socket.socket.connect_ex = guarded, guarded_ex


def _perturb(axes):
    pins = _pins()
    if "files" in axes:
        pins.list_files(backwards=True)
    if "clock" in axes and "libfaketime" not in axes["clock"]:
        _shift_clock(int(axes["clock"].strip("+d")))
    if axes.get("network", "off") != "off":
        _block_network()
    pins.apply(axes)


def _pins():
    """Return the module beside this one, under no name that a stage could mean."""
    import importlib.util

    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pins.py")
    spec = importlib.util.spec_from_file_location("_mlops_kit_pins", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _next():
    """Import the sitecustomize that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    shown = list(sys.path)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if mine is not None:
            sys.modules["sitecustomize"] = mine
    finally:
        sys.path[:] = [entry for entry in shown if os.path.abspath(entry or ".") != here]


if os.environ.get("MLOPS_KIT_PERTURB"):
    _perturb(json.loads(os.environ["MLOPS_KIT_PERTURB"]))
else:  # a stage that drops the variable also drops the perturbation: whoever asked for it must know
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "masked"), "w"):
        pass
_next()
