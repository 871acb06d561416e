"""What the benchmark starts and looks at: the fake provider, the yardsticks, a mounted ymago."""
import contextlib
import ctypes
import http.client
import json
import os
import select
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

SMALL, MIDDLE, LARGE = 65536, 1536000, 12582912  # bytes of an image
IN_MOVED_TO = 0x80
PATIENCE = 60  # seconds for anything at all; it is never part of a result

CONFIG = """
[providers.gemini]
rate_limit = 0
concurrency = {concurrency}
[budget]
per_job_usd = "unlimited"
batch_auto_usd = "unlimited"
daily_usd = "unlimited"
monthly_usd = "unlimited"
grace_usd = "unlimited"
bulk_count = 100000
[log]
level = "warn"
"""


class Failure(Exception):
    """The benchmark cannot go on; the text says why."""


def wait_for(what, condition, pause=0.005, until=PATIENCE):
    end = time.monotonic() + until
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(pause)
    raise Failure(f"{what} did not happen within {until} s")


class Programs:
    """The small programs beside this file, each of which prints one line of JSON."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def run(self, name, *args):
        command = [sys.executable, Path(__file__).parent / name] if name.endswith(".py") else [self.folder / name]
        done = subprocess.run([*command, *map(str, args)], stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
        if done.returncode:
            raise Failure(f"{name} ended with {done.returncode}")
        return json.loads(done.stdout)


class Fake:
    def __init__(self, programs):
        self.process = subprocess.Popen([programs.folder / "fake_provider", *map(str, (SMALL, MIDDLE, LARGE))],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.control = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def base(self, size):
        return f"http://127.0.0.1:{self.port}/{size}"

    def url(self, size):
        """What a client posts to; `size` may also be "slow": the smallest, half a second later."""
        return self.base(size) + "/v1beta/models/gemini-nano-banana-2.1:generateContent"

    def ask(self, method, path):
        self.control.request(method, path)
        return json.loads(self.control.getresponse().read())

    def stats(self):
        return self.ask("GET", "/_fake/stats")

    def reset(self):
        self.ask("POST", "/_fake/reset")

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


class Arrivals:
    """Counts files that are renamed into a folder, as a file manager would notice them."""

    def __init__(self, folder, ending):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.ending, self.seen = ending.encode(), 0
        if libc.inotify_add_watch(self.fd, os.fsencode(folder), IN_MOVED_TO) < 0:
            raise Failure(f"{folder} cannot be watched: {os.strerror(ctypes.get_errno())}")

    def wait(self, count):
        end = time.monotonic() + PATIENCE
        while self.seen < count:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"{self.seen} of {count} results arrived within {PATIENCE} s")
            data, at = os.read(self.fd, 1 << 16), 0
            while at < len(data):
                length = struct.unpack_from("=iIII", data, at)[3]
                name = data[at + 16:at + 16 + length].rstrip(b"\0")
                self.seen += name.endswith(self.ending)
                at += 16 + length

    def close(self):
        os.close(self.fd)


def cpu_seconds(pid):
    """User and system time of all threads of a process, to the nanosecond."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives


def memory_mib(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise Failure(f"/proc/{pid}/status has no {field}")


class Mount:
    """A library and the ymago that is mounted over it."""

    def __init__(self, ymago, folder, base_url, concurrency=8):
        self.ymago, self.top = ymago, Path(folder)
        self.library, self.config = self.top / "library", self.top / "ymago.toml"
        self.images, self.process = self.library / "images", None
        self.environment = {**os.environ, "GEMINI_API_BASE": base_url, "GOOGLE_API_KEY": "benchmark",
                            "XDG_RUNTIME_DIR": str(self.top / "run")}
        self.library.mkdir(parents=True)
        (self.top / "run").mkdir(mode=0o700)
        self.config.write_text(CONFIG.format(concurrency=concurrency), encoding="utf-8")

    def start(self):
        """Returns the seconds until it is ready."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [self.ymago, "mount", "-f", "--config", self.config, self.library],
            env=self.environment, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("Mounted"):
            raise Failure("ymago did not mount: " + self.process.stdout.read())
        return time.monotonic() - began

    def pids(self):
        """The daemon and its children (the publisher)."""
        main = self.process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii")
        return [main, *map(int, children.split())]

    def cpu(self):
        return sum(cpu_seconds(p) for p in self.pids())

    def memory(self, field="VmHWM"):
        return memory_mib(self.process.pid, field)

    def switches(self):
        """How often a thread of ours has gone to sleep so far: each is followed by a wake-up."""
        return sum(int(line.split()[1]) for p in self.pids() for status in Path(f"/proc/{p}/task").glob("*/status")
                   for line in status.read_text(encoding="ascii").splitlines()
                   if line.startswith("voluntary_ctxt_switches"))

    def tell(self, line):
        (self.library / ".ymago" / "ctl").write_text(line + "\n", encoding="ascii")

    def jobs(self):
        return json.loads((self.library / ".ymago" / "status.json").read_text(encoding="utf-8"))["jobs"]

    def enqueue(self, tag, count):
        """Writes prompts while paused; returns when all are queued."""
        self.tell("pause")
        before = self.jobs()["queued"]
        for n in range(count):
            (self.images / f"{tag}-{n:05}.txt").write_text(f"A quiet harbour at dawn, {tag} {n}.\n",
                                                          encoding="ascii")
        wait_for("queueing", lambda: self.jobs()["queued"] >= before + count, pause=0.05)

    def kill(self):
        """As a power cut would; the publisher takes the mount away."""
        self.process.kill()
        self.process.wait(PATIENCE)
        wait_for("the end of the mount", lambda: not os.path.ismount(self.library))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if os.path.ismount(self.library):
            subprocess.run(["fusermount3", "-uz", self.library], check=False)
        shutil.rmtree(self.top, ignore_errors=True)
