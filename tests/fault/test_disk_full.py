"""The disk is full: saving says so, reading goes on, nothing new is bought, what was paid for is kept, and all
goes on by itself when there is space again. On a tmpfs of its own."""
import contextlib
import errno
import os
import pathlib
import shutil
import signal
import tempfile

import pytest

from faults import Journal, needs_root, nothing_torn, whole
from rig import Library, run, wait_for

SIZE = 160  # MiB; below 64 free nothing new is bought

pytestmark = needs_root


class Disk:
    def __init__(self, path):
        self.path = path
        self.filler = path / "filler"

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def leave(self, left):
        """Takes all space but so much."""
        with open(self.filler, "ab") as f:
            take = self.free() - left
            if take > 0:
                os.posix_fallocate(f.fileno(), f.tell(), take)

    def fill(self):
        """To the last byte."""
        self.leave(1 << 20)
        with open(self.filler, "ab", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))

    def empty(self):
        self.filler.unlink()


@pytest.fixture
def disk():
    path = pathlib.Path(tempfile.mkdtemp(prefix="ymd"))
    run("mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "ymago-test", path)
    yield Disk(path)
    run("umount", "-l", path)
    path.rmdir()


@pytest.fixture
def lib(disk, fake):
    with Library(fake=fake) as lib:
        shutil.rmtree(lib.dir)
        lib.dir = lib.mnt = disk.path / "lib"
        lib.dir.mkdir()
        lib.mount()
        yield lib
        if disk.filler.exists():
            disk.empty()


def refused(lib, name, text):
    """Saving says that there is no space. What a plain file system keeps of it is an empty file."""
    with pytest.raises(OSError) as e:
        fd = os.open(lib.path(name), os.O_WRONLY | os.O_CREAT)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)
    assert e.value.errno in (errno.ENOSPC, errno.EDQUOT)


def test_saving_says_so_and_reading_goes_on(lib, disk, fake):
    result, = lib.make("images/first.txt", "the first")
    lib.save("images/plain.bin", bytes(1 << 20))
    disk.fill()
    before = fake.stats(log=False)
    refused(lib, "images/second.txt", b"x" * 100000)
    whole(lib, result)
    assert lib.read("images/first.txt") == "the first"
    assert len(lib.bytes("images/plain.bin")) == 1 << 20
    assert "first.jpg" in lib.listing()
    assert lib.read("README.md") and lib.read("STATUS.txt")
    assert lib.status()["jobs"]["done"] == 1
    assert lib.state("images/first.txt") == "done"
    assert fake.stats(log=False)["requests"] == before["requests"]
    disk.empty()
    lib.make("images/second.txt", "the second")
    nothing_torn(lib)
    lib.umount()
    with Journal(lib) as j:
        assert j.states() == {"done": 2}


def test_nothing_is_bought_without_room_for_it(lib, disk, fake):
    disk.leave(40 << 20)
    for i in range(3):
        lib.save(f"images/{i}.txt", f"number {i}")
    for i in range(3):
        lib.wait_state(f"images/{i}.txt", "queued")
    wait_for(lambda: "full" in lib.log())
    assert fake.stats(log=False)["requests"] == 0
    assert [lib.state(f"images/{i}.txt") for i in range(3)] == ["queued"] * 3
    disk.empty()
    for i in range(3):
        whole(lib, lib.wait(f"images/{i}.txt")[0])  # by itself
    assert fake.stats(log=False)["paid"] == 3
    nothing_torn(lib)


def test_what_was_paid_for_is_kept(lib, disk, fake):
    """The disk is filled while the answer is awaited."""
    fake.script([{"do": "hang", "seconds": 1.5}])
    lib.save("images/paid.txt", "paid for already")
    fake.wait_for(lambda s: s["paid"] == 1)
    disk.fill()
    fake.wait_for(lambda s: s["in_flight"] == 0)  # the answer is out, and the disk full to the last byte
    lib.wait_state("images/paid.txt", "done")  # the reserve of the store was given back for it
    result, = lib.wait("images/paid.txt")
    whole(lib, result)
    disk.empty()
    assert fake.stats(log=False)["paid"] == 1
    nothing_torn(lib)
    lib.umount()
    with Journal(lib) as j:
        assert j.attempts() == 1
    assert os.listdir(lib.dir / ".ymago/staging") == []


def state_folder(lib):
    """The real one, below the mount."""
    fds = f"/proc/{lib.pid}/fd"
    return next(f"{fds}/{n}" for n in os.listdir(fds) if os.readlink(f"{fds}/{n}").endswith("/.ymago"))


def test_full_without_a_reserve(lib, disk, fake):
    """Not even the space kept back is there: the answer cannot be kept, that is said, and it is not bought
    again unasked."""
    fake.script([{"do": "hang", "seconds": 0.7}])
    lib.save("images/lost.txt", "nowhere to go")
    fake.wait_for(lambda s: s["paid"] == 1)
    os.unlink(f"{state_folder(lib)}/ballast")
    disk.fill()
    fake.wait_for(lambda s: s["in_flight"] == 0)
    disk.empty()
    lib.wait_state("images/lost.txt", "unknown")
    assert fake.stats(log=False)["paid"] == 1
    lib.wait_exists("images/lost.error.log")
    assert "full" in lib.read("images/lost.error.log")
    lib.ymago("retry", lib.path("images/lost.txt"))
    whole(lib, lib.wait("images/lost.txt")[0])
    nothing_torn(lib)


def test_killed_and_mounted_while_full(lib, disk, fake):
    result, = lib.make("images/first.txt", "the first")
    lib.idle()
    disk.leave(1 << 20)
    lib.save("images/second.txt", "the second")
    lib.noticed()
    disk.fill()
    lib.kill()
    assert (lib.dir / "images/second.txt").read_text() == "the second"
    try:
        lib.mount()
    except AssertionError as e:  # in words, then: the folder is a plain one, and all is there
        assert "space" in str(e) or "full" in str(e), e
        lib.process = None
        whole(lib, result)
        disk.empty()
        lib.mount()
    else:
        whole(lib, result)
        disk.empty()
    lib.wait("images/second.txt", seconds=60)
    assert fake.stats(log=False)["paid_by_prompt"]["the second"] <= 2
    nothing_torn(lib)


def test_sigterm_while_full(lib, disk):
    lib.make("images/first.txt", "the first")
    disk.fill()
    lib.terminate(signal.SIGTERM)
    lib.ended()
    disk.empty()
    lib.mount()
    assert lib.state("images/first.txt") == "done"
