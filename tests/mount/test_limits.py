"""Rates, concurrency and waiting as the service sees them."""
import pytest

from rig import wait_for

FREE = {"budget": {"bulk_count": 1000}}


def limited(libraries, fake, **options):
    lib = libraries(fake=fake, tables={**FREE, "providers.gemini": options})
    lib.mount()
    return lib


def save_all(lib, count, name="p"):
    """One process each, as people do, but quickly."""
    lib.sh(f'for i in $(seq {count}); do sh -c "echo {name} $i >images/{name}$i.txt"; done')


def most_within(times, seconds):
    times = sorted(times)
    return max(sum(1 for u in times if t <= u < t + seconds) for t in times)


def test_the_rate_is_kept_and_used(libraries, fake):
    lib = limited(libraries, fake, rate_limit=120)  # a burst of 12, then two a second
    save_all(lib, 24)
    fake.wait_for(lambda s: s["generations_asked"] == 24, 40)
    times = fake.stats()["sent_at"]
    assert most_within(times, 1) <= 12 + 2 + 1
    assert most_within(times, 3) <= 12 + 6 + 1
    assert max(times) - min(times) <= (24 - 12) / 2 * 1.25 + 1.5
    lib.idle()


def test_the_rate_is_kept_across_a_restart(libraries, fake):
    lib = limited(libraries, fake, rate_limit=60)  # a burst of 6, then one a second
    save_all(lib, 6)
    fake.wait_for(lambda s: s["generations_asked"] == 6)
    lib.idle()
    lib.umount()
    lib.mount()
    save_all(lib, 4, "q")
    fake.wait_for(lambda s: s["generations_asked"] == 10, 30)
    times = sorted(fake.stats()["sent_at"])
    assert most_within(times, 2) <= 6 + 2 + 1
    assert times[9] - times[0] >= 3


def test_the_window_is_hard(libraries, fake):
    """No more than the limit in any minute, burst and all."""
    lib = limited(libraries, fake, rate_limit=4)
    save_all(lib, 6)
    fake.wait_for(lambda s: s["generations_asked"] >= 1)
    wait_for(lambda: any(x["state"] == "waiting" or x["queued"] for x in lib.status()["lanes"]))
    assert "4 sent" in lib.read("STATUS.txt") or " of 4 " in lib.read("STATUS.txt")
    assert fake.stats()["generations_asked"] <= 4


def test_concurrency(libraries, fake):
    fake.script([{"do": "hang", "seconds": 0.5, "times": -1}])
    lib = limited(libraries, fake, rate_limit=6000, concurrency=3)
    save_all(lib, 9)
    fake.wait_for(lambda s: s["paid"] == 9, 60)
    lib.idle()
    assert fake.stats()["max_in_flight"] == 3


def test_a_daily_limit_parks(libraries, fake):
    lib = limited(libraries, fake, rate_limit=6000, daily_limit=2)
    save_all(lib, 4)
    wait_for(lambda: lib.status()["jobs"]["done"] == 2 and lib.status()["jobs"]["queued"] == 2, what=lib.status)
    assert fake.stats()["generations_asked"] == 2
    lib.umount()
    lib.mount()
    wait_for(lambda: any(x["state"] == "parked" for x in lib.status()["lanes"]), what=lambda: lib.status()["lanes"])
    assert fake.stats()["generations_asked"] == 2
    # A model that costs nothing goes on.
    assert lib.make("images/free.txt", "---\nmodel: sketch\n---\na free one") == ["images/free.png"]


def test_a_wait_that_was_told_holds_all_of_that_model(libraries, fake):
    fake.script([{"do": "error", "status": 429, "retry_delay": "2s"}])
    lib = limited(libraries, fake, rate_limit=6000)
    lib.save("images/a.txt", "first")
    fake.wait_for(lambda s: s["generations_asked"] == 1)
    wait_for(lambda: any(x["state"] == "waiting" for x in lib.status()["lanes"]), what=lambda: lib.status()["lanes"])
    lib.save("images/b.txt", "second")
    lib.make("images/c.txt", "---\nmodel: gemini-3-pro-image\n---\nanother model")
    assert fake.stats()["by_prompt"] == {"first": 1, "another model": 1}
    lib.wait("images/a.txt")
    lib.wait("images/b.txt")
    times = sorted(fake.stats()["sent_at"])
    assert times[2] - times[0] >= 2


@pytest.mark.parametrize("status", [429, 503])
def test_waits_grow_when_nothing_is_told(libraries, fake, status):
    fake.script([{"do": "error", "status": status, "bare": True, "times": 4}])
    lib = libraries(fake=fake, tables={**FREE, "net": {"backoff_base_seconds": 0.2, "backoff_max_seconds": 3}})
    lib.mount()
    lib.make("images/a.txt", "a lighthouse")
    times = sorted(fake.stats()["sent_at"])
    assert len(times) == 5
    assert times[4] - times[0] <= 0.2 + 0.4 + 0.8 + 1.6 + 3


def test_one_lane_does_not_hold_up_another(libraries, fake):
    fake.script([{"do": "hang", "seconds": 6, "match": "slow"}])
    lib = limited(libraries, fake, rate_limit=6000, concurrency=2)
    lib.save("images/slow.txt", "slow")
    fake.wait_for(lambda s: s["generations_asked"] == 1)
    for i in range(3):
        lib.make(f"images/f{i}.txt", f"fast {i}")
    assert lib.state("images/slow.txt") == "running"
    lib.ctl("cancel images/slow.txt")
