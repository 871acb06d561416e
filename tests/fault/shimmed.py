"""Mounts under the preloaded shim (shim.c)."""
import os

import pytest

from rig import program, wait_for

SHIM = os.environ.get("YMAGO_SHIM") or os.path.join(
    os.path.dirname(program()), "..", "..", "tests", "fault", "ymago_fault_shim.so")

needs_shim = [pytest.mark.skipif(not os.path.exists(SHIM), reason=f"{SHIM} is not built"),
              pytest.mark.skipif(bool(os.environ.get("ASAN_OPTIONS")), reason="a sanitizer must be loaded first")]


class Shimmed:
    """Mounts of one library, each killed at a point."""

    def __init__(self, lib):
        self.lib = lib
        self.arm = lib.base / "arm"
        self.log = lib.base / "points"

    def mount(self, kill=0, armed=True, fail=0):
        """False: it ended before it was ready. fail: the call fails with this errno, nothing dies."""
        self.arm.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        self.lib.env.update(LD_PRELOAD=SHIM, YM_SHIM_KILL=str(kill), YM_SHIM_LOG=str(self.log),
                            YM_SHIM_FAIL=str(fail))
        self.lib.env.pop("YM_SHIM_ARM", None)
        if not armed:
            self.lib.env["YM_SHIM_ARM"] = str(self.arm)
        try:
            self.lib.mount()
            return True
        except AssertionError:
            assert self.dead(), self.lib.errors()
            return False
        finally:
            for name in ("LD_PRELOAD", "YM_SHIM_KILL", "YM_SHIM_LOG", "YM_SHIM_ARM", "YM_SHIM_FAIL"):
                self.lib.env.pop(name, None)

    def dead(self):
        return self.lib.process.poll() is not None

    def buried(self, ready=True, code=-9):
        """The dead daemon's mount is gone, by the publisher's doing; if it died while mounting, the next
        mount takes it away."""
        assert self.lib.process.wait(20) == code, self.lib.errors()
        self.lib.process = None
        if ready:
            wait_for(lambda: not self.lib.mounted(), what="the dead mount is gone")

    def idle_or_dead(self):
        try:
            self.lib.idle(10)
        except (AssertionError, OSError):
            wait_for(self.dead)

    def points(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


def finished(lib, name):
    try:
        return lib.state(name) in ("done", "failed", "unknown") and not lib.status()["settling"]
    except OSError:
        return False


def save(lib, name, text):
    """As an editor would, again and again until it is told that it worked."""
    def saved():
        lib.save(name, text)
        return True
    try:
        saved()
    except (AssertionError, OSError):
        wait_for(lambda: not lib.mounted())
        saved()  # into the plain folder
