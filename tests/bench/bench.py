#!/usr/bin/python3
"""Measures ymago against other clients that do the same work, side by side, and prints a table of
ratios: absolute figures differ from machine to machine and from minute to minute, ratios hold.
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
CLIENTS = ("discard", "stream", "plain_client.py")
SLOW, AT_ONCE = 0.5, 128  # seconds until the slow provider answers, connections to it
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
                              *([] if name == "discard" else [out]))
        self.note(name + " rate", size, COUNT[size] / r["seconds"])
        self.note(name + " cpu", size, r["cpu"] / COUNT[size])
        shutil.rmtree(out)

    def ours(self, size, count, connections=CONNECTIONS):
        """Returns jobs a second, CPU seconds an image to queue and to make it, peak MiB."""
        with self.mount(size, connections) as m:
            m.start()
            arrivals = Arrivals(m.images, ".jpg")
            began = m.cpu()
            m.enqueue("job", count)
            queued = m.cpu()
            os.sync()
            t = time.monotonic()
            m.tell("resume")
            arrivals.wait(count)
            seconds = time.monotonic() - t
            wait_for("the last job's end", lambda: m.jobs()["done"] == count)
            arrivals.close()
            return count / seconds, (queued - began) / count, (m.cpu() - queued) / count, m.memory()

    def throughput(self, rounds):
        for _ in range(rounds):
            for size in COUNT:
                for name in CLIENTS:
                    self.yardstick(name, size)
                rate, queue, make, memory = self.ours(size, COUNT[size])
                self.note("rate", size, rate)
                self.note("queue cpu", size, queue)
                self.note("cpu", size, queue + make)
                self.note("memory", size, memory)
        for size in COUNT:
            self.note("digest", size, self.programs.run("digest", size, max(1, 2 * LARGE // size))["cpu"])

    def connections(self):
        self.note("memory of many", None, self.ours(SMALL, MANY * 4, MANY)[3])

    # ---- goal 11: waiting for many at once ----

    def hiding(self):
        count = 2 * AT_ONCE
        self.note("hidden", None, self.ours("slow", count, AT_ONCE)[0] / (AT_ONCE / SLOW))

    # ---- goal 13: nothing to do ----

    def idle(self):
        with self.mount(SMALL) as m:
            m.start()
            m.enqueue("job", 1)
            m.tell("resume")
            wait_for("the job's end", lambda: m.jobs()["done"] == 1)
            time.sleep(2)  # what looks again a moment later may do so
            before = m.switches()
            time.sleep(3)
            self.note("wake-ups", None, (m.switches() - before) / 3)
            self.note("idle memory", None, m.memory("VmRSS"))
            self.note("idle private", None, m.memory("RssAnon"))

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
        self.hiding()
        self.idle()
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
    for size, goal in ((SMALL, ">= 4"), (MIDDLE, ">= 5"), (LARGE, ">= 3.5")):
        ours, plain = b.median("rate", size), b.median("plain_client.py rate", size)
        yield (2, f"jobs/s, {NAME[size]}", f"{ours:.0f}", f"asyncio {plain:.0f}", f"{ours / plain:.2f}", goal)
    for size in COUNT:
        ours, digest = b.median("cpu", size) - b.median("digest", size), b.median("digest", size)
        for name, client, goal in (("stream", "stream", "<= 1.2"), ("asyncio", "plain_client.py", "<= 0.15")):
            other = b.median(client + " cpu", size)
            yield (3, f"CPU ms/image without digest, {NAME[size]}", f"{ours * 1e3:.2f}", f"{name} {other * 1e3:.2f}",
                   f"{ours / other:.2f}", goal)
        yield ("", f"  of it saving and settling, {NAME[size]}", f"{b.median('queue cpu', size) * 1e3:.2f}",
               f"digest {digest * 1e3:.2f}", "", "")
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
    yield (11, f"jobs/s of {AT_ONCE} at once, {SLOW} s each", f"{b.median('hidden') * AT_ONCE / SLOW:.0f}",
           f"ideal {AT_ONCE / SLOW:.0f}", f"{b.median('hidden'):.2f}", ">= 0.95")
    yield (13, "wake-ups/s when idle", f"{b.median('wake-ups'):.1f}", "", "", "0")
    yield (13, "RSS MiB when idle", f"{b.median('idle memory'):.1f}",
           f"without file pages {b.median('idle private'):.1f}", "", "<= 12 MiB")


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
