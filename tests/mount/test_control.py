"""The hidden folder of controls, the gestures and the command line over the same socket."""
import errno
import json
import os
import select
import signal
import subprocess
import time

import pytest

from rig import run, wait_for

TEXTS = ["README.md", "STATUS.txt", "cost/today.txt", "cost/month.csv", "cost/by-model.csv", "cost/by-folder.csv",
         ".ymago/status", ".ymago/status.json", ".ymago/config.toml", ".ymago/prices.toml", ".ymago/events.log"]


def line(lib, text, name=".ymago/ctl"):
    """Writes one line as it is; returns the error number, 0 = taken."""
    fd = os.open(lib.path(name), os.O_WRONLY)
    try:
        os.write(fd, text.encode())
        return 0
    except OSError as e:
        return e.errno
    finally:
        os.close(fd)


def job_of(lib, prompt):
    """The id of the last job of this prompt."""
    return [e["job"] for e in lib.events() if e.get("path") == prompt and "job" in e][-1]


def slow(fake, seconds=2, match=""):
    """An answer that does not come for a while."""
    fake.script([{"do": "hang", "seconds": seconds, "match": match}])


# ---- ctl and gestures ----

NONSENSE = ["nonsense", "pause images/a.txt", "again", "again images/none.txt", "cancel images/a.txt", "", " \n",
            "approve images/a.txt", "approve images/a.txt -1", "approve images/a.txt much", "retry", "go images/a.txt",
            "again ../../etc/passwd", "again /etc/passwd", "cancel 00000000000000000000000000", "x" * 5000,
            "status", "again\0 images/a.txt"]


def test_ctl_refuses_nonsense(mount, fake):
    mount.make("images/a.txt", "an owl")
    for text in NONSENSE:
        assert line(mount, text + "\n") == errno.EINVAL, text
    assert line(mount, "pause\nnonsense\n") == errno.EINVAL  # what came before the mistake was done
    assert mount.status()["paused"]
    assert line(mount, "resume") == 0
    mount.idle()
    assert fake.stats(log=False)["requests"] == 1
    assert "again" in mount.read(".ymago/ctl")  # says what it takes


def test_pause_and_resume(mount, fake):
    mount.ctl("pause")
    wait_for(lambda: mount.status()["paused"])
    mount.save("images/a.txt", "an owl")
    mount.wait_state("images/a.txt", "queued")
    assert "Paused" in mount.read("STATUS.txt")
    mount.ctl("pause")  # twice is once
    mount.noticed()
    assert mount.state("images/a.txt") == "queued"
    assert fake.stats(log=False)["requests"] == 0
    mount.ctl("resume")
    assert mount.wait("images/a.txt") == ["images/a.jpg"]


def test_again_cancel_and_retry_by_ctl(mount, fake):
    mount.make("images/a.txt", "an owl")
    first = mount.bytes("images/a.jpg")
    mount.ctl("again images/a.txt")
    wait_for(lambda: mount.bytes("images/a.jpg") != first)
    second = mount.bytes("images/a.jpg")
    mount.idle()
    mount.ctl("again images/a.jpg")  # a result names its prompt
    wait_for(lambda: mount.bytes("images/a.jpg") not in (first, second))
    mount.idle()
    assert fake.stats(log=False)["paid"] == 3
    mount.ctl("pause")
    mount.save("images/b.txt", "a cat")
    mount.wait_state("images/b.txt", "queued")
    mount.ctl("cancel images/b.txt")
    mount.wait_state("images/b.txt", "cancelled")
    mount.ctl("resume")
    mount.idle()
    assert fake.stats(log=False)["paid"] == 3
    mount.ctl("retry images/b.txt")
    assert mount.wait("images/b.txt") == ["images/b.jpg"]


