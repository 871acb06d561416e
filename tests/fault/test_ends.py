"""How the daemon ends: SIGTERM waits for what is paid for, a second one does not, kill -9 loses nothing that
was saved; and there is one engine a library."""
import os
import signal
import sqlite3
import time

import pytest

from faults import Journal, nothing_torn, whole
from rig import program, run, wait_for


@pytest.fixture
def lib(fake, libraries):
    lib = libraries(fake=fake)
    lib.mount()
    return lib


def test_sigterm_waits_for_what_is_paid(lib, fake):
    fake.script([{"do": "hang", "seconds": 1.5, "match": "slow"}])
    lib.save("images/slow.txt", "a slow one")
    fake.wait_for(lambda s: s["paid"] == 1)
    lib.terminate()
    lib.ended()
    assert fake.stats(log=False)["paid"] == 1
    lib.mount()
    assert lib.state("images/slow.txt") == "done"
    whole(lib, "images/slow.jpg")
    assert fake.stats(log=False)["requests"] == 1


def test_nothing_new_is_sent_while_it_ends(lib, fake):
    fake.script([{"do": "hang", "seconds": 1.0, "match": "slow"}])
    lib.save("images/slow.txt", "a slow one")
    fake.wait_for(lambda s: s["paid"] == 1)
    lib.terminate()
    lib.save("images/late.txt", "too late for today")
    lib.ended()
    assert "too late for today" not in fake.stats(log=False)["by_prompt"]
    assert (lib.dir / "images/late.txt").read_text() == "too late for today"
    lib.mount()
    lib.wait("images/late.txt", seconds=60)


def test_a_second_sigterm_ends_at_once(lib, fake):
    fake.script([{"do": "hang", "match": "for ever"}])
    lib.save("images/hang.txt", "for ever")
    fake.wait_for(lambda s: s["paid"] == 1)
    lib.terminate()
    wait_for(lambda: lib.status()["draining"])
    begun = time.monotonic()
    lib.terminate()
    lib.ended()
    assert time.monotonic() - begun < 10
    with Journal(lib) as j:
        assert j.states() == {"reserved": 1}  # sent, no answer: the next start says so
    fake.clear()
    lib.mount()
    lib.wait_state("images/hang.txt", "done", "unknown")
    assert fake.stats(log=False)["paid"] <= 2
    nothing_torn(lib)


def test_saved_is_saved(lib, fake):
    """close() returned 0, then kill -9, at once, fifty times over."""
    for i in range(50):
        lib.path(f"images/{i}.txt").write_text(f"number {i}")
    lib.kill()
    for i in range(50):
        assert (lib.dir / f"images/{i}.txt").read_text() == f"number {i}"
    lib.mount()
    lib.idle(60)
    held = [i for i in range(50) if lib.state(f"images/{i}.txt") not in ("done", "held", "unknown")]
    assert held == []
    nothing_torn(lib)


def test_an_open_file_survives_as_far_as_it_was_written(lib):
    fd = os.open(lib.path("images/open.txt"), os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"half a tho")
    lib.kill()
    try:
        os.close(fd)
    except OSError:
        pass
    assert (lib.dir / "images/open.txt").read_text() == "half a tho"
    lib.mount()
    lib.wait("images/open.txt", seconds=60)  # what a plain file system would have kept is a prompt like any other


def test_one_engine_a_library(lib):
    other = lib.base / "other"
    other.mkdir()
    done = run(program(), "mount", "--config", lib.config, "--library", lib.dir, other, env=lib.env, cwd="/", ok=None)
    assert done.returncode == 1
    assert str(lib.pid) in done.stderr, done.stderr
    assert lib.status()  # the first is none the worse


def test_the_next_start_cleans_a_dead_mount(lib, fake):
    """Daemon and publisher die together: the mount is dead, and the next start takes it away."""
    lib.make("images/a.txt", "the first")
    fake.script([{"do": "ok"}])
    daemon = lib.pid
    with open(f"/proc/{daemon}/task/{daemon}/children", encoding="ascii") as f:
        children = [int(p) for p in f.read().split()]
    os.kill(daemon, signal.SIGSTOP)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    os.kill(daemon, signal.SIGKILL)
    lib.process.wait(20)
    lib.process = None
    assert lib.mounted()
    with pytest.raises(OSError):
        lib.listing()
    lib.mount()
    assert lib.state("images/a.txt") == "done"
    lib.make("images/b.txt", "the second")


def test_a_newer_journal_is_refused_in_words(lib):
    lib.umount()
    db = sqlite3.connect(lib.dir / ".ymago/journal.db")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute(f"PRAGMA user_version = {version + 1000}")
    db.commit()
    db.close()
    done = run(*lib.command(foreground=False), env=lib.env, cwd="/", ok=None)
    assert done.returncode == 1
    assert "newer" in done.stderr
    assert not lib.mounted()


@pytest.mark.parametrize("damage", ["journal.db", "journal.db-wal"])
def test_a_damaged_journal_is_said_and_nothing_is_bought(lib, fake, damage):
    lib.make("images/a.txt", "the first")
    lib.kill() if damage.endswith("-wal") else lib.umount()
    path = lib.dir / ".ymago" / damage
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 512):
        data[at:at + 64] = os.urandom(min(64, len(data) - at))
    path.write_bytes(bytes(data))
    before = fake.stats(log=False)["paid"]
    done = run(*lib.command(foreground=False), env=lib.env, cwd="/", ok=None)
    if done.returncode == 0:  # a damaged log is cut at its last whole commit, as after a power cut
        lib.background = True
        lib.idle()
        assert damage.endswith("-wal")
    else:
        assert done.returncode == 1
        assert done.stderr.startswith("ymago: ") and len(done.stderr) > 20, done.stderr
    assert fake.stats(log=False)["paid"] == before
    whole(lib, "images/a.jpg")
