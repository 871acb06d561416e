"""A library, the program mounted on it, and what a person does there. For the mount and fault suites.

    with Library(fake=fake) as lib:
        lib.mount()
        lib.save("images/a.txt", "a lighthouse")
        assert lib.wait("images/a.txt") == ["images/a.jpg"]

The program is $YMAGO (a built `ymago`). Each library lies in a short folder of its own below the
temporary folder, with its own home, runtime folder and configuration. Whatever happens, `close()`
ends the processes that were started for it, takes the mount away and removes the folder.

A test that calls into a mount whose daemon does not answer would hang for ever: `rescue_all()`, called by a
timer (conftest.py), kills the daemons and aborts the connections, so that the test fails instead.
"""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

KEY = "fake-key-0123456789"
SECONDS = 30  # how long anything may take that should take none
SLOW = 4 if os.environ.get("YMAGO_SLOW") else 1  # a build with sanitizers

LIVE = set()  # libraries that are not closed yet


def program():
    return os.environ.get("YMAGO") or os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "build", "src", "main", "ymago")


def wait_for(condition, seconds=SECONDS, what=None):
    """Polls until condition() is true and returns what it gave; an OSError counts as not yet."""
    until = time.monotonic() + seconds * SLOW
    while True:
        try:
            value, problem = condition(), None
        except OSError as e:
            value, problem = None, e
        if value:
            return value
        if time.monotonic() > until:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {text or condition} (last: {problem or value!r})")
        time.sleep(0.01)


def mount_row(path):
    """(minor number, type) of what is mounted exactly at path, or None. Never touches the mount."""
    want = str(path).replace("\\", "\\134").replace(" ", "\\040")
    found = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as rows:
        for row in rows:
            fields = row.split()
            if fields[4] == want:
                found = int(fields[2].split(":")[1]), fields[fields.index("-") + 1]
    return found


