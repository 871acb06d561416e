"""Keys stay where they were given, nobody is called who was not named, and files have the modes they should."""
import contextlib
import os
import pathlib
import socket
import stat
import threading

import pytest

from fake import FakeGemini
from rig import mount_row, program, run, wait_for

KEY = "AIzaSyD1stinctive-Key_0f-a-Te5t-98765432"
OTHERS = {"AWS_SECRET_ACCESS_KEY": "aws+Secret/ofATest0123456789abcdefghijkl",
          "OPENAI_API_KEY": "sk-of-a-test-1234567890"}
HOOK = "whsec_b2YgYSB0ZXN0IG9mIHltYWdv"
SECRETS = [s.encode() for s in (KEY, HOOK, *OTHERS.values())]


@pytest.fixture(scope="module")
def google():
    with FakeGemini("--small", key=KEY) as fake:
        yield fake


@pytest.fixture
def secret(libraries, google):
    """A library, not mounted, that knows several secrets."""
    google.reset()
    return libraries(fake=google, key=KEY, env=OTHERS, tables={"webhooks": {"secret": HOOK}, "log": {"level": "debug"}})


class Listener:
    """Takes every connection, keeps what was sent, answers nothing."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.calls = []
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            call = bytearray()
            self.calls.append(call)
            s.settimeout(0.5)
            with s, contextlib.suppress(OSError):
                while data := s.recv(65536):
                    call += data

    def __exit__(self, *exc):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def spoken_of(data):
    return [s.decode() for s in SECRETS if s in data]


def search(top, skip=()):
    """Every file below top, and the names and attributes of all, holds no secret. Returns how many there were."""
    count = 0
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            p = os.path.join(folder, name)
            if p in skip:
                continue
            assert not spoken_of(os.fsencode(p)), p
            if os.path.islink(p) or not stat.S_ISREG(os.stat(p).st_mode):
                continue
            with open(p, "rb") as f:
                assert not spoken_of(f.read()), p
            for a in os.listxattr(p):
                assert not spoken_of(os.getxattr(p, a)), (p, a)
            count += 1
    return count


def family(pid):
    """The daemon and its children."""
    out = [pid]
    for p in out:
        for task in os.listdir(f"/proc/{p}/task"):
            with contextlib.suppress(OSError):
                out += map(int, pathlib.Path(f"/proc/{p}/task/{task}/children").read_text().split())
    return out


def use_everything(lib, google):
    """Success, failures of several kinds with the key in the provider's words, a hold, a change, a cancel."""
    lib.make("images/good.txt", "---\nseed: 3\n---\nan owl")
    google.script([{"do": "error", "status": 400, "echo_key": True, "match": "echo400"},
                   {"do": "error", "status": 500, "echo_key": True, "match": "echo500", "times": -1},
                   {"do": "refuse", "match": "forbidden"},
                   {"do": "finish", "text": f"I was asked with {KEY}.", "match": "told", "times": -1}])
    for name in ("echo400", "echo500", "forbidden", "told"):
        lib.save(f"images/{name}.txt", name)
    for name in ("echo400", "echo500", "forbidden", "told"):
        lib.wait_state(f"images/{name}.txt", "failed")
        lib.wait_exists(f"images/{name}.error.log")
    lib.save("images/held.txt", "---\nmax_usd: 0.001\n---\na fox")
    lib.wait_state("images/held.txt", "held")
    lib.make("images/good.txt", "another owl")
    lib.ctl("reload")
    lib.idle()


