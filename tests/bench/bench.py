#!/usr/bin/python3
"""Measures ymago against the leanest client that does the same work, side by side, and prints a table
of ratios: absolute figures differ from machine to machine and from minute to minute, ratios hold.
Nothing is asserted.   bench.py --ymago FILE --programs DIR --scratch DIR [--quick] [--rounds N]"""
import argparse
import contextlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig import LARGE, MIDDLE, SMALL, Arrivals, Failure, Fake, Mount, Programs, wait_for

CONNECTIONS = 8
MANY = 40  # connections, to see what one more costs
COUNT = {SMALL: 240, MIDDLE: 48, LARGE: 16}  # images of one round; three times the connections at least
NAME = {SMALL: "64 KB", MIDDLE: "1.5 MB", LARGE: "12 MB"}


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch, self.serial = options, Path(scratch), 0
        self.programs = Programs(options.programs)
        self.fake = Fake(self.programs)
        self.figures = {}  # (what, size) -> one figure a round

    def note(self, what, size, value):
        self.figures.setdefault((what, size), []).append(value)

    def median(self, what, size=None):
        return statistics.median(self.figures[what, size])

    def folder(self):
        self.serial += 1
        return self.scratch / f"run{self.serial}"

    @contextlib.contextmanager
    def mount(self, size, connections=CONNECTIONS):
        m = Mount(self.options.ymago, self.folder(), self.fake.base(size), connections)
        try:
            yield m
        finally:
            m.stop()

    # ---- goals 1, 3, 4: N prompts -> N images ----

    def yardstick(self, name, size):
        out = self.folder()
        out.mkdir()
        os.sync()  # what the last one left to be written is not ours
        r = self.programs.run(name, self.fake.url(size), COUNT[size], CONNECTIONS,
                              *([out] if name == "stream" else []))
        self.note(name + " rate", size, COUNT[size] / r["seconds"])
        self.note(name + " cpu", size, r["cpu"] / COUNT[size])
        shutil.rmtree(out)

    def ours(self, size, count, connections=CONNECTIONS):
        """Returns jobs a second, CPU seconds an image, peak MiB."""
        with self.mount(size, connections) as m:
            m.start()
            arrivals = Arrivals(m.images, ".jpg")
            began = m.cpu()
            m.enqueue("job", count)
            os.sync()
            t = time.monotonic()
            m.tell("resume")
            arrivals.wait(count)
            seconds = time.monotonic() - t
            wait_for("the last job's end", lambda: m.jobs()["done"] == count)
            arrivals.close()
            return count / seconds, (m.cpu() - began) / count, m.memory()

    def throughput(self, rounds):
        for _ in range(rounds):
            for size in COUNT:
                self.yardstick("discard", size)
                self.yardstick("stream", size)
                rate, cpu, memory = self.ours(size, COUNT[size])
                self.note("rate", size, rate)
                self.note("cpu", size, cpu)
                self.note("memory", size, memory)
        for size in COUNT:
            self.note("digest", size, self.programs.run("digest", size, max(1, 2 * LARGE // size))["cpu"])

    def connections(self):
        self.note("memory of many", None, self.ours(SMALL, MANY * 4, MANY)[2])

    # ---- goal 7: a durable prompt ----

    def enqueue(self, rounds):
        folder = self.folder()
        folder.mkdir()
        os.sync()
        for what, value in self.programs.run("enqueue", folder, rounds).items():
            self.note(what, None, value)
        shutil.rmtree(folder)

    # ---- goal 9: mount to first request ----

    def restart(self, rounds):
        with self.mount(SMALL) as m:
            m.start()
            for n in range(rounds):
                m.enqueue(f"kept{n}", 1)
                m.kill()
                os.sync()
                self.fake.reset()
                t = time.monotonic_ns()
                self.note("ready", None, m.start())
                wait_for("the first request", lambda: self.fake.stats()["requests"], pause=0.002)
                self.note("first request", None, (self.fake.stats()["first_ns"] - t) / 1e9)
                wait_for("the job's end", lambda n=n: m.jobs()["done"] == n + 1)

    def run(self):
        rounds = self.options.rounds or (2 if self.options.quick else 5)
        self.throughput(rounds)
        self.connections()
        self.enqueue(rounds)
        self.restart(rounds)
        return rounds


# ---- what is printed ----

def machine(scratch):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    kind = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", scratch], stdout=subprocess.PIPE, text=True,
                          check=False)
    return f"{model}, {os.cpu_count()} cores; Linux {platform.release()}; {kind.stdout.strip()}"


def rows(b):
    """goal, what, ours, yardstick, ratio, what the ratio should be."""
    for size, goal in ((SMALL, ">= 0.6"), (MIDDLE, ">= 0.9"), (LARGE, ">= 0.9")):
        ours, lean = b.median("rate", size), b.median("stream rate", size)
        yield (1, f"jobs/s, {NAME[size]}", f"{ours:.0f}", f"stream {lean:.0f}", f"{ours / lean:.2f}", goal)
    for size in COUNT:
        lean, top = b.median("stream rate", size), b.median("discard rate", size)
        yield ("", f"  the yardstick, {NAME[size]}", f"stream {lean:.0f}", f"discard {top:.0f}", f"{lean / top:.2f}", "")
    for size in COUNT:
        digest = b.median("digest", size)
        ours, lean = b.median("cpu", size), b.median("stream cpu", size)
        yield (3, f"CPU ms/image, {NAME[size]}", f"{ours * 1e3:.2f} - {digest * 1e3:.2f} digest",
               f"stream {lean * 1e3:.2f}", f"{(ours - digest) / lean:.2f}", "<= 1.2")
    small, large, many = (b.median("memory", SMALL), b.median("memory", LARGE), b.median("memory of many"))
    yield (4, "RSS MiB, 12 MB over 64 KB", f"{large:.1f}", f"{small:.1f}", f"{large - small:+.1f} MiB", "<= 4 MiB")
    yield (4, f"RSS MiB, {MANY} over {CONNECTIONS} connections", f"{many:.1f}", f"{small:.1f}",
           f"{(many - small) / (MANY - CONNECTIONS):+.2f} MiB each", "<= 0.25 MiB")
    ours, file = b.median("commit_us"), b.median("file_us")
    yield (7, "durable prompt, us", f"{ours:.0f}", f"file {file:.0f}", f"{ours / file:.2f}", "<= 0.5")
    ours, file = b.median("commit_rate"), b.median("file_rate")
    yield (7, "prompts/s of 16 writers", f"{ours:.0f}", f"file {file:.0f}", f"{ours / file:.2f}", ">= 3")
    yield (9, "mount to first request, ms", f"{b.median('first request') * 1e3:.1f}",
           f"ready {b.median('ready') * 1e3:.1f}", "", "<= 50 ms")


def show(table):
    head = ("goal", "what", "ymago", "against", "ratio", "should be")
    table = [head] + [tuple(map(str, r)) for r in table]
    widths = [max(len(r[i]) for r in table) for i in range(len(head))]
    for r in table:
        print("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--ymago", type=Path, required=True)
    p.add_argument("--programs", type=Path, required=True)
    p.add_argument("--scratch", type=Path, help="folder on the disk to measure")
    p.add_argument("--rounds", type=int)
    p.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    options = p.parse_args()
    began = time.monotonic()
    scratch = tempfile.mkdtemp(prefix="ymago-bench-", dir=options.scratch)
    bench = Bench(options, scratch)
    try:
        rounds = bench.run()
    except Failure as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    finally:
        bench.fake.close()
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{machine(options.scratch or tempfile.gettempdir())}\nmedians of {rounds} interleaved rounds, "
          f"{CONNECTIONS} connections, {time.monotonic() - began:.0f} s in all\n")
    show(rows(bench))
    return 0


if __name__ == "__main__":
    sys.exit(main())
