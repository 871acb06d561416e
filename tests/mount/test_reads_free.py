"""Looking never starts, sends, spends or hangs anything."""
import os
import subprocess

import pytest

from rig import Library, allow_nothing, run, wait_for
from fake import FakeGemini

READERS = {
    "ls": "ls -lR . >/dev/null",
    "find": "find . -type f -size +0 -newermt 2000-01-01 >/dev/null",
    "grep": "grep -r sunset . >/dev/null",
    "cat": "find images -type f -exec cat {} + >/dev/null",
    "file and stat": "find . -exec stat {} + >/dev/null",
    "getfattr": "getfattr -R -d -m - . >/dev/null; getfattr -n user.ymago.state images/[!b]*.txt >/dev/null",
    "du and df": "du -sh . >/dev/null; df . >/dev/null; stat -f . >/dev/null",
    "tar": "tar cf - . | tar tf - >/dev/null",
    "cp out": 'cp -r . "$1"/copy',
    "rsync out": 'rsync -a ./ "$1"/synced/',
    "checksums": "find . -type f -exec md5sum {} + >/dev/null",
    "the state folder by name": "cat .ymago/status .ymago/status.json .ymago/events.log .ymago/config.toml >/dev/null",
    "the tables": "cat README.md STATUS.txt cost/* >/dev/null",
}


@pytest.fixture(scope="module")
def full():
    """A library with one picture done, one failed, one held, one plain file, one unfinished name."""
    with FakeGemini("--small") as fake, Library(fake=fake) as lib:
        lib.mount()
        lib.make("images/sunset.txt", "a sunset over mountains")
        fake.script([{"do": "refuse"}])
        lib.save("images/refused.txt", "something refused")
        lib.wait_state("images/refused.txt", "failed")
        lib.save("images/held.txt", "---\nmax_usd: 0.001\n---\nsomething dear")
        lib.wait_state("images/held.txt", "held")
        lib.save("images/wrong.txt", "---\nsede: 1\n---\nx")
        lib.wait_state("images/wrong.txt", "failed")
        lib.save("images/blank.txt", " \n")
        lib.save("notes.txt", "no prompt: it lies in no kind folder")
        lib.wait_exists("images/wrong.error.log")
        lib.wait_exists("images/held.held.log")
        lib.idle()
        yield lib


@pytest.mark.parametrize("reader", READERS)
def test_free(full, reader, tmp_path):
    before, jobs, spend = full.fake.stats(log=False), full.status()["jobs"], full.status()["spend"]
    events = len(full.events())
    full.sh(READERS[reader], tmp_path)
    status = full.idle()
    allow_nothing(full.fake, before)
    assert status["jobs"] == jobs and status["spend"] == spend
    assert len(full.events()) == events


def test_a_copy_of_the_tree_is_complete(full, tmp_path):
    """Virtual texts have their true size: rsync, cp and tar copy what cat shows."""
    full.sh('rsync -a ./ "$1"/s/; cp -r . "$1"/c; tar cf "$1"/t.tar .', tmp_path)
    (tmp_path / "t").mkdir()
    run("tar", "xf", tmp_path / "t.tar", "-C", tmp_path / "t")
    for copy in ("s", "c", "t"):
        assert not (tmp_path / copy / ".ymago").exists()
        for name in ("README.md", "cost/budget.toml", "images/sunset.jpg", "images/sunset.txt"):
            if full.exists(name):
                assert (tmp_path / copy / name).read_bytes() == full.bytes(name), name
        assert len((tmp_path / copy / "STATUS.txt").read_bytes()) > 50


def test_copies_do_not_carry_our_attributes(full, tmp_path):
    """cp --preserve=all and rsync -X may copy attributes: states are not among them, the type is."""
    full.sh('cp -a images/sunset.jpg "$1"/', tmp_path)
    names = os.listxattr(tmp_path / "sunset.jpg")
    assert not [n for n in names if n.startswith("user.ymago")]


def test_reading_a_prompt_for_writing_without_a_write(full):
    """Opening for reading and writing and closing again writes nothing."""
    before = full.fake.stats(log=False)
    full.sh(": 3<>images/sunset.txt; : 3<>images/refused.txt")
    full.idle()
    allow_nothing(full.fake, before)


def test_metadata_operations(full):
    before = full.fake.stats(log=False)
    full.sh("chmod 640 images/sunset.txt images/refused.txt; chown $(id -u) images/sunset.txt;"
            "touch -d 2020-01-01 images/refused.txt images/sunset.jpg; setfattr -n user.note -v x images/sunset.txt;"
            "setfattr -n user.ymago.state -v done images/refused.txt")
    full.idle()
    allow_nothing(full.fake, before)
    assert os.getxattr(full.path("images/sunset.txt"), "user.note") == b"x"
    assert full.state("images/refused.txt") == "failed"


def test_reads_do_not_hang_while_the_provider_does(libraries, fake):
    """A request hangs; everything else answers at once."""
    fake.script([{"do": "hang", "seconds": 600}])
    lib = libraries(fake=fake)
    lib.mount()
    lib.save("images/slow.txt", "a slow one")
    fake.wait_for(lambda s: s["generations_asked"] == 1)
    lib.sh("ls -lR . >/dev/null; cat images/* STATUS.txt >/dev/null; getfattr -d -m - -R . >/dev/null", timeout=10)
    assert lib.state("images/slow.txt") == "running"
    assert lib.fake.stats()["generations_asked"] == 1
    lib.ctl("cancel images/slow.txt")


def test_many_readers_at_once(full):
    before = full.fake.stats(log=False)
    readers = [subprocess.Popen(["sh", "-c", "for i in 1 2 3 4 5; do find . -type f -exec cat {} + >/dev/null; done"],
                                cwd=full.mnt, stdout=subprocess.DEVNULL) for _ in range(6)]
    for r in readers:
        assert r.wait(60) == 0
    full.idle()
    allow_nothing(full.fake, before)


def test_opening_the_state_folder_lists_no_wait_entries(full):
    assert os.listdir(full.path(".ymago/wait")) == []
    names = set(os.listdir(full.path(".ymago")))
    assert {"ctl", "status", "status.json", "events", "events.log", "jobs", "wait", "config.toml", "prices.toml",
            "log"} <= names
    assert "staging" not in names
    assert not os.path.lexists(full.path(".ymago/staging/x"))


def test_access_times_and_locks_start_nothing(full):
    before = full.fake.stats(log=False)
    full.sh("flock -n images/refused.txt true; head -c1 images/refused.txt >/dev/null; touch -a -d now images/refused.txt;"
            "sync -f images/refused.txt")
    full.idle()
    allow_nothing(full.fake, before)
    wait_for(lambda: full.state("images/refused.txt") == "failed")