def processes_of(text):
    """Process ids that name this text in their command line."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                if os.fsencode(text) in f.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found


class Failed(AssertionError):
    """A command did not end as it should."""

    def __init__(self, done):
        self.done = done
        super().__init__(f"{done.args} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")


def run(*command, timeout=SECONDS, ok=True, text=True, **more):
    """A command under a time limit. ok: must it succeed? None: either."""
    if "input" not in more:
        more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([os.fspath(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout * SLOW, text=text, errors="replace" if text else None, **more)
    if ok is not None and (done.returncode == 0) != ok:
        raise Failed(done)
    return done


class Library:
    """fake: a running FakeGemini; None = no key, the built-in sketch draws.
    config: TOML added to the configuration file; a table that is set here too is merged by `tables`.
    apart: the mount point is another folder than the library."""

    def __init__(self, fake=None, config="", tables=None, env=None, apart=False, key=KEY):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="ym"))
        self.dir = self.base / "lib"
        self.mnt = self.base / "mnt" if apart else self.dir
        self.apart = apart
        self.fake = fake
        self.process = None  # in the foreground
        self.background = False
        self.minor = None    # of the connection, for the rescue
        for d in (self.dir, self.mnt, self.base / "home", self.base / "run"):
            d.mkdir(exist_ok=True)
        (self.base / "run").chmod(0o700)
        self.config = self.base / "ymago.toml"
        self.tables = {"mount": {"settle_ms": 50},
                       "net": {"backoff_base_seconds": 0.05, "backoff_max_seconds": 0.5}}
        if fake:
            self.tables["providers.gemini"] = {"base_url": fake.url, "rate_limit": 6000}
        self.extra = config
        self.configure(tables or {})
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.base / "home"), "LC_ALL": "C.UTF-8",
                    "XDG_RUNTIME_DIR": str(self.base / "run"), "TZ": "UTC",
                    "XDG_CONFIG_HOME": str(self.base / "home/.config"),
                    "XDG_DATA_HOME": str(self.base / "home/.local/share")}
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_PRELOAD"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        if fake and key:
            self.env["GOOGLE_API_KEY"] = key
        self.env.update(env or {})
        LIVE.add(self)

    def configure(self, tables=None, **extra):
        """Writes the configuration file again; `reload` or a mount makes it count."""
        for name, table in (tables or {}).items():
            self.tables.setdefault(name, {}).update(table)
        lines = []
        for name, table in self.tables.items():
            lines.append(f"[{name}]")
            lines += [f"{k} = {json.dumps(v)}" for k, v in table.items() if v is not None]
        self.config.write_text("\n".join(lines) + "\n" + extra.get("config", self.extra) + "\n")

    # ---- life ----

    def command(self, *more, foreground=True):
        out = [program(), "mount", "--config", self.config]
        if foreground:
            out.append("-f")
        if self.apart:
            out += ["--library", self.dir]
        return [str(c) for c in [*out, *more, self.mnt]]

    def mount(self, *more, foreground=True):
        """Mounts and returns what it said when it was ready."""
        out, err = self.base / "stdout", self.base / "stderr"
        if not foreground:
            self.background = True
            done = run(*self.command(*more, foreground=False), env=self.env, cwd="/", timeout=60)
            self.minor = (mount_row(self.mnt) or [None])[0]
            return done.stdout
        with open(out, "wb") as o, open(err, "ab") as e:
            self.process = subprocess.Popen(self.command(*more), stdin=subprocess.DEVNULL, stdout=o,
                                            stderr=e, env=self.env, cwd="/")
        wait_for(lambda: b"Mounted" in out.read_bytes() or self.process.poll() is not None, 60,
                 "a mount that says it is ready")
        if self.process.poll() is not None:
            raise AssertionError(f"no mount: exit {self.process.returncode}\n{err.read_text()}")
        self.minor = mount_row(self.mnt)[0]
        return out.read_text()

    def mounted(self):
        return mount_row(self.mnt) is not None

    @property
    def pid(self):
        if self.process:
            return self.process.pid
        mine = [p for p in processes_of(str(self.mnt))
                if os.path.realpath(f"/proc/{p}/exe") == os.path.realpath(program())]
        assert len(mine) == 1, mine
        return mine[0]

    def umount(self, lazy=False):
        """As any user would; then the daemon must end by itself, with 0."""
        command = ["fusermount3", "-u", *(["-z"] if lazy else []), self.mnt]
        # The publisher's last call may still be under way and keep the mount busy.
        wait_for(lambda: run(*command, cwd="/", ok=None).returncode == 0, 10, "an unmount")
        return self.ended()

    def ended(self, code=0):
        if self.process:
            got = self.process.wait(60 * SLOW)
            self.process = None
            assert got == code, f"the daemon ended with {got}\n{self.errors()}"
        else:
            wait_for(lambda: not processes_of(str(self.mnt)), 60, "the daemon's end")
            self.background = False
        wait_for(lambda: not self.mounted(), what="the mount is gone")

    def terminate(self, sig=signal.SIGTERM):
        os.kill(self.pid, sig)

    def kill(self):
        """kill -9: the mount must go away by itself."""
        os.kill(self.pid, signal.SIGKILL)
        if self.process:
            self.process.wait(60)
            self.process = None
        self.background = False
        wait_for(lambda: not self.mounted(), what="the dead mount is gone")

    def rescue(self):
        """Frees whoever waits for this mount, in any case."""
        for pid in processes_of(str(self.base)):
            with contextlib.suppress(OSError):
                if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(program()):
                    os.kill(pid, signal.SIGKILL)
        if self.minor is not None and self.mounted():
            with contextlib.suppress(OSError):
                with open(f"/sys/fs/fuse/connections/{self.minor}/abort", "w") as f:
                    f.write("1")

    def close(self):
        LIVE.discard(self)
        problem = None
        try:
            if (self.process or self.background) and self.mounted():
                self.umount()
            elif self.process:
                problem = f"the daemon had ended with {self.process.poll()}\n{self.errors()}"
        except (AssertionError, subprocess.SubprocessError) as e:
            problem = e
        finally:
            self.rescue()
            if self.process:
                self.process.kill()
                self.process.wait()
            while self.mounted():
                subprocess.run(["fusermount3", "-uz", str(self.mnt)], timeout=20, check=True)
        bad = self.errors() if "Sanitizer" in self.errors() or "runtime error" in self.errors() else None
        if os.environ.get("YMAGO_KEEP"):
            print("kept:", self.base)
        else:
            shutil.rmtree(self.base, ignore_errors=True)
        assert not bad, bad
        assert not problem, problem

    def errors(self):
        f = self.base / "stderr"
        return f.read_text(errors="replace")[-20000:] if f.exists() else ""

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:  # the first failure is the one to tell
            print(self.log())
            with contextlib.suppress(Exception):
                self.close()
        else:
            self.close()

    # ---- gestures: every one by a process of its own, as a shell would ----

    def path(self, name=""):
        return self.mnt / name

    def save(self, name, text, append=False):
        data = text if isinstance(text, bytes) else text.encode()
        run("sh", "-c", 'cat %s "$1"' % (">>" if append else ">"), "sh", self.path(name), input=data, text=False)
        return name

    def sh(self, script, *args, ok=True, timeout=SECONDS, cwd=None):
        """A shell in the mount's root (`cd` inside it keeps it busy only while it runs)."""
        return run("sh", "-c", script, "sh", *args, ok=ok, timeout=timeout, cwd=cwd or self.mnt,
                   env={**self.env, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t",
                        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t", "Y": program(),
                        "GOOGLE_API_KEY": ""})

    def ymago(self, *args, ok=True, timeout=60, input=None, env=None):
        more = {"input": input} if input is not None else {}
        return run(program(), *args, ok=ok, timeout=timeout, cwd="/", env={**self.env, **(env or {})}, **more)

    def ctl(self, line, ok=True):
        return self.sh('printf "%s\\n" "$1" >.ymago/ctl', line, ok=ok)

    # ---- looking ----

    def read(self, name, timeout=SECONDS):
        return run("cat", self.path(name), timeout=timeout).stdout

    def bytes(self, name):
        return self.path(name).read_bytes()

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def listing(self, folder="images"):
        return sorted(os.listdir(self.path(folder)))

    def sidecar(self, name):
        """Of a result."""
        return json.loads(self.bytes(name + ".json"))

    def ask(self, name, what):
        """user.ymago.WHAT of a file, or None."""
        try:
            return os.getxattr(self.path(name), "user.ymago." + what).decode()
        except OSError:
            return None

    def state(self, name):
        return self.ask(name, "state")

    def status(self):
        return json.loads(self.bytes(".ymago/status.json"))

    def events(self):
        return [json.loads(line) for line in self.bytes(".ymago/events.log").splitlines()]

    def log(self):
        """The end of the daemon's log and of what it printed."""
        out = ""
        for f in (self.dir / ".ymago" / "log", self.base / "stderr"):
            with contextlib.suppress(OSError):
                out += f.read_text(errors="replace")[-6000:]
        return out

    # ---- waiting ----

    def wait(self, name, seconds=SECONDS):
        """The paths of its results, once the text just saved is done; fails if it did not come to that."""
        return self.read(f".ymago/wait/{name}", timeout=seconds).splitlines()

    def wait_state(self, name, *states, seconds=SECONDS):
        wait_for(lambda: self.state(name) in states, seconds,
                 lambda: f"{name} {states}, it is {self.state(name)}: {self.ask(name, 'error')}\n{self.log()}")
        return self.state(name)

    def wait_exists(self, name, seconds=SECONDS):
        wait_for(lambda: self.exists(name), seconds, lambda: f"{name} in {self.listing(os.path.dirname(name))}")

    def wait_gone(self, name, seconds=SECONDS):
        wait_for(lambda: not self.exists(name), seconds, f"{name} is gone")

    def noticed(self):
        """What was done so far has reached the engine."""
        run("cat", self.path(".ymago/wait/nothing-here.txt"), ok=None)

    def idle(self, seconds=60):
        """Everything noticed, nothing settling, scanning, queued or running: returns the status."""
        self.noticed()

        def quiet():
            assert self.mounted() and (not self.process or self.process.poll() is None), self.log()
            s = self.status()
            busy = s["settling"] or s["scan"]["running"] or s["jobs"]["queued"] or s["jobs"]["running"]
            return None if busy else s
        return wait_for(quiet, seconds, lambda: f"quiet: {self.bytes('.ymago/status').decode()}\n{self.log()}")

    # ---- ready-made ----

    def make(self, name, text, seconds=SECONDS):
        """Saves a prompt and returns its results when they are there."""
        self.save(name, text)
        return self.wait(name, seconds)


