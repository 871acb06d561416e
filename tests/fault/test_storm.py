"""Five hundred prompts saved by sixteen shells at once, while the daemon is killed with -9 ten times and
mounted again: every prompt gets its picture, none is torn, none is bought twice that need not be."""
import os
import random
import subprocess
import time

import pytest

from faults import PRICE, Journal, is_one_of, nothing_torn, results
from rig import wait_for

SEED = int(os.environ.get("YMAGO_SEED", random.randrange(1 << 32)))
SHELLS, KILLS = 16, 10
CONCURRENCY = 8

pytestmark = pytest.mark.seconds(240)

# Saves its share of the prompts; what a mount that just died refuses is saved again, as a person would.
SHELL = r"""
dir=$1 first=$2 step=$3 last=$4
i=$first
while [ $i -lt $last ]; do
    until printf 'prompt number %d' $i 2>/dev/null >"$dir/images/p$i.txt" &&
          [ "$(cat "$dir/images/p$i.txt" 2>/dev/null)" = "prompt number $i" ]; do
        sleep 0.02
    done
    i=$((i + step))
    sleep 0.0$((i * 7919 % 9 + 1))
done
"""


class Storm:
    def __init__(self, fake, libraries, count, allowed):
        self.fake, self.count = fake, count
        self.lib = libraries(fake=fake, tables={"providers.gemini": {"concurrency": CONCURRENCY}})
        self.rnd = random.Random(SEED)
        (self.lib.dir / "cost").mkdir()
        (self.lib.dir / "cost/budget.toml").write_text(
            "daily_usd = 1000\nmonthly_usd = 1000\nbatch_auto_usd = 1000\nbulk_count = 100000\n"
            f"retry_unknown_max_usd = {allowed}\n")
        self.lib.mount()
        self.lib.idle()
        self.shells = []

    def save_all(self):
        self.shells = [subprocess.Popen(["sh", "-c", SHELL, "sh", str(self.lib.mnt), str(i), str(SHELLS), str(self.count)],
                                        cwd="/", stdin=subprocess.DEVNULL) for i in range(SHELLS)]

    def kill_and_mount(self):
        """At moments that are the seed's: somewhere in the work that is left."""
        done_before = -1
        for n in range(KILLS):
            wait_for(lambda: self.fake.stats(log=False)["paid"] > done_before or not self.saving(), 60)
            time.sleep(self.rnd.uniform(0.05, 0.5))  # the moment itself is what is tried here
            self.lib.kill()
            done_before = self.fake.stats(log=False)["paid"]
            time.sleep(self.rnd.uniform(0, 0.2))  # shells save into the plain folder meanwhile
            self.lib.mount()

    def saving(self):
        return any(s.poll() is None for s in self.shells)

    def end(self):
        for s in self.shells:
            s.kill()
            s.wait()

    def check_results(self, states):
        """One right picture for each prompt that is done, and none for the others."""
        lib, made = self.lib, self.fake.stats()["made"]
        found = {}
        for r in results(lib):
            prompt = is_one_of(lib, r, made)
            assert prompt not in found, f"{prompt}: {r} and {found[prompt]}"
            found[prompt] = r
        assert found == {f"prompt number {i}": f"images/p{i}.jpg" for i in range(self.count) if states[i] == "done"}
        for i in range(self.count):
            assert lib.bytes(f"images/p{i}.txt") == f"prompt number {i}".encode()
        nothing_torn(lib)


@pytest.fixture(params=[(500, 1000), (500, 0.05), (300, 0)],
                ids=["every unknown repeated", "usual limits", "no unknown repeated"])
def storm(request, fake, libraries):
    print(f"YMAGO_SEED={SEED}")
    fake.script([{"do": "hang", "seconds": 0.02, "times": -1}])
    s = Storm(fake, libraries, *request.param)
    s.allowed = request.param[1]
    yield s
    s.end()


def test_storm(storm):
    lib, fake, count = storm.lib, storm.fake, storm.count
    storm.save_all()
    storm.kill_and_mount()
    wait_for(lambda: not storm.saving(), 120, "all prompts saved")
    assert all(s.returncode == 0 for s in storm.shells)
    lib.idle(120)
    states = [lib.state(f"images/p{i}.txt") for i in range(count)]
    unknown = states.count("unknown")
    assert states.count("done") + unknown == count, {s: states.count(s) for s in set(states)}
    if storm.allowed > 1:
        assert unknown == 0
    stats = fake.stats(log=False)
    print(f"paid {stats['paid']} of {count}, unknown {unknown}")
    assert stats["paid"] <= count + KILLS * CONCURRENCY
    if storm.allowed == 0:
        assert max(stats["by_prompt"].values()) == 1
    storm.check_results(states)
    # What is unknown is sent again when it is asked for, by name or all at once.
    for i in [i for i, s in enumerate(states) if s == "unknown"][:2]:
        lib.ymago("retry", lib.path(f"images/p{i}.txt"))
        lib.wait(f"images/p{i}.txt")
    lib.ymago("retry", "--library", lib.mnt, "all-failed")
    lib.idle(60)
    states = [lib.state(f"images/p{i}.txt") for i in range(count)]
    assert set(states) == {"done"}
    storm.check_results(states)
    assert fake.stats(log=False)["paid"] <= count + KILLS * CONCURRENCY + unknown
    lib.umount()
    with Journal(lib) as j:
        paid = fake.stats(log=False)["paid"]
        assert j.states() == {"done": count}
        assert paid <= j.attempts()  # reserved first: a death can count too much, never too little
        assert j.spent_usd() >= paid * PRICE - 1e-6
        assert j.count("SELECT count(*) FROM attempt WHERE status = 'open'") == 0
    assert os.listdir(lib.dir / ".ymago/staging") == []
