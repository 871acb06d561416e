"""The process that renames results through the mount is killed: it comes back, and no result is lost or
shown twice. Killed too often, results are placed without it, and the log says so."""
import os
import signal

import pytest

from faults import nothing_torn, whole
from rig import Watch, wait_for



def publisher(lib):
    """Its process id, or None."""
    daemon = lib.pid
    for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                parent = next(int(row.split()[1]) for row in f if row.startswith("PPid:"))
        except (OSError, StopIteration):
            continue
        if parent == daemon and b"__publisher" in line:
            return pid
    return None


def kill_publisher(lib):
    pid = wait_for(lambda: publisher(lib), what="a publisher process")
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.fixture
def lib(fake, libraries):
    lib = libraries(fake=fake)
    lib.mount()
    return lib


def test_it_comes_back(lib, fake):
    lib.make("images/a.txt", "the first")
    killed = kill_publisher(lib)
    wait_for(lambda: publisher(lib) not in (None, killed), what="another publisher process")
    with Watch(lib.path("images")) as w:
        lib.make("images/b.txt", "the second")
        assert lib.wait("images/b.txt") == ["images/b.jpg"]
        wait_for(lambda: w.of("b.jpg") == ["MOVED_TO"], what=lambda: w.poll())
    assert fake.stats(log=False)["paid"] == 2
    nothing_torn(lib)


def test_killed_while_results_arrive(lib, fake):
    """Forty results on their way, the publisher dying under them twice."""
    fake.script([{"do": "hang", "seconds": 0.05, "times": 40}])
    names = [f"images/{i}.txt" for i in range(40)]
    with Watch(lib.path("images")) as w:
        for i, name in enumerate(names):
            lib.save(name, f"---\nmodel: gemini-nano-banana-2.1\n---\nnumber {i}")
        for n in (5, 20):
            wait_for(lambda: sum(x.endswith(".jpg") for x in lib.listing()) >= n, what=f"{n} results")
            killed = kill_publisher(lib)
            wait_for(lambda: publisher(lib) not in (None, killed))
        for name in names:
            assert len(lib.wait(name)) == 1
        for i in range(40):
            wait_for(lambda: w.of(f"{i}.jpg") == ["MOVED_TO"], what=lambda: (i, w.of(f"{i}.jpg")))
    assert fake.stats(log=False)["paid"] == 40
    assert len([n for n in lib.listing() if n.endswith(".jpg")]) == 40
    nothing_torn(lib)


def test_three_deaths_place_without_it(lib, fake):
    for _ in range(3):
        last = kill_publisher(lib)
        wait_for(lambda: publisher(lib) != last)
    wait_for(lambda: publisher(lib) is None)
    result, = lib.make("images/silent.txt", "nobody hears it")
    whole(lib, result)
    assert "the publisher process died" in lib.log()
    assert "until the next mount" in lib.log()
    lib.save("images/silent.txt", "nobody hears it either")
    lib.wait("images/silent.txt")
    assert lib.sidecar(result)["prompt"] == "nobody hears it either"
    nothing_torn(lib)
    lib.umount()
    lib.mount()
    wait_for(lambda: publisher(lib), what="a publisher at the next mount")
    with Watch(lib.path("images")) as w:
        lib.make("images/loud.txt", "heard again")
        wait_for(lambda: w.of("loud.jpg") == ["MOVED_TO"])


def test_stopped_not_dead(lib, fake):
    """It hangs: saving and reading go on, and the result comes when it wakes."""
    lib.make("images/a.txt", "the first")
    pid = wait_for(lambda: publisher(lib))
    os.kill(pid, signal.SIGSTOP)
    try:
        lib.save("images/b.txt", "the second")
        fake.wait_for(lambda s: s["paid"] == 2)
        assert lib.read("images/b.txt") == "the second"
        assert lib.listing()
        assert lib.state("images/b.txt") in ("running", "queued")
    finally:
        os.kill(pid, signal.SIGCONT)
    lib.wait("images/b.txt")
    nothing_torn(lib)