class Watch:
    """inotifywait -m on a folder: what a file manager would hear.

        with Watch(lib.path("images")) as w:
            ...
        assert w.of("a.png") == ["MOVED_TO"]
    """

    def __init__(self, folder, events="create,moved_to,moved_from,delete,close_write,modify,attrib"):
        self.folder, self.events = folder, events
        self.seen = []

    def __enter__(self):
        self.process = subprocess.Popen(["inotifywait", "-m", "-e", self.events, "--format", "%e|%f", str(self.folder)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")
        os.set_blocking(self.process.stderr.fileno(), False)
        os.set_blocking(self.process.stdout.fileno(), False)
        text = b""
        until = time.monotonic() + SECONDS * SLOW
        while b"established" not in text:
            assert time.monotonic() < until, text
            select.select([self.process.stderr], [], [], 1)
            text += self.process.stderr.read() or b""
        self.rest = b""
        return self

    def poll(self):
        if not self.process.stdout.closed:
            self.rest += self.process.stdout.read() or b""
        *lines, self.rest = self.rest.split(b"\n")
        self.seen += [tuple(line.decode().split("|", 1)) for line in lines]
        return self.seen

    def of(self, name):
        """The events of one name, in order."""
        return [e for e, n in self.poll() if n == name]

    def names(self, event):
        return [n for e, n in self.poll() if event in e.split(",")]

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)
        self.poll()
        for f in (self.process.stdout, self.process.stderr):
            f.close()


def rescue_all():
    for lib in list(LIVE):
        lib.rescue()


def allow_nothing(fake, before):
    """The fake was asked for nothing since `before` (its stats)."""
    after = fake.stats(log=False)
    assert after["requests"] == before["requests"], fake.stats()["log"][-3:]