def test_retry_all_failed(mount, fake):
    fake.script([{"do": "refuse", "times": 2}])
    for n in "ab":
        mount.save(f"images/{n}.txt", "an owl " + n)
    for n in "ab":
        mount.wait_state(f"images/{n}.txt", "failed")
    mount.ctl("retry all-failed")
    for n in "ab":
        assert mount.wait(f"images/{n}.txt") == [f"images/{n}.jpg"]


def test_gestures_by_attribute(mount, fake):
    mount.make("images/a.txt", "an owl")
    first = mount.bytes("images/a.jpg")
    for name in ("images/a.txt", "images/a.jpg"):
        before = fake.stats(log=False)["paid"]
        os.setxattr(mount.path(name), "user.ymago.do", b"again")
        fake.wait_for(lambda s: s["paid"] == before + 1)
        mount.idle()
    assert mount.bytes("images/a.jpg") != first
    for word in (b"dance", b"", b"again please", b"cancel"):
        with pytest.raises(OSError) as e:
            os.setxattr(mount.path("images/a.txt"), "user.ymago.do", word)
        assert e.value.errno == errno.EINVAL
    mount.ctl("pause")
    mount.save("images/b.txt", "a cat")
    mount.wait_state("images/b.txt", "queued")
    os.setxattr(mount.path("images/b.txt"), "user.ymago.do", b"cancel\n")
    mount.wait_state("images/b.txt", "cancelled")
    mount.ctl("resume")
    os.setxattr(mount.path("images/b.txt"), "user.ymago.do", b"retry")
    assert mount.wait("images/b.txt") == ["images/b.jpg"]


def test_other_attributes_of_ours_are_taken_and_forgotten(mount, fake):
    mount.make("images/a.txt", "an owl")
    a = mount.path("images/a.txt")
    os.setxattr(a, "user.ymago.state", b"failed")
    os.setxattr(a, "user.ymago.cost_usd", b"99")
    os.setxattr(a, "user.ymago.unheard_of", b"1")
    os.setxattr(a, "user.mine", b"kept")
    assert mount.state("images/a.txt") == "done"
    assert mount.ask("images/a.txt", "cost_usd") != "99"
    assert mount.ask("images/a.txt", "unheard_of") is None
    assert os.listxattr(a) == ["user.mine"]
    assert not [n for n in os.listxattr(mount.path("images/a.jpg")) if n.startswith("user.ymago")]
    mount.sh("cp -a images/a.jpg copy.jpg")
    assert mount.bytes("copy.jpg") == mount.bytes("images/a.jpg")
    mount.idle()
    assert fake.stats(log=False)["requests"] == 1


# ---- texts ----

def test_texts_have_their_true_size(mount):
    mount.make("images/a.txt", "an owl")
    mount.idle()
    for name in TEXTS:
        size = int(run("stat", "-c", "%s", mount.path(name)).stdout)
        text = mount.bytes(name)
        assert size == len(text) > 0, name
        fd = os.open(mount.path(name), os.O_RDONLY)  # one version from open to close
        try:
            whole = b""
            while part := os.pread(fd, 7, len(whole)):
                whole += part
            assert len(whole) == os.fstat(fd).st_size, name
        finally:
            os.close(fd)


def test_status_is_true(mount, fake):
    mount.make("images/a.txt", "an owl")
    mount.save("images/b.txt", "---\nmax_usd: 0.01\n---\na cat")
    mount.save("images/c.txt", "---\nsede: 1\n---\na dog")
    mount.wait_state("images/b.txt", "held")
    mount.wait_state("images/c.txt", "failed")
    slow(fake, 4)
    mount.save("images/d.txt", "a fox")
    mount.wait_state("images/d.txt", "running")
    want = {"running": 1, "queued": 0, "held": 1, "failed": 1, "unknown": 0, "done": 1, "cancelled": 0}
    s = wait_for(lambda: mount.status()["jobs"] == want and mount.status(), what=lambda: mount.status()["jobs"])
    assert s["library"] == s["mountpoint"] == str(mount.mnt)
    assert s["scan"]["running"] is False and s["settling"] == 0
    assert [x["running"] for x in s["lanes"]] == [1]
    assert "sede" in json.dumps(s["last_errors"])
    text = wait_for(lambda: "1 running, 0 queued, 1 held, 1 failed" in mount.read("STATUS.txt") and
                    mount.read("STATUS.txt"), what=lambda: mount.read("STATUS.txt"))
    assert "gemini-nano-banana" in text
    assert mount.read(".ymago/status").splitlines()[4:] == mount.read("STATUS.txt").splitlines()[4:]
    mount.ctl("cancel images/d.txt")


