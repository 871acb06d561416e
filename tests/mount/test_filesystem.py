"""It is a normal file system first: whatever happens to plain files happens as on the one below."""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import shutil
import stat
import subprocess

import pytest

from rig import Library, Watch, run, wait_for

SEED = int(os.environ.get("YMAGO_SEED") or random.SystemRandom().randrange(1 << 32))
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope="module")
def shared():
    with Library() as lib:
        lib.mount()
        yield lib


@pytest.fixture
def here(shared, request):
    """A fresh plain folder on the mount."""
    path = shared.path(request.node.name.replace("/", "_"))
    path.mkdir()
    yield path
    shutil.rmtree(path)


def renameat2(a, b, flags):
    if libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def refused(call, *args):
    """The errno of a call that must fail."""
    try:
        call(*args)
    except OSError as e:
        return e.errno
    raise AssertionError(f"{call.__name__}{args} was accepted")


# ---- one thing at a time ----

def test_unlinked_while_open(here):
    f = open(here / "f", "w+")
    f.write("before")
    f.flush()
    os.unlink(here / "f")
    f.write(" and after")
    f.flush()
    f.seek(0)
    assert f.read() == "before and after"
    assert os.fstat(f.fileno()).st_nlink == 0
    os.fchmod(f.fileno(), 0o600)
    os.ftruncate(f.fileno(), 6)
    assert os.fstat(f.fileno()).st_size == 6
    assert os.listdir(here) == []
    f.close()


def test_renamed_over_while_open(here):
    (here / "a").write_text("new")
    (here / "b").write_text("old")
    with open(here / "b") as f:
        os.rename(here / "a", here / "b")
        assert f.read() == "old"
    assert (here / "b").read_text() == "new"


def test_renamed_while_open_and_written(here):
    with open(here / "a", "w") as f:
        os.rename(here / "a", here / "b")
        f.write("x")
    assert (here / "b").read_text() == "x"


def test_rename_flags(here):
    (here / "a").write_text("a")
    (here / "b").write_text("b")
    assert refused(renameat2, here / "a", here / "b", RENAME_NOREPLACE) == errno.EEXIST
    renameat2(here / "a", here / "b", RENAME_EXCHANGE)
    assert ((here / "a").read_text(), (here / "b").read_text()) == ("b", "a")
    renameat2(here / "a", here / "c", RENAME_NOREPLACE)
    assert sorted(os.listdir(here)) == ["b", "c"]
    (here / "d" / "e").mkdir(parents=True)
    assert refused(os.rename, here / "d", here / "d" / "e" / "f") == errno.EINVAL
    assert refused(os.rename, here / "b", here / "d") == errno.EISDIR
    assert refused(os.rename, here / "d", here / "b") == errno.ENOTDIR
    assert refused(os.rmdir, here / "d") == errno.ENOTEMPTY


def test_links(here):
    (here / "a").write_text("a")
    os.link(here / "a", here / "b")
    assert os.stat(here / "a").st_nlink == os.stat(here / "b").st_nlink == 2
    assert os.stat(here / "a").st_ino == os.stat(here / "b").st_ino
    (here / "b").write_text("changed")
    assert (here / "a").read_text() == "changed"
    os.unlink(here / "a")
    assert os.stat(here / "b").st_nlink == 1
    os.symlink("b", here / "s")
    assert os.readlink(here / "s") == "b" and (here / "s").read_text() == "changed"
    os.symlink("/nonexistent", here / "t")
    assert os.lstat(here / "t").st_size == len("/nonexistent")


