"""The mount's life: begun, held by one, ended in every way, begun again; never a file lost, never bought twice."""
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import time

import pytest

from rig import mount_row, program, run, wait_for


def asked(fake):
    return fake.stats(log=False)["generations_asked"]


def tree(lib, folder="images"):
    return {n: (lib.path(folder) / n).read_bytes() for n in lib.listing(folder) if (lib.path(folder) / n).is_file()}


def parts_of(lib):
    """The daemon and its publisher."""
    mine = os.path.realpath(program())
    children = [int(p) for p in os.listdir("/proc") if p.isdigit() and parent_of(p) == lib.pid]
    return [lib.pid] + [p for p in children if os.path.realpath(f"/proc/{p}/exe") == mine]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def alive(pid):
    """A process that nobody has waited for yet has ended all the same."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def refused(lib, *more, mnt=None, library=None):
    """Another `ymago mount` must end with 1; returns its words."""
    command = [program(), "mount", "--config", lib.config, *more]
    command += ["--library", library] if library else []
    done = run(*command, mnt or lib.mnt, env=lib.env, cwd="/", ok=None)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert re.match(r"ymago: [^\n]+\.?\n$", done.stderr), done.stderr
    return done.stderr


# ---- begun ----

def test_mount_returns_when_it_works(lib):
    """In the background: the first access right after its return finds the mount; it says what things cost."""
    said = lib.mount(foreground=False)
    assert mount_row(lib.mnt)[1] == "fuse.ymago"
    assert "New prompts use" in lib.read("STATUS.txt")
    assert f"Mounted {lib.mnt}." in said
    assert re.search(r"image +gemini/gemini-nano-banana-2.1, about \$0\.0\d+ each", said)
    assert "at most $10.00" in said and "cost/budget.toml" in said
    assert lib.make("images/a.txt", "a lighthouse") == ["images/a.jpg"]


def test_limits_of_the_budget_file_are_said(lib):
    (lib.dir / "cost").mkdir()
    (lib.dir / "cost/budget.toml").write_text("daily_usd = 3\n")
    assert "at most $3.00" in lib.mount()


def test_the_first_mount_starts_nothing(lib, fake):
    (lib.dir / "images/deep").mkdir(parents=True)
    (lib.dir / "images/a.txt").write_text("a lighthouse")
    (lib.dir / "images/deep/b.txt").write_text("a harbour")
    (lib.dir / "images/blank.c").write_text("no prompt")
    (lib.dir / "notes.txt").write_text("no prompt either")
    said = lib.mount(foreground=False)
    assert re.search(r"\b2 files here look like prompts", said), said
    lib.idle()
    assert asked(fake) == 0
    assert lib.state("images/a.txt") == "seen" and lib.state("images/deep/b.txt") == "seen"
    lib.sh("touch images/a.txt")
    assert lib.wait("images/a.txt") == ["images/a.jpg"]
    lib.idle()
    assert asked(fake) == 1
    assert lib.state("images/deep/b.txt") == "seen"
    lib.umount()
    assert "look like prompts" not in lib.mount()  # only the first time
    lib.idle()
    assert asked(fake) == 1


def test_library_and_mount_point_apart(libraries, fake):
    lib = libraries(fake=fake, apart=True)
    lib.mount(foreground=False)
    assert lib.make("images/a.txt", "a lighthouse") == ["images/a.jpg"]
    assert (lib.dir / "images/a.jpg").read_bytes() == lib.bytes("images/a.jpg")
    assert (lib.dir / ".ymago/journal.db").exists()
    lib.ymago("umount", lib.mnt)
    lib.ended()
    assert os.listdir(lib.mnt) == []
    assert {"a.txt", "a.jpg", "a.jpg.json"} <= set(os.listdir(lib.dir / "images"))


def test_a_mount_point_with_files_in_it_is_refused(libraries, fake):
    lib = libraries(fake=fake, apart=True)
    (lib.mnt / "mine.txt").write_text("would be hidden")
    words = refused(lib, library=lib.dir)
    assert str(lib.mnt) in words and "empty" in words
    assert not lib.mounted()
    assert os.listdir(lib.mnt) == ["mine.txt"]


def test_a_mount_point_inside_the_library_is_refused(lib):
    (lib.dir / "inside").mkdir()
    words = refused(lib, mnt=lib.dir / "inside", library=lib.dir)
    assert "inside" in words
    assert mount_row(lib.dir / "inside") is None


# ---- one engine ----

def test_a_second_mount_says_who_holds_it(mount):
    assert f"process {mount.pid}" in refused(mount)
    assert f"process {mount.pid}" in refused(mount, "-f")
    assert mount.make("images/a.txt", "a lighthouse") == ["images/a.jpg"]


def test_a_second_engine_elsewhere_says_who_holds_it(mount):
    other = mount.base / "other"
    other.mkdir()
    assert f"process {mount.pid}" in refused(mount, mnt=other, library=mount.dir)
    assert mount_row(other) is None
    assert mount.make("images/a.txt", "a lighthouse") == ["images/a.jpg"]


def test_a_second_engine_on_a_library_apart(libraries, fake):
    lib = libraries(fake=fake, apart=True)
    lib.mount()
    other = lib.base / "other"
    other.mkdir()
    assert f"process {lib.pid}" in refused(lib, mnt=other, library=lib.dir)
    assert f"process {lib.pid}" in refused(lib, mnt=lib.dir)  # in place, below it
    assert not mount_row(other) and not mount_row(lib.dir)


# ---- ended ----

def test_umount_leaves_a_plain_folder(lib):
    lib.mount(foreground=False)
    lib.make("images/a.txt", "a lighthouse")
    lib.sh("mkdir d; echo plain >d/notes; ln -s notes d/l")
    before, pid = tree(lib), lib.pid
    lib.ymago("umount", lib.mnt)
    lib.ended()
    assert not alive(pid)
    assert tree(lib) == before and set(before) == {"a.txt", "a.jpg", "a.jpg.json"}
    assert (lib.dir / "d/l").read_text() == "plain\n"
    assert not (lib.dir / "STATUS.txt").exists()
    assert (lib.dir / ".ymago/journal.db").exists()


def test_no_descriptor_lies_on_the_mount(mount):
    """Else a plain unmount says busy."""
    mount.make("images/a.txt", "a lighthouse")
    mount.save("images/wrong.txt", "---\nsede: 1\n---\nx")
    mount.wait_exists("images/wrong.error.log")
    device = os.stat(mount.mnt).st_dev
    pids = parts_of(mount)
    assert len(pids) == 2, pids

    def found():
        on_mount, looked = [], 0
        for pid in pids:
            for link in [f"fd/{n}" for n in os.listdir(f"/proc/{pid}/fd")] + ["cwd", "root"]:
                try:
                    looked += 1
                    if os.stat(f"/proc/{pid}/{link}").st_dev == device:
                        on_mount.append((pid, link, os.readlink(f"/proc/{pid}/{link}")))
                except FileNotFoundError:
                    pass
        assert looked > 10
        return on_mount
    assert found() == []
    for pid in pids:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
            assert not [line for line in maps if f"{os.major(device):02x}:{os.minor(device):02x} " in line]
    run("fusermount3", "-u", mount.mnt, cwd="/")  # the first time, not lazily
    mount.ended()


def test_kill_9_of_the_daemon(mount, fake):
    """The mount is gone within seconds, whoever waited in it is freed, the plain folder is back."""
    mount.make("images/a.txt", "a lighthouse")
    before = tree(mount)
    fake.script([{"do": "hang", "seconds": 600}])
    mount.save("images/slow.txt", "a slow one")
    fake.wait_for(lambda s: s["in_flight"] == 1)
    waiting = subprocess.Popen(["cat", mount.path(".ymago/wait/images/slow.txt")], cwd="/", stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    publisher = [p for p in parts_of(mount) if p != mount.pid]
    began = time.monotonic()
    mount.kill()
    assert time.monotonic() - began < 5
    assert waiting.wait(5) != 0
    wait_for(lambda: not alive(publisher[0]), 5, "the publisher ends by itself")
    assert tree(mount) == {**before, "slow.txt": b"a slow one"}


def test_a_dead_mount_is_cleaned_at_the_next(lib, fake):
    """Daemon and publisher both killed: nobody is left to take the mount away."""
    lib.mount()
    lib.make("images/a.txt", "a lighthouse")
    pids = parts_of(lib)
    assert len(pids) == 2
    for pid in reversed(pids):
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    lib.process.wait(30)
    lib.process = None
    wait_for(lambda: not any(alive(p) for p in pids))
    assert lib.mounted()
    with pytest.raises(OSError):
        os.listdir(lib.mnt)
    lib.mount()
    assert lib.listing() == ["a.jpg", "a.jpg.json", "a.txt"]
    lib.idle()
    assert asked(fake) == 1


def test_the_command_unmounts_a_dead_mount(lib):
    lib.mount()
    pids = parts_of(lib)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    lib.process.wait(30)
    lib.process = None
    lib.ymago("umount", lib.mnt)
    assert not lib.mounted() and (lib.dir / "images").is_dir()


def test_terminated_it_keeps_what_is_on_its_way(mount, fake):
    """SIGTERM: nothing new is sent, the answer that is paid for is waited for and placed."""
    fake.script([{"do": "hang", "seconds": 2, "then": "ok"}])
    mount.save("images/a.txt", "a slow lighthouse")
    fake.wait_for(lambda s: s["in_flight"] == 1)
    mount.terminate()
    wait_for(lambda: mount.status()["draining"])
    mount.save("images/b.txt", "too late")
    mount.ended()
    assert asked(fake) == 1 and fake.stats(log=False)["paid"] == 1
    assert sorted(os.listdir(mount.dir / "images")) == ["a.jpg", "a.jpg.json", "a.txt", "b.txt"]
    mount.mount()
    assert mount.wait("images/b.txt") == ["images/b.jpg"]
    assert mount.state("images/a.txt") == "done"
    assert asked(fake) == 2


def test_terminated_twice_it_ends_at_once(mount, fake):
    fake.script([{"do": "hang", "seconds": 600}])
    mount.save("images/a.txt", "a slow lighthouse")
    fake.wait_for(lambda s: s["in_flight"] == 1)
    mount.terminate()
    wait_for(lambda: mount.status()["draining"])
    began = time.monotonic()
    mount.terminate()
    mount.ended()
    assert time.monotonic() - began < 5
    assert asked(fake) == 1


def test_interrupted_in_the_foreground(mount):
    mount.make("images/a.txt", "a lighthouse")
    mount.terminate(signal.SIGINT)
    mount.ended()
    assert (mount.dir / "images/a.jpg").exists()


# ---- begun again ----

def test_mounted_again_nothing_is_bought_and_numbers_stay(mount, fake):
    for name in ("a", "b"):
        mount.make(f"images/{name}.txt", f"a lighthouse {name}")
    mount.sh("mkdir -p d/e; echo plain >d/e/notes")

    def numbers():
        found = {}
        for folder, folders, names in os.walk(mount.mnt):
            for name in [n for n in folders + names]:
                path = os.path.join(folder, name)
                rel = os.path.relpath(path, mount.mnt)
                if rel.split("/")[0] in ("images", "d", "videos"):
                    found[rel] = os.lstat(path).st_ino
        return found
    before, files = numbers(), tree(mount)
    assert len(before) >= 10 and len(set(before.values())) == len(before)
    for _ in range(2):
        mount.umount()
        mount.mount()
        mount.idle()
        assert numbers() == before
    assert tree(mount) == files
    assert asked(fake) == 2
    assert mount.state("images/a.txt") == "done"


def test_saved_while_not_mounted(mount, fake):
    mount.make("images/a.txt", "a lighthouse")
    mount.make("images/b.txt", "a harbour")
    mount.umount()
    (mount.dir / "images/a.txt").write_text("a lighthouse at night")  # changed
    (mount.dir / "images/new").mkdir()
    (mount.dir / "images/new/c.txt").write_text("a boat")             # new
    (mount.dir / "images/b.txt").write_text("a harbour")              # the same again
    mount.mount()
    assert mount.wait("images/new/c.txt") == ["images/new/c.jpg"]
    assert mount.wait("images/a.txt") == ["images/a.jpg"]
    mount.idle()
    assert mount.sidecar("images/a.jpg")["prompt"] == "a lighthouse at night"
    assert fake.stats()["by_prompt"] == {"a lighthouse": 1, "a harbour": 1, "a lighthouse at night": 1, "a boat": 1}


def test_many_saved_while_not_mounted_pass_the_guard_as_one(mount, fake):
    mount.sh("mkdir -p cost; echo 'batch_auto_usd = 0.1' >cost/budget.toml")
    mount.idle()
    mount.umount()
    for i in range(12):
        (mount.dir / f"images/p{i:02}.txt").write_text(f"boat {i}")
    mount.mount()
    # Those that left before there were more than bulk_count (10) of them are gone; they count in the sum.
    wait_for(lambda: mount.idle()["jobs"]["held"] + asked(fake) == 12, what=lambda: mount.status()["jobs"])
    assert asked(fake) <= 10

    def notes():
        return [f"{d}{n}" for d in ("", "images/") for n in mount.listing(d) if n.endswith(".held.log")]
    wait_for(notes, what=mount.log)
    mount.idle()
    [note] = notes()
    assert os.path.basename(note).startswith("bulk-")
    mount.sh('mv "$1" "${1%.held.log}.approved.log"', note)
    wait_for(lambda: mount.idle()["jobs"]["done"] == 12, what=lambda: mount.status()["jobs"])
    assert asked(fake) == 12


@pytest.mark.parametrize("gone", ["journal", "whole state folder"])
def test_without_its_journal_it_adopts(mount, fake, gone):
    for i in range(3):
        mount.make(f"images/p{i}.txt", f"boat {i}")
    files = tree(mount)
    before = asked(fake)
    mount.umount()
    if gone == "journal":
        run("sh", "-c", 'rm "$1"/journal.db*', "sh", mount.dir / ".ymago")
    else:
        run("rm", "-rf", mount.dir / ".ymago")
    mount.mount()
    wait_for(lambda: mount.idle()["jobs"]["done"] == 3, what=lambda: mount.status()["jobs"])
    for i in range(3):
        mount.wait_state(f"images/p{i}.txt", "done")
    mount.sh("touch images/*.txt")
    mount.idle()
    assert asked(fake) == before == 3
    assert tree(mount) == files


def test_hangup_reads_the_configuration_again(mount, fake):
    assert "nano-banana-2.1" in mount.read("STATUS.txt")
    mount.configure({"defaults": {"image_model": "gemini-3-pro-image"}})
    mount.terminate(signal.SIGHUP)
    wait_for(lambda: "gemini-3-pro-image" in mount.read("STATUS.txt"), what=lambda: mount.read("STATUS.txt"))
    mount.make("images/a.txt", "a lighthouse")
    assert "gemini-3-pro-image" in fake.stats()["log"][-1]["path"]
    # One that is wrong is refused in words; the old one stays.
    mount.configure({"mount": {"setle_ms": 3}})
    mount.terminate(signal.SIGHUP)
    wait_for(lambda: "setle_ms" in mount.log())
    assert "gemini-3-pro-image" in mount.read("STATUS.txt")
    assert mount.make("images/b.txt", "a boat") == ["images/b.jpg"]


def test_modes_are_what_users_ask_for(lib):
    """Whatever umask the daemon was started with."""
    old = os.umask(0o077)
    try:
        lib.mount(foreground=False)
    finally:
        os.umask(old)
    lib.sh("umask 022; echo x >a; mkdir d; mknod p p; umask 002; echo x >b; mkdir e; umask 0; echo x >c;"
           "umask 027; printf boat >images/m.txt")
    lib.wait("images/m.txt")

    def mode(name):
        return oct(stat.S_IMODE(os.lstat(lib.path(name)).st_mode))
    assert [mode(n) for n in ("a", "d", "p", "b", "e", "c", "images/m.txt", "images/m.jpg")] == [
        "0o644", "0o755", "0o644", "0o664", "0o775", "0o666", "0o640", "0o640"]
    lib.umount()
    assert [mode(n) for n in ("a", "d", "b", "images/m.jpg")] == ["0o644", "0o755", "0o664", "0o640"]
    assert mode(".ymago") == "0o700"
    for name in os.listdir(lib.dir / ".ymago"):
        assert not os.lstat(lib.dir / ".ymago" / name).st_mode & 0o077 or name in (".gitignore", "CACHEDIR.TAG"), name


def test_a_newer_journal_is_refused_in_words(mount):
    mount.make("images/a.txt", "a lighthouse")
    mount.umount()
    db = sqlite3.connect(mount.dir / ".ymago/journal.db")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute(f"PRAGMA user_version = {version + 1}")
    db.commit()
    db.close()
    words = refused(mount)
    assert "newer ymago" in words and "update" in words and str(version + 1) in words
    assert not mount.mounted()
    db = sqlite3.connect(mount.dir / ".ymago/journal.db")
    assert db.execute("PRAGMA user_version").fetchone()[0] == version + 1  # untouched
    db.execute(f"PRAGMA user_version = {version}")
    db.commit()
    db.close()
    mount.mount()
    assert mount.state("images/a.txt") == "done"


def test_systemd_is_told(libraries, fake):
    """Type=notify: READY=1, and only when the mount works."""
    lib = libraries(fake=fake)
    path = str(lib.base / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(20)
        lib.env["NOTIFY_SOCKET"] = path
        lib.mount()
        assert s.recv(100) == b"READY=1"
        assert lib.mounted()