def test_configuration_shows_no_secret_and_where_it_comes_from(mount):
    text = mount.read(".ymago/config.toml")
    assert mount.env["GOOGLE_API_KEY"] not in text
    assert 'api_key = "(set)"' in text and str(mount.config) in text
    assert "settle_ms = 50" in text


def test_a_log_in_the_background(lib, fake):
    lib.mount(foreground=False)
    fake.script([{"do": "error", "status": 500}])
    lib.make("images/a.txt", "an owl")
    assert line(lib, "nonsense") == errno.EINVAL
    text = wait_for(lambda: "refused" in lib.read(".ymago/log") and lib.read(".ymago/log"))
    assert os.stat(lib.path(".ymago/log")).st_size == len(lib.bytes(".ymago/log"))
    assert lib.env["GOOGLE_API_KEY"] not in text


def test_a_real_file_wins(mount):
    mount.sh("echo mine >mine.md; mv mine.md README.md")
    assert mount.read("README.md") == "mine\n"
    mount.umount()
    assert (mount.dir / "README.md").read_text() == "mine\n"
    mount.mount()
    assert mount.read("README.md") == "mine\n"
    assert mount.listing("").count("README.md") == 1


def test_a_copy_of_ours_does_not_win(mount):
    text = mount.bytes("STATUS.txt")
    mount.umount()
    (mount.dir / "STATUS.txt").write_bytes(text)  # a restored backup
    mount.mount()
    mount.ctl("pause")
    wait_for(lambda: "Paused" in mount.read("STATUS.txt"))
    assert mount.listing("").count("STATUS.txt") == 1


def test_a_deleted_one_stays_hidden(mount):
    mount.sh("rm README.md")
    assert not mount.exists("README.md")
    assert "README.md" not in mount.listing("") and "STATUS.txt" in mount.listing("")
    mount.umount()
    assert (mount.dir / ".ymago/hidden").read_text() == "README.md\n"
    mount.mount()
    assert not mount.exists("README.md")
    mount.save("README.md", "mine\n")  # the name is free
    assert mount.read("README.md") == "mine\n"
    mount.sh("rm README.md")
    mount.umount()
    (mount.dir / ".ymago/hidden").unlink()
    mount.mount()
    assert "# How to use this folder" in mount.read("README.md")


def test_controls_are_reached_by_name_only(mount):
    mount.make("images/a.txt", "an owl")
    assert ".ymago" not in mount.sh("ls -a").stdout.split()
    assert ".ymago" not in mount.sh("find . -maxdepth 2").stdout
    assert "ctl" in mount.sh("ls .ymago").stdout
    assert os.stat(mount.path(".ymago")).st_mode & 0o777 == 0o700
    for bad in ("echo x >.ymago/new", "rm .ymago/ctl", "mkdir .ymago/d", "mv .ymago y", "mv README.md .ymago/r",
                "echo x >.ymago/status", "echo x >cost/today.txt", "rmdir .ymago", "ln images/a.txt .ymago/l"):
        mount.sh(bad, ok=False)
    assert mount.exists("images/a.txt") and "today" in mount.read(".ymago/status")
    assert not mount.exists(".ymago/journal.db")


# ---- events ----