def test_no_secret_is_kept_or_told(secret, google):
    secret.mount(foreground=False)
    use_everything(secret, google)
    assert "no good" in secret.read("images/echo400.error.log")  # the words are there, the key is not
    # What the mount shows.
    assert search(secret.mnt) > 10
    jobs = {e["job"] for e in secret.events() if "job" in e}
    names = ["status", "status.json", "events.log", "config.toml", "prices.toml", "log", "ctl"]
    names += [f"jobs/{j}/{n}" for j in jobs for n in
              ("request.json", "state", "attempts.jsonl", "provider.json", "cost", "progress")]
    for name in names:
        assert not spoken_of(secret.bytes(".ymago/" + name)), name
    assert '"(set)"' in secret.read(".ymago/config.toml")
    for prompt in secret.listing():
        for what in ("state", "detail", "error", "hash", "model", "url", "progress"):
            assert not spoken_of((secret.ask("images/" + prompt, what) or "").encode()), (prompt, what)
        for a in ("user.xdg.comment", "user.xdg.origin.url"):
            with contextlib.suppress(OSError):
                assert not spoken_of(os.getxattr(secret.path("images/" + prompt), a))
    for args in (["status"], ["status", "--json"], ["config"], ["config", "--json"], ["config", "--running"],
                 ["wait", "--json", "images/echo400.txt"]):
        done = secret.ymago(*args, "--library", str(secret.mnt), ok=None)
        assert not spoken_of((done.stdout + done.stderr).encode()), args
    # A kill leaves what a crash leaves.
    secret.kill()
    assert search(secret.base, skip=[str(secret.config)]) > 20
    secret.mount()
    secret.idle()
    secret.umount()
    assert (secret.dir / ".ymago/log").stat().st_size > 0
    assert search(secret.base, skip=[str(secret.config)]) > 20


def test_no_process_shows_a_secret(secret):
    secret.mount(foreground=False)
    secret.make("images/a.txt", "an owl")
    pids = family(secret.pid)
    assert len(pids) == 2, "the daemon and its publisher"
    for pid in pids:
        proc = pathlib.Path(f"/proc/{pid}")
        assert not spoken_of((proc / "cmdline").read_bytes())
        core = [x for x in (proc / "limits").read_text().splitlines() if x.startswith("Max core")]
        assert core[0].split()[4:6] == ["0", "0"]
    left = pathlib.Path(f"/proc/{pids[1]}/environ").read_bytes().split(b"\0")
    assert {x.split(b"=")[0] for x in left} <= {b"", b"PATH"}, left


def test_a_key_on_the_command_line_is_wiped(libraries, google):
    google.reset()
    lib = libraries(fake=google, key=None)
    lib.background = True
    # As one word and as two.
    for more in (["--api-key", KEY], ["--api-key=" + KEY]):
        done = run(*lib.command(foreground=False)[:-1], *more, lib.mnt, env=lib.env, cwd="/")
        lib.background = True
        lib.minor = mount_row(lib.mnt)[0]
        assert "--api-key-file" in done.stderr  # the warning says what is better
        assert KEY not in done.stdout + done.stderr
        for pid in family(lib.pid):
            for f in ("cmdline", "environ"):
                assert KEY.encode() not in pathlib.Path(f"/proc/{pid}/{f}").read_bytes(), f
        lib.make(f"images/{len(more)}.txt", f"an owl {len(more)}")
        lib.umount()
    assert search(lib.base) > 5
    assert google.stats(log=False)["paid"] == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_never_carries_the_key(secret, google, status):
    with Listener() as other:
        google.script([{"do": "redirect", "status": status, "to": f"http://127.0.0.1:{other.port}/v1beta/x?y"}])
        secret.mount()
        secret.save("images/p.txt", "an owl")
        secret.wait_state("images/p.txt", "failed", "unknown", "done", "queued")
        secret.idle()
        assert not [c for c in other.calls if spoken_of(bytes(c))]
        assert not [c for c in other.calls if b"an owl" in c], "nor is the prompt anybody's business"
        assert secret.state("images/p.txt") in ("failed", "unknown")
        assert google.stats(log=False)["script_left"] == 0
        assert google.stats(log=False)["paid"] == 0
    assert google.stats(log=False)["key_in_url"] == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "0x7f000001", "0177.0.0.1", "0", "localhost",
                                  "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused(secret, google, host):
    with Listener() as inside:
        secret.mount()
        secret.save("images/p.txt", f"---\nfrom_image: https://{host}:{inside.port}/x.png\n---\nan owl")
        secret.wait_state("images/p.txt", "failed")
        secret.wait_exists("images/p.error.log")
        note = secret.read("images/p.error.log")
        assert "private" in note or "address" in note, note
        assert not inside.calls
    assert google.stats(log=False)["requests"] == 0
    assert secret.make("images/q.txt", "the configured address works") == ["images/q.jpg"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/x.png", "file:///etc/passwd", "ftp://127.0.0.1:{}/x.png",
                                 "gopher://127.0.0.1:{}/x", "HTTP://127.0.0.1:{}/x.png"])
