"""A result is replaced while others read it: they find the old one or the new one, whole, at every moment,
and never no file at all."""
import errno
import io
import json
import os
import threading

from PIL import Image

from faults import b2, nothing_torn

ROUNDS = 25


class Reader(threading.Thread):
    """Opens and reads a file over and over; keeps what it saw and what went wrong."""

    def __init__(self, path, check):
        super().__init__(daemon=True)
        self.path, self.check = path, check
        self.seen, self.problems, self.reads = set(), [], 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                with open(self.path, "rb") as f:
                    size = os.fstat(f.fileno()).st_size
                    data = f.read()
                assert len(data) == size, f"{len(data)} bytes of {size}"
                if b2(data) not in self.seen:
                    self.check(data)
                    self.seen.add(b2(data))
            except (OSError, ValueError, AssertionError) as e:
                name = errno.errorcode.get(getattr(e, "errno", None), "")
                self.problems.append(f"{name} {e}")
                if len(self.problems) > 100:
                    return
            self.reads += 1


def is_picture(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()


def test_readers_never_miss(fake, libraries):
    lib = libraries(fake=fake, tables={"budget": {"daily_usd": 1000, "bulk_count": 1000, "batch_auto_usd": 1000}})
    lib.mount()
    lib.make("images/a.txt", "a picture that is replaced")
    readers = [Reader(lib.path("images/a.jpg"), is_picture), Reader(lib.path("images/a.jpg"), is_picture),
               Reader(lib.path("images/a.jpg.json"), json.loads)]
    for r in readers:
        r.start()
    try:
        for i in range(ROUNDS):
            lib.ymago("again", lib.path("images/a.txt"))
            fake.wait_for(lambda s: s["paid"] == i + 2)
            lib.wait("images/a.txt")
    finally:
        for r in readers:
            r.over.set()
        for r in readers:
            r.join(20)
    for r in readers:
        assert r.problems == [], r.problems[:5]
        assert r.reads > ROUNDS
    assert len(readers[0].seen | readers[1].seen) > ROUNDS // 2, "they saw too few of the pictures to tell"
    nothing_torn(lib)