def test_events_flow(mount):
    fd = os.open(mount.path(".ymago/events"), os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert os.fstat(fd).st_size == 0
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(0) == []
        with pytest.raises(BlockingIOError):
            os.read(fd, 100)
        mount.save("images/a.txt", "an owl")
        assert poll.poll(20000) == [(fd, select.POLLIN)]
        text = b""
        while b'"done"' not in text:
            assert poll.poll(20000), text
            text += os.read(fd, 65536)
    finally:
        os.close(fd)
    types = [json.loads(x)["type"] for x in text.splitlines()]
    assert types == ["queued", "running", "result", "done"]
    mount.wait("images/a.txt")
    assert [e["type"] for e in mount.events()][:4] == types


def test_a_reader_of_events_blocks_and_can_be_stopped(mount):
    with subprocess.Popen(["cat", mount.path(".ymago/events")], stdout=subprocess.PIPE) as p:
        # Each open starts now: pauses are noted until the reader is there.
        def seen():
            mount.ctl("pause")
            mount.ctl("resume")
            return select.select([p.stdout], [], [], 0.1)[0]
        wait_for(seen)
        assert json.loads(p.stdout.readline())["type"] in ("paused", "resumed")
        start = time.monotonic()
        p.send_signal(signal.SIGINT)
        p.wait(10)
        assert time.monotonic() - start < 5
    mount.make("images/a.txt", "an owl")


# ---- jobs and wait ----

def test_what_a_job_tells(mount, fake):
    mount.make("images/a.txt", "---\nseed: 7\n---\nan owl")
    mount.idle()
    job = ".ymago/jobs/" + job_of(mount, "images/a.txt")
    request = json.loads(mount.bytes(job + "/request.json"))
    assert (request["prompt"], request["params"]["seed"], request["provider"]) == ("an owl", 7, "gemini")
    assert mount.read(job + "/state").startswith("done\n")
    tries = [json.loads(x) for x in mount.read(job + "/attempts.jsonl").splitlines()]
    assert [(t["attempt"], t["status"], t["result"]) for t in tries] == [(1, "settled", "success")]
    assert tries[0]["actual_usd"] <= tries[0]["reserved_usd"]
    assert json.loads(mount.bytes(job + "/provider.json"))["model"] == "gemini-nano-banana-2.1"
    assert str(mount.sidecar("images/a.jpg")["ymago"]["cost_usd"]) in mount.read(job + "/cost")
    assert "100%" in mount.read(job + "/progress")
    assert mount.bytes(job + "/output") == mount.bytes("images/a.jpg")
    for name in ("request.json", "state", "attempts.jsonl", "output"):
        assert os.stat(mount.path(f"{job}/{name}")).st_size == len(mount.bytes(f"{job}/{name}"))
    assert not mount.exists(".ymago/jobs/00000000000000000000000000")
    assert not mount.exists(".ymago/jobs/nonsense")
    assert line(mount, "1", job + "/cancel") == errno.EINVAL  # it is done


def test_a_job_is_cancelled_by_its_file(mount, fake):
    mount.ctl("pause")
    mount.save("images/a.txt", "an owl")
    mount.wait_state("images/a.txt", "queued")
    mount.sh('echo 1 >".ymago/jobs/$1/cancel"', job_of(mount, "images/a.txt"))
    mount.wait_state("images/a.txt", "cancelled")
    mount.ctl("resume")
    mount.idle()
    assert fake.stats(log=False)["requests"] == 0


def test_waiting(mount, fake):
    assert mount.make("images/a.txt", "an owl") == ["images/a.jpg"]
    assert mount.bytes(".ymago/wait/images/a.jpg") == mount.bytes("images/a.jpg")
    assert len(mount.make("images/c.x3.txt", "three foxes")) == 3
    mount.save("images/bad.txt", "---\nsede: 1\n---\nan owl")
    with pytest.raises(OSError) as e:
        mount.bytes(".ymago/wait/images/bad.txt")
    assert e.value.errno == errno.EIO
    assert mount.listing(".ymago/wait") == []


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_waiting_can_be_stopped(mount, fake, sig):
    slow(fake)
    mount.save("images/a.txt", "an owl")
    with subprocess.Popen(["cat", mount.path(".ymago/wait/images/a.txt")], stdout=subprocess.PIPE) as p:
        mount.wait_state("images/a.txt", "running")
        assert not select.select([p.stdout], [], [], 0.2)[0]
        start = time.monotonic()
        p.send_signal(sig)
        assert p.wait(10) == -sig
        assert time.monotonic() - start < 3
    assert mount.state("images/a.txt") == "running"
    mount.ctl("cancel images/a.txt")


# ---- the command line, with the mount running ----

def command(lib, *args, code=0):
    done = lib.ymago(args[0], "--library", str(lib.mnt), "--json", *args[1:], ok=None)
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_the_command_line_speaks_to_the_mount(mount, fake):
    mount.make("images/a.txt", "an owl")
    s = command(mount, "status")["status"]
    assert s["mountpoint"] == str(mount.mnt) and s["jobs"]["done"] == 1
    # What the mount works with, not what this shell would.
    assert "settle_ms = 50" in command(mount, "config", "--running")["toml"]
    assert "settle_ms = 300" in command(mount, "config")["toml"]
    first = mount.bytes("images/a.jpg")
    assert command(mount, "again", "images/a.txt")["ok"]
    wait_for(lambda: mount.bytes("images/a.jpg") != first)
    command(mount, "pause")
    wait_for(lambda: mount.status()["paused"])
    mount.save("images/b.txt", "a cat")
    mount.wait_state("images/b.txt", "queued")
    assert command(mount, "cancel", "images/b.txt")["ok"]
    mount.wait_state("images/b.txt", "cancelled")
    command(mount, "resume")
    wait_for(lambda: not mount.status()["paused"])
    assert command(mount, "retry", "images/b.txt")["ok"]
    waited = command(mount, "wait", "images/b.txt")["results"][0]
    assert (waited["state"], waited["results"]) == ("done", [str(mount.path("images/b.jpg"))])
    # Held is 4; a text that is wrong and a wish that cannot be are 2, with words.
    mount.save("images/c.txt", "---\nmax_usd: 0.01\n---\na dog")
    mount.wait_state("images/c.txt", "held")
    assert command(mount, "wait", "images/c.txt", code=4)["results"][0]["state"] == "held"
    assert command(mount, "approve", "images/c.txt", "1")["ok"]
    assert command(mount, "wait", "images/c.txt")["results"][0]["state"] == "done"
    mount.save("images/d.txt", "---\nsede: 1\n---\na dog")
    assert command(mount, "wait", "images/d.txt", code=2)["results"][0]["state"] == "failed"
    assert not command(mount, "cancel", "images/a.txt", code=2)["ok"]


def test_paths_as_a_person_writes_them(mount):
    mount.make("images/a.txt", "an owl")
    # From inside the mount, by the whole path, by a relative one.
    assert "images/a.jpg" in mount.sh('"$Y" wait --json images/a.txt').stdout
    assert "images/a.jpg" in mount.sh('cd images && "$Y" wait --json a.txt').stdout
    assert "images/a.jpg" in mount.ymago("wait", "--json", str(mount.path("images/a.txt"))).stdout


def test_reload_takes_the_new_configuration(mount):
    mount.configure({"budget": {"grace_seconds": 3}, "mount": {"settle_ms": 60}})
    assert "settle_ms = 50" in mount.read(".ymago/config.toml")
    assert command(mount, "reload")["ok"]
    wait_for(lambda: "settle_ms = 60" in mount.read(".ymago/config.toml"))
    mount.config.write_text("[mount]\nsetle_ms = 70\n")
    done = mount.ymago("reload", "--library", str(mount.mnt), ok=False)
    assert 'did you mean "settle_ms"' in done.stderr
    assert line(mount, "reload") == errno.EINVAL
    assert "settle_ms = 60" in mount.read(".ymago/config.toml")