def test_exclusive_creation(here):
    os.close(os.open(here / "a", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    assert stat.S_IMODE(os.stat(here / "a").st_mode) == 0o640 & ~current_umask()
    assert refused(os.open, here / "a", os.O_CREAT | os.O_EXCL) == errno.EEXIST
    os.mkfifo(here / "p")
    assert stat.S_ISFIFO(os.stat(here / "p").st_mode)


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_modes_owners_times_attributes(here):
    (here / "a").write_text("a")
    os.chmod(here / "a", 0o4751)
    assert stat.S_IMODE(os.stat(here / "a").st_mode) == 0o4751
    os.utime(here / "a", ns=(1_000_000_000, 2_000_000_001))
    st = os.stat(here / "a")
    assert (st.st_atime_ns, st.st_mtime_ns) == (1_000_000_000, 2_000_000_001)
    if os.geteuid() == 0:
        os.chown(here / "a", 12345, 23456)
        st = os.stat(here / "a")
        assert (st.st_uid, st.st_gid) == (12345, 23456)
    os.setxattr(here / "a", "user.one", b"1")
    assert os.listxattr(here / "a") == ["user.one"]
    assert refused(os.setxattr, here / "a", "user.one", b"2", os.XATTR_CREATE) == errno.EEXIST
    os.removexattr(here / "a", "user.one")
    assert refused(os.getxattr, here / "a", "user.one") == errno.ENODATA


def test_append_by_two(here):
    with open(here / "a", "ab", buffering=0) as one, open(here / "a", "ab", buffering=0) as two:
        for i in range(100):
            one.write(b"1")
            two.write(b"2")
    assert sorted((here / "a").read_bytes()) == sorted(b"12" * 100)


def test_holes_and_allocation(here):
    with open(here / "a", "wb") as f:
        f.truncate(1 << 20)
        f.seek(1 << 19)
        f.write(b"middle")
    assert os.stat(here / "a").st_size == 1 << 20
    data = (here / "a").read_bytes()
    assert data[1 << 19:(1 << 19) + 6] == b"middle" and data.count(0) == (1 << 20) - 6
    fd = os.open(here / "a", os.O_RDWR)
    at = os.lseek(fd, 0, os.SEEK_DATA)
    assert at <= 1 << 19
    try:
        os.posix_fallocate(fd, 0, 2 << 20)
        assert os.fstat(fd).st_size == 2 << 20
    except OSError as e:
        assert e.errno == errno.EOPNOTSUPP
    os.close(fd)


def test_copy_file_range_and_sendfile(here):
    (here / "a").write_bytes(os.urandom(300000))
    src, dst = os.open(here / "a", os.O_RDONLY), os.open(here / "b", os.O_WRONLY | os.O_CREAT)
    done = 0
    while done < 300000:
        done += os.copy_file_range(src, dst, 300000 - done)
    os.close(src)
    os.close(dst)
    assert (here / "a").read_bytes() == (here / "b").read_bytes()


def test_mapped(here):
    (here / "a").write_bytes(b"x" * 8192)
    with open(here / "a", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
        m[4096:4100] = b"abcd"
        m.flush()
    assert (here / "a").read_bytes()[4096:4100] == b"abcd"


def test_direct(here):
    """Whatever the caller wants of the cache, the bytes are the same."""
    (here / "a").write_bytes(b"y" * 8192)
    fd = os.open(here / "a", os.O_RDWR | os.O_DIRECT)
    with mmap.mmap(-1, 4096) as page:
        page[:] = b"z" * 4096
        assert os.pwrite(fd, page, 4096) == 4096
        assert os.preadv(fd, [page], 0) == 4096 and page[:4] == b"yyyy"
    os.close(fd)
    assert (here / "a").read_bytes() == b"y" * 4096 + b"z" * 4096


def test_locks(here):
    (here / "a").write_text("a")
    with open(here / "a", "r+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert run("flock", "-n", here / "a", "true", ok=None).returncode == 1
        fcntl.flock(f, fcntl.LOCK_UN)
        run("flock", "-n", here / "a", "true")


def test_names(here):
    longest = "n" * 255
    for name in (longest, "ü" * 127, " ", "a\nb", "-rf", "*", "con", b"\xff\xfe".decode("utf-8", "surrogateescape")):
        (here / name).write_text(name[:3], errors="surrogateescape")
        assert name in os.listdir(here)
    assert refused(os.mkdir, here / (longest + "n")) == errno.ENAMETOOLONG
    deep = here
    for _ in range(40):
        deep = deep / "deeper-and-deeper"
        deep.mkdir()
    (deep / "f").write_text("x")
    assert (deep / "f").read_text() == "x"


def test_a_large_folder(here):
    for i in range(3000):
        os.close(os.open(here / f"f{i}", os.O_CREAT))
    assert sorted(os.listdir(here)) == sorted(f"f{i}" for i in range(3000))
    with os.scandir(here) as entries:
        for n, entry in enumerate(entries):
            assert entry.is_file()
            os.unlink(entry.path)
    assert n == 2999 and os.listdir(here) == []


def test_statfs(here, shared):
    mine, below = os.statvfs(here), os.statvfs(shared.base)
    assert mine.f_blocks == below.f_blocks and mine.f_bavail > 0 and mine.f_namemax == 255


def test_temporary_files(here):
    """O_TMPFILE is refused in a way that programs know; they then take a named one."""
    assert refused(os.open, here, os.O_TMPFILE | os.O_RDWR) in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOTSUP)


def test_a_big_file_in_parallel(here):
    """Eight readers of one file while a ninth writes another."""
    data = random.Random(SEED).randbytes(8 << 20)
    (here / "a").write_bytes(data)
    readers = [subprocess.Popen(["cmp", str(here / "a"), "-"], stdin=subprocess.PIPE) for _ in range(8)]
    (here / "b").write_bytes(data)
    for r in readers:
        r.communicate(data, timeout=60)
        assert r.returncode == 0
    assert (here / "b").read_bytes() == data


def test_another_users_view(shared):
    """Without allow_other nobody else looks in."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    done = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", shared.mnt, ok=None)
    assert done.returncode != 0


def test_another_file_system_below(libraries):
    """A folder of the library may be another file system: a result gets there by a copy, then one rename."""
    lib = libraries()
    usb = lib.dir / "images" / "usb"
    usb.mkdir(parents=True)
    if run("mount", "-t", "tmpfs", "tmpfs", usb, ok=None).returncode != 0:
        pytest.skip("needs root to mount a tmpfs")
    try:
        lib.mount()
        with Watch(lib.path("images/usb")) as w:
            assert lib.make("images/usb/a.txt", "a lighthouse") == ["images/usb/a.png"]
            wait_for(lambda: w.of("a.png"))
        assert w.of("a.png") == w.of("a.png.json") == ["MOVED_TO"]
        assert [n for e, n in w.seen if n.startswith(".")] == []
        assert lib.sidecar("images/usb/a.png")["prompt"] == "a lighthouse"
        first = lib.bytes("images/usb/a.png")
        lib.make("images/usb/a.txt", "a harbour")
        assert lib.sidecar("images/usb/a.png")["prompt"] == "a harbour"
        lib.make("images/b.txt", "a lighthouse")
        assert lib.bytes("images/b.png") == first
        lib.sh("cp images/b.txt images/usb/c.txt")
        lib.wait("images/usb/c.txt")
        assert lib.bytes("images/usb/c.png") == first
        assert lib.listing("images/usb") == ["a.png", "a.png.json", "a.txt", "c.png", "c.png.json", "c.txt"]
        lib.umount()
    finally:
        if lib.mounted():
            lib.kill()
        subprocess.run(["umount", str(usb)], check=True, timeout=20)


# ---- all together: the same random calls here and on the file system below must give the same ----

class Twin:
    """Applies each call to a folder on the mount and to a plain one and compares."""

    def __init__(self, rnd, mine, plain):
        self.rnd, self.roots = rnd, (mine, plain)
        self.files = {}  # open: name -> (fd, fd)
        self.history = []

    def name(self):
        return "/".join(self.rnd.choice("abc") for _ in range(self.rnd.choice((1, 1, 1, 2, 2, 3))))

    def both(self, what, call):
        out = []
        for root in self.roots:
            try:
                out.append(call(root))
            except OSError as e:
                out.append(errno.errorcode[e.errno])
        self.history.append((what, out[0]))
        assert out[0] == out[1], f"seed {SEED}: {what} gave {out}; before: {self.history[-8:]}"
        return out[0]

    def bytes(self):
        return self.rnd.randbytes(self.rnd.choice((0, 1, 10, 5000)))

    def do_write(self):
        n, data, flags = self.name(), self.bytes(), self.rnd.choice((os.O_TRUNC, os.O_APPEND, os.O_EXCL, 0))

        def call(root):
            fd = os.open(root / n, os.O_CREAT | os.O_WRONLY | flags, 0o644)
            try:
                return os.write(fd, data)
            finally:
                os.close(fd)
        self.both(f"write {n} {len(data)} {flags:o}", call)

    def do_open(self):
        n = self.name()
        if n in self.files or len(self.files) > 8:
            return self.do_close()
        fds = []
        self.both(f"open {n}", lambda root: fds.append(os.open(root / n, os.O_RDWR)))
        if len(fds) == 2:
            self.files[n] = fds

    def with_open(self, what, call):
        if not self.files:
            return
        n = self.rnd.choice(sorted(self.files))
        fds = iter(self.files[n])
        self.both(f"{what} open {n}", lambda root: call(next(fds)))

    def do_pwrite(self):
        data, at = self.bytes(), self.rnd.randrange(10000)
        self.with_open(f"pwrite {len(data)} at {at}", lambda fd: os.pwrite(fd, data, at))

    def do_pread(self):
        at = self.rnd.randrange(10000)
        self.with_open(f"pread at {at}", lambda fd: os.pread(fd, 4000, at))

    def do_ftruncate(self):
        size = self.rnd.randrange(8000)
        self.with_open(f"ftruncate {size}", lambda fd: os.ftruncate(fd, size))

    def do_fstat(self):
        self.with_open("fstat", lambda fd: (os.fstat(fd).st_size, os.fstat(fd).st_nlink, os.fstat(fd).st_mode))

    def do_close(self):
        if self.files:
            for fd in self.files.pop(self.rnd.choice(sorted(self.files))):
                os.close(fd)

    def do_read(self):
        n = self.name()
        self.both(f"read {n}", lambda root: (root / n).read_bytes())

    def do_mkdir(self):
        n = self.name()
        self.both(f"mkdir {n}", lambda root: os.mkdir(root / n))

    def do_rmdir(self):
        n = self.name()
        self.both(f"rmdir {n}", lambda root: os.rmdir(root / n))

    def do_unlink(self):
        n = self.name()
        self.both(f"unlink {n}", lambda root: os.unlink(root / n))

    def do_rename(self):
        a, b, flags = self.name(), self.name(), self.rnd.choice((0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE))
        self.both(f"rename {a} {b} {flags}", lambda root: renameat2(root / a, root / b, flags))

    def do_link(self):
        a, b = self.name(), self.name()
        self.both(f"link {a} {b}", lambda root: os.link(root / a, root / b, follow_symlinks=False))

    def do_symlink(self):
        a, b = self.name(), self.name()
        self.both(f"symlink {a} {b}", lambda root: os.symlink(a, root / b))

    def do_truncate(self):
        n, size = self.name(), self.rnd.randrange(8000)
        self.both(f"truncate {n} {size}", lambda root: os.truncate(root / n, size))

    def do_chmod(self):
        n, mode = self.name(), self.rnd.choice((0o644, 0o600, 0o755))
        self.both(f"chmod {n} {mode:o}", lambda root: os.chmod(root / n, mode))

    def do_xattr(self):
        n, value = self.name(), self.bytes()[:100]
        self.both(f"setxattr {n}", lambda root: os.setxattr(root / n, "user.t", value))
        self.both(f"getxattr {n}", lambda root: os.getxattr(root / n, "user.t"))

    def do_stat(self):
        n = self.name()

        def call(root):
            st = os.lstat(root / n)
            return st.st_mode, st.st_nlink, 0 if stat.S_ISDIR(st.st_mode) else st.st_size
        self.both(f"lstat {n}", call)

    def do_list(self):
        n = self.name()
        self.both(f"list {n}", lambda root: sorted(os.listdir(root / n)))

    def run(self, steps):
        calls = [getattr(self, x) for x in dir(self) if x.startswith("do_")]
        for _ in range(steps):
            self.rnd.choice(calls)()
        while self.files:
            self.do_close()


def tree(root):
    out = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(st.st_mode) else \
                open(path, "rb").read() if stat.S_ISREG(st.st_mode) else None
            out[os.path.relpath(path, root)] = (st.st_mode, what)
    return out


@pytest.mark.parametrize("where", ["plain", "images"])
def test_random_calls_give_the_same(shared, where):
    """In a plain folder and in one where some names would be prompts (none of these is)."""
    print("seed", SEED)
    mine, plain = shared.path(where) / "twin", shared.base / ("twin-" + where)
    mine.mkdir(parents=True)
    plain.mkdir()
    Twin(random.Random(SEED), mine, plain).run(20000)
    assert tree(mine) == tree(plain)
    shutil.rmtree(mine)


def test_random_calls_by_many_at_once(shared):
    """No crash, no deadlock, and what is left is the same here and below."""
    print("seed", SEED)
    mine = shared.path("crowd")
    mine.mkdir()
    script = """
import os, random, sys
rnd, root = random.Random(int(sys.argv[1])), sys.argv[2]
name = lambda: os.path.join(root, *(rnd.choice("abc") for _ in range(rnd.choice((1, 2, 2, 3)))))
def write():
    with open(name(), "wb") as f:
        f.write(rnd.randbytes(rnd.choice((0, 10, 70000))))
calls = [write, write, lambda: os.mkdir(name()), lambda: os.rename(name(), name()), lambda: os.unlink(name()),
         lambda: os.rmdir(name()), lambda: os.link(name(), name()), lambda: os.listdir(name()),
         lambda: open(name(), "rb").read(), lambda: os.truncate(name(), rnd.randrange(5000)), lambda: os.stat(name())]
for _ in range(1500):
    try:
        rnd.choice(calls)()
    except OSError:
        pass
"""
    crowd = [subprocess.Popen(["/usr/bin/python3", "-c", script, str(SEED + i), str(mine)]) for i in range(6)]
    for one in crowd:
        assert one.wait(120) == 0
    seen = tree(mine)
    wait_for(shared.idle)
    shared.umount()
    assert tree(shared.dir / "crowd") == seen
    shared.mount()
