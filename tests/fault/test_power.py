"""The power goes: an ext4 of its own on a loop device is shut down as a power cut would leave it, without
writing what it still held, and mounted again. Once a prompt's state reads `queued` it survives that; so
does every result that was shown as done."""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from faults import Journal, is_one_of, needs_root, nothing_torn, results, whole
from rig import Library, run, wait_for

FS_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = (2).to_bytes(4, "little")

pytestmark = [needs_root, pytest.mark.seconds(200)]


class Disk:
    """A file system that can lose its power."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="ymp"))
        self.image, self.path = self.base / "image", self.base / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(192 << 20)
        self.loop = None

    def make(self):
        run("mkfs.ext4", "-q", "-F", self.image)
        done = run("losetup", "--show", "-f", self.image, ok=None)
        if done.returncode:
            pytest.skip("no loop device: " + done.stderr.strip())
        self.loop = done.stdout.strip()
        self.mount()

    def mount(self):
        run("mount", self.loop, self.path)

    def cut(self):
        """From now on nothing reaches the disk, and what had not reached it is lost."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, NOLOGFLUSH)
        finally:
            os.close(fd)

    def umount(self):
        wait_for(lambda: run("umount", self.path, ok=None).returncode == 0 or not os.path.ismount(self.path), 20,
                 "the disk is let go of")

    def close(self):
        subprocess.run(["umount", "-l", self.path], stderr=subprocess.DEVNULL, timeout=20)
        if self.loop:
            run("losetup", "-d", self.loop)
        shutil.rmtree(self.base, ignore_errors=True)


@pytest.fixture
def disk():
    disk = Disk()
    try:
        disk.make()
        yield disk
    finally:
        disk.close()


@pytest.fixture
def lib(disk, fake):
    with Library(fake=fake, tables={"budget": {"retry_unknown_max_usd": 1, "bulk_count": 1000}}) as lib:
        shutil.rmtree(lib.dir)
        lib.dir = lib.mnt = disk.path / "lib"
        lib.dir.mkdir()
        os.sync()
        lib.mount()
        lib.idle()
        yield lib


def power_cut(lib, disk):
    """Without a warning; then the machine comes up again."""
    disk.cut()
    os.kill(lib.pid, signal.SIGKILL)
    lib.process.wait(20)
    lib.process = None
    wait_for(lambda: not lib.mounted() or run("fusermount3", "-uz", lib.mnt, ok=None) is None)
    disk.umount()
    disk.mount()


def test_what_reads_queued_survives(lib, disk, fake):
    lib.ctl("pause")
    lib.save("images/queued.txt", "safe from now on")
    lib.wait_state("images/queued.txt", "queued")
    power_cut(lib, disk)
    lib.mount()
    assert lib.read("images/queued.txt") == "safe from now on"
    result, = lib.wait("images/queued.txt")
    whole(lib, result)
    assert fake.stats(log=False)["paid"] == 1
    nothing_torn(lib)


def test_what_was_shown_survives(lib, disk, fake):
    """Done is done: the result, its sidecar and what is known of it are there, and nothing is bought again."""
    for i in range(3):
        lib.make(f"images/{i}.txt", f"number {i}")
        lib.wait_state(f"images/{i}.txt", "done")
    before = {r: whole(lib, r) for r in results(lib)}
    assert len(before) == 3
    power_cut(lib, disk)
    lib.mount()
    lib.idle()
    assert {r: whole(lib, r) for r in results(lib)} == before
    assert [lib.state(f"images/{i}.txt") for i in range(3)] == ["done"] * 3
    for i in range(3):
        lib.sh('touch "$1"', f"images/{i}.txt")
    lib.idle()
    assert fake.stats(log=False)["paid"] == 3
    nothing_torn(lib)


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8])
def test_at_any_moment(lib, disk, fake, moment):
    """Twenty prompts on their way: what was queued comes, whole and once, and the journal is sound."""
    fake.script([{"do": "hang", "seconds": 0.05, "times": -1}])
    for i in range(20):
        lib.save(f"images/{i}.txt", f"number {i}")
    lib.wait_state("images/0.txt", "queued", "running", "done")
    time.sleep(moment)  # the moment itself is what is tried here
    queued = [i for i in range(20) if lib.state(f"images/{i}.txt") in ("queued", "running", "done")]
    done = [i for i in queued if lib.state(f"images/{i}.txt") == "done"]
    power_cut(lib, disk)
    with Journal(lib):
        pass
    lib.mount()
    for i in queued:
        assert lib.read(f"images/{i}.txt") == f"number {i}"
    lib.idle(60)
    made = fake.stats()["made"]
    for i in queued:
        assert is_one_of(lib, f"images/{i}.jpg", made) == f"number {i}"
    for i in done:
        assert fake.stats(log=False)["paid_by_prompt"][f"number {i}"] == 1
    nothing_torn(lib)