def test_other_protocols_are_refused(secret, google, url):
    with Listener() as inside:
        secret.mount()
        secret.save("images/p.txt", f"---\nfrom_image: {url.format(inside.port)}\n---\nan owl")
        secret.wait_state("images/p.txt", "failed")
        secret.wait_exists("images/p.error.log")
        assert "from_image" in secret.read("images/p.error.log") or "https" in secret.read("images/p.error.log")
        assert not inside.calls
    assert google.stats(log=False)["requests"] == 0


@pytest.mark.parametrize("given", ["configuration", "command line"])
def test_a_key_file_that_others_can_read_is_refused(libraries, google, given):
    google.reset()
    lib = libraries(fake=google, key=None)
    key = lib.base / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o644)
    more = []
    if given == "configuration":
        lib.configure({"providers.gemini": {"api_key_file": str(key)}})
    else:
        more = ["--api-key-file", str(key)]
    done = run(program(), *lib.command(*more, foreground=False)[1:], env=lib.env, cwd="/", ok=False)
    assert "chmod 600" in done.stderr and "0644" in done.stderr
    assert not spoken_of((done.stdout + done.stderr).encode())
    assert not lib.mounted()
    key.chmod(0o600)
    lib.mount(*more)
    lib.make("images/a.txt", "an owl")
    assert google.stats(log=False)["paid"] == 1


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(secret, google, mask):
    before = os.umask(mask)
    try:
        secret.mount(foreground=False)
    finally:
        os.umask(before)
    for m in ("600", "644", "666"):
        secret.sh("umask 000; echo \"an owl $1\" >images/p$1.txt; chmod $1 images/p$1.txt", m)
    for m in ("600", "644", "666"):
        secret.wait(f"images/p{m}.txt")
        for ext in ("txt", "jpg"):
            assert oct(os.stat(secret.path(f"images/p{m}.{ext}")).st_mode & 0o7777) == "0o" + m, ext
    secret.sh("umask 022; echo x >plain; mkdir d; umask 007; echo x >group; mkdir e; umask 000; echo x >open")
    for name, mode in {"plain": 0o644, "d": 0o755, "group": 0o660, "e": 0o770, "open": 0o666}.items():
        assert os.stat(secret.path(name)).st_mode & 0o7777 == mode, name
    secret.save("images/bad.txt", "---\nsede: 1\n---\nan owl")
    secret.wait_exists("images/bad.error.log")
    secret.idle()
    secret.kill()  # as it is while it works, and after a crash
    state = secret.dir / ".ymago"
    assert state.stat().st_mode & 0o7777 == 0o700
    seen = 0
    for folder, folders, files in os.walk(state):
        for n in folders:
            assert os.stat(os.path.join(folder, n)).st_mode & 0o7777 == 0o700, n
        for n in files:
            assert os.stat(os.path.join(folder, n)).st_mode & 0o077 == 0, n
            seen += 1
    assert seen > 3
    for n in ("images", "cost"):
        assert os.stat(secret.dir / n).st_mode & 0o777 == 0o755, n


def test_a_state_folder_of_others_is_taken_back(secret):
    secret.mount()
    secret.umount()
    (secret.dir / ".ymago").chmod(0o755)
    secret.mount()
    secret.umount()
    assert (secret.dir / ".ymago").stat().st_mode & 0o777 == 0o700


def test_the_socket_is_the_owners(secret):
    secret.mount()
    path = pathlib.Path(secret.status()["socket"])
    wait_for(path.exists)
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
