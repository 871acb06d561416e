"""Ceilings, notes that ask, approvals: nothing is sent that was not allowed, and what was allowed is."""
import contextlib
import json
import os
import re
import time

import pytest

from rig import wait_for

DEAR = "---\nmax_usd: 0.01\n---\n"  # one picture costs more, so it is asked for first
limits = iter(range(20, 10000))


def budget(lib, **values):
    """Saves cost/budget.toml as a person would; returns when it is in force."""
    values.setdefault("daily_usd", next(limits))
    lib.save("cost/budget.toml", "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
    wait_for(lambda: lib.status()["spend"]["today_limit_usd"] == values["daily_usd"],
             what=lambda: lib.status()["spend"])


def held(lib, prompt="images/p.txt"):
    """Waits for the note that asks; returns its text and the amount that it states (None: not known)."""
    lib.wait_state(prompt, "held")
    note = re.sub(r"(\.x\d+)?\.txt$", ".held.log", prompt)
    text = wait_for(lambda: lib.bytes(note).decode(), what=lambda: lib.listing())  # a new note replaces an old one
    amount = re.search(r"^Amount: \$([0-9.]+)", text, re.M)
    return text, float(amount[1]) if amount else None


def arrives(lib, prompt="images/p.txt"):
    """Its results, when an approval that was just given has had its effect."""
    lib.wait_state(prompt, "done")
    return lib.wait(prompt)


def paid(fake):
    return fake.stats(log=False)["paid"]


def asked(fake):
    return fake.stats(log=False)["requests"]


def spent(lib):
    """What cost/today.txt states."""
    return float(re.search(r": \$([0-9.]+)", lib.read("cost/today.txt"))[1])


# ---- one expensive prompt ----

def test_max_usd_holds_and_a_rename_approves(mount, fake):
    mount.save("images/p.txt", DEAR + "an owl")
    text, amount = held(mount)
    assert "$0.01" in text and "rename this file" in text
    assert 0.03 < amount < 0.10
    assert asked(fake) == 0
    mount.sh("mv images/p.held.log images/p.approved.log")
    assert arrives(mount, "images/p.txt") == ["images/p.jpg"]
    assert paid(fake) == 1
    mount.wait_gone("images/p.approved.log")
    assert not mount.exists("images/p.held.log")
    assert [e["amount_usd"] for e in mount.events() if e["type"] == "approved"] == [amount]
    assert mount.sidecar("images/p.jpg")["ymago"]["cost_usd"] <= amount
    # It was for this one: another dear one asks again.
    mount.save("images/q.txt", DEAR + "another owl")
    held(mount, "images/q.txt")
    assert paid(fake) == 1


def test_an_approval_at_once(mount, fake):
    """A script renames the note the moment it appears, before anything else can have seen it."""
    for i in range(20):
        mount.save(f"images/p{i}.txt", DEAR + f"an owl {i}")
        note = str(mount.path(f"images/p{i}"))
        until = time.monotonic() + 20
        while time.monotonic() < until:  # no pause: it is seen within microseconds
            with contextlib.suppress(FileNotFoundError):
                os.rename(note + ".held.log", note + ".approved.log")
                break
        assert arrives(mount, f"images/p{i}.txt") == [f"images/p{i}.jpg"]
        mount.wait_gone(f"images/p{i}.approved.log")
    assert paid(fake) == 20


def test_per_job_usd_holds_and_front_matter_cannot_raise_it(libraries, fake):
    lib = libraries(fake=fake, tables={"budget": {"per_job_usd": 0.02}})
    lib.mount()
    lib.save("images/p.txt", "---\nmax_usd: 5\n---\nan owl")
    assert "$0.02" in held(lib)[0]
    assert asked(fake) == 0
    budget(lib, per_job_usd=1)
    assert lib.wait("images/p.txt") == ["images/p.jpg"]
    lib.wait_gone("images/p.held.log")


def test_the_amount_is_that_of_all_its_pictures(mount, fake):
    mount.save("images/one.txt", DEAR + "an owl")
    one = held(mount, "images/one.txt")[1]
    mount.save("images/p.x3.txt", DEAR + "a fox")
    mount.wait_state("images/p.x3.txt", "held")
    wait_for(lambda: held(mount, "images/p.x3.txt")[1] > 2.5 * one, what=lambda: held(mount, "images/p.x3.txt"))
    mount.sh("mv images/p.held.log images/p.approved.log")
    assert len(arrives(mount, "images/p.x3.txt")) == 3
    assert paid(fake) == 3
    assert mount.state("images/one.txt") == "held"


WRONG = {
    "created": "echo 'Amount: $9' >images/p.approved.log",
    "copied": "cp images/p.held.log images/p.approved.log",
    "copied with its times": "cp -p images/p.held.log images/p.approved.log",
    "linked": "ln images/p.held.log images/p.approved.log",
    "a symbolic link": "ln -s p.held.log images/p.approved.log",
    "moved to another folder": "mkdir images/sub; mv images/p.held.log images/sub/p.approved.log",
    "moved to another stem": "mv images/p.held.log images/other.approved.log",
    "a copy moved": "cp images/p.held.log images/x; rm images/p.held.log; mv images/x images/p.approved.log",
    "a copy in its place": "cp images/p.held.log x; mv -f x images/p.held.log;"
                           " mv images/p.held.log images/p.approved.log",
    "moved there and back": "mkdir sub; mv images/p.held.log sub/p.held.log; mv sub/p.held.log images/p.approved.log",
    "its folder": "mkdir images/d; mv images/p.held.log images/d/p.held.log; mv images/d images/p.approved.log",
}


@pytest.mark.parametrize("how", WRONG)
def test_other_ways_to_that_name_approve_nothing(mount, fake, how):
    mount.save("images/p.txt", DEAR + "an owl")
    held(mount)
    mount.sh(WRONG[how])
    mount.idle()
    assert mount.state("images/p.txt") == "held"
    assert asked(fake) == 0
    assert "approved" not in [e["type"] for e in mount.events()]
    if mount.exists("images/p.held.log") and how != "linked":  # the true gesture still works, over whatever is there
        mount.sh("mv -f images/p.held.log images/p.approved.log")
        assert arrives(mount, "images/p.txt") == ["images/p.jpg"]
        assert paid(fake) == 1


def test_an_approval_found_at_a_mount_is_a_plain_file(lib, fake):
    lib.mount()
    lib.save("images/p.txt", DEAR + "an owl")
    held(lib)
    lib.umount()
    os.rename(lib.dir / "images/p.held.log", lib.dir / "images/p.approved.log")
    lib.mount()
    lib.idle()
    assert lib.state("images/p.txt") == "held"
    assert asked(fake) == 0


@pytest.mark.parametrize("by", ["ctl", "command"])
def test_a_stated_amount_approves(mount, fake, by):
    def approve(usd):
        if by == "ctl":
            mount.ctl(f"approve images/p.txt {usd}")
        else:
            mount.ymago("approve", mount.path("images/p.txt"), usd)
    mount.save("images/p.txt", DEAR + "an owl")
    amount = held(mount)[1]
    # A cap that is too small: held again, with a note that says so, and nothing sent.
    approve("0.02")
    wait_for(lambda: "$0.02" in held(mount)[0], what=lambda: held(mount))
    mount.idle()
    assert (mount.state("images/p.txt"), asked(fake)) == ("held", 0)
    assert held(mount)[1] == amount
    approve("0.20")
    assert arrives(mount, "images/p.txt") == ["images/p.jpg"]
    assert paid(fake) == 1
    mount.wait_gone("images/p.held.log")


def test_a_cap_runs_until_it_is_used(mount, fake):
    mount.save("images/p.x4.txt", DEAR + "an owl")
    mount.wait_state("images/p.x4.txt", "held")
    mount.idle()
    mount.ctl("approve images/p.x4.txt 0.10")  # two at about 0.036, the third would go beyond
    fake.wait_for(lambda s: s["paid"] == 2)
    jobs = mount.idle()["jobs"]
    assert (jobs["done"], jobs["held"], asked(fake)) == (2, 2, 2)
    note = wait_for(lambda: mount.bytes("images/p.held.log").decode())
    assert "used up" in note and 0.06 < float(re.search(r"Amount: \$([0-9.]+)", note)[1]) < 0.2
    mount.sh("mv images/p.held.log images/p.approved.log")
    fake.wait_for(lambda s: s["paid"] == 4)
    assert len(arrives(mount, "images/p.x4.txt")) == 4
    assert paid(fake) == 4


def test_held_costs_nothing_to_edit_or_delete(mount, fake):
    for name in ("p", "q"):
        mount.save(f"images/{name}.txt", DEAR + "an owl " + name)
        held(mount, f"images/{name}.txt")
    mount.sh("rm images/p.txt")
    mount.wait_gone("images/p.held.log")
    mount.sh("touch images/q.txt")
    mount.idle()
    assert mount.state("images/q.txt") == "held"
    assert asked(fake) == 0
    mount.save("images/q.txt", "an owl at any price")
    assert mount.wait("images/q.txt") == ["images/q.jpg"]
    mount.wait_gone("images/q.held.log")


# ---- the day's ceiling ----

def day_is_full(lib, fake):
    """Four prompts under a ceiling that lets two pass."""
    budget(lib, daily_usd=0.1)
    names = [f"images/{c}.txt" for c in "abcd"]
    for n in names:
        lib.save(n, "an owl " + n)
    for n in names:
        lib.wait_state(n, "done", "held")
    lib.idle()
    assert sorted(lib.state(n) for n in names) == ["done", "done", "held", "held"]
    assert paid(fake) == asked(fake) == 2
    return [n for n in names if lib.state(n) == "held"], names


def test_the_day_stops_at_its_ceiling_and_goes_on_when_raised(mount, fake):
    waiting, names = day_is_full(mount, fake)
    for n in waiting:
        assert "daily budget" in held(mount, n)[0]
    status = wait_for(lambda: "2 held" in mount.read("STATUS.txt") and mount.read("STATUS.txt"))
    assert "limit $0.10" in status and ".held.log" in status
    budget(mount, daily_usd=1)
    for n in names:
        assert mount.wait(n) == [n.replace(".txt", ".jpg")]
    assert paid(fake) == 4
    for n in waiting:
        mount.wait_gone(n.replace(".txt", ".held.log"))


def test_held_survives_a_kill(mount, fake):
    waiting, names = day_is_full(mount, fake)
    mount.kill()
    mount.mount()
    mount.idle()
    assert [mount.state(n) for n in waiting] == ["held", "held"]
    mount.save("images/e.txt", "one more")  # what was spent before the kill still counts
    mount.wait_state("images/e.txt", "held")
    assert asked(fake) == 2
    held(mount, waiting[0])
    mount.sh('mv "$1.held.log" "$1.approved.log"', waiting[0][:-4])  # a note from before the kill
    assert len(arrives(mount, waiting[0])) == 1
    assert paid(fake) == 3
    budget(mount, daily_usd=1)
    mount.wait(waiting[1])
    mount.wait("images/e.txt")
    assert paid(fake) == 5


def test_approved_money_is_outside_the_day_and_inside_the_month(mount, fake):
    budget(mount, daily_usd=0.01)
    mount.save("images/p.txt", "an owl")
    held(mount)
    mount.sh("mv images/p.held.log images/p.approved.log")
    arrives(mount, "images/p.txt")
    budget(mount, monthly_usd=0.04)
    mount.save("images/q.txt", "a cat")
    assert "monthly budget" in held(mount, "images/q.txt")[0]
    mount.ctl("approve images/q.txt 1")
    mount.idle()
    assert mount.state("images/q.txt") == "held"
    assert paid(fake) == 1


@pytest.mark.parametrize("table, words", [('[model."gemini-nano-banana-2.1"]', "this model"),
                                          ('[folder."images/trip"]', "its folder")], ids=["model", "folder"])
def test_a_ceiling_for_one_model_or_folder(mount, fake, table, words):
    mount.sh("mkdir images/trip")
    mount.save("cost/budget.toml", f"daily_usd = 7\n{table}\ndaily_usd = 0.05\n")
    wait_for(lambda: mount.status()["spend"]["today_limit_usd"] == 7)
    mount.make("images/trip/a.txt", "an owl")
    mount.save("images/trip/b.txt", "a cat")
    assert words in held(mount, "images/trip/b.txt")[0]
    assert paid(fake) == 1
    if "folder" in table:
        mount.make("images/elsewhere.txt", "a dog")


def test_an_invalid_budget_keeps_the_old_values(mount, fake):
    budget(mount, daily_usd=0.01)
    for bad, word in [("daily_usd = banana\n", "line 1"), ("daily_usd = 9\nper_day_usd = 3\n", "per_day_usd"),
                      ("daily_usd = -1\n", "daily_usd")]:
        mount.save("cost/budget.toml", bad)
        wait_for(lambda: word.encode() in mount.bytes("cost/budget.error.log"),
                 what=lambda: mount.bytes("cost/budget.error.log"))
        assert mount.status()["spend"]["today_limit_usd"] == 0.01
        assert mount.status()["spend"]["budget_error"]
    assert "Budget" in mount.read("STATUS.txt")
    mount.save("images/p.txt", "an owl")
    held(mount)
    assert asked(fake) == 0
    budget(mount, daily_usd=1)
    mount.wait_gone("cost/budget.error.log")
    mount.wait("images/p.txt")
    assert mount.status()["spend"]["budget_error"] is None


def test_an_invalid_budget_at_the_start_is_the_built_in_one(lib, fake):
    (lib.dir / "cost").mkdir()
    (lib.dir / "cost/budget.toml").write_text("daily_usd = [")
    lib.mount()
    lib.wait_exists("cost/budget.error.log")
    assert lib.status()["spend"]["today_limit_usd"] == 10
    assert lib.read("cost/budget.toml") == "daily_usd = ["  # the user's file


def test_no_budget_file_and_an_empty_one_are_not_no_budget(mount, fake):
    budget(mount, daily_usd=0.01)
    mount.sh("rm cost/budget.toml")
    mount.save("images/p.txt", "an owl")
    held(mount)
    mount.sh(": >cost/budget.toml")
    mount.idle()
    assert mount.status()["spend"]["today_limit_usd"] in (0.01, 10)


# ---- many at once ----

def test_many_at_once_are_asked_for_as_one(mount, fake):
    budget(mount, batch_auto_usd=0.3)
    mount.sh('for i in $(seq 30); do echo "an owl number $i" >images/p$i.txt; done')
    note = wait_for(lambda: [n for d in ("", "images") for n in mount.listing(d)
                             if re.fullmatch(r"bulk-.*\.held\.log", n)], what=lambda: mount.listing(""))
    assert len(note) == 1
    where = "" if note[0] in mount.listing("") else "images/"
    mount.idle()
    before = paid(fake)
    assert before <= 10, "more than may go before it is a bulk"
    states = [mount.state(f"images/p{i}.txt") for i in range(1, 31)]
    assert states.count("held") == 30 - before
    assert not [n for n in mount.listing() if re.fullmatch(r"p\d+\.held\.log", n)], "one note for all"
    text = mount.read(where + note[0])
    amount = float(re.search(r"Amount: \$([0-9.]+)", text)[1])
    assert amount >= (30 - before) * 0.0336, text
    mount.sh('mv "$1.held.log" "$1.approved.log"', where + note[0][:-9])
    fake.wait_for(lambda s: s["paid"] == 30)
    for i in range(1, 31):
        assert mount.wait(f"images/p{i}.txt") == [f"images/p{i}.jpg"]
    assert paid(fake) == asked(fake) == 30
    mount.wait_gone(where + note[0].replace(".held.", ".approved."))


def test_a_bulk_that_fits_goes_on_by_itself(mount, fake):
    budget(mount, batch_auto_usd=5)
    mount.sh('for i in $(seq 15); do echo "an owl number $i" >images/p$i.txt; done')
    for i in range(1, 16):
        mount.wait(f"images/p{i}.txt")
    assert paid(fake) == 15


def test_a_free_provider_is_never_held(libraries):
    lib = libraries(tables={"budget": {"per_job_usd": 0, "daily_usd": 0, "monthly_usd": 0, "batch_auto_usd": 0}})
    lib.mount()
    lib.sh('for i in $(seq 14); do echo "an owl number $i" >images/p$i.txt; done')
    for i in range(1, 15):
        assert len(lib.wait(f"images/p{i}.txt")) == 1
    assert not [n for d in ("", "images") for n in lib.listing(d) if n.endswith(".held.log")]
    assert spent(lib) == 0


# ---- prices ----

def test_an_unknown_price_holds_until_there_is_one(mount, fake):
    mount.save("images/p.txt", "---\nmodel: gemini/unheard-of\n---\nan owl")
    text, amount = held(mount)
    assert amount is None and "prices.toml" in text and "unheard-of" in text
    mount.sh("mv images/p.held.log images/p.approved.log")  # no amount, no approval
    mount.idle()
    assert (mount.state("images/p.txt"), asked(fake)) == ("held", 0)
    mount.save(".ymago/prices.toml", '[models."unheard-of"]\nprice_per_image_usd = 0.02\n')
    mount.wait_state("images/p.txt", "failed")  # it was sent: Google knows no such model
    assert asked(fake) == 1
    assert paid(fake) == 0


def test_spend_is_what_the_pictures_cost(mount, fake):
    for i in range(5):
        mount.make(f"images/p{i}.txt", f"an owl number {i}")
    mount.idle()
    costs = [mount.sidecar(f"images/p{i}.jpg")["ymago"]["cost_usd"] for i in range(5)]
    assert all(0.0336 <= c <= 0.0487 for c in costs)  # 1120 tokens of a picture, words and thoughts
    assert paid(fake) == 5
    wait_for(lambda: abs(spent(mount) - sum(costs)) < 1e-6, what=lambda: mount.read("cost/today.txt"))
    month = mount.read("cost/month.csv").splitlines()
    assert month[1].split(",")[3] == "5"
    assert "5 requests" in mount.read("cost/today.txt")


# ---- time to change one's mind ----

def test_grace(mount, fake):
    budget(mount, grace_usd=0.01, grace_seconds=2)
    mount.save("images/gone.txt", "a mistake")
    mount.wait_state("images/gone.txt", "queued")
    mount.sh("rm images/gone.txt")
    start = time.time()
    mount.save("images/p.txt", "an owl")
    mount.wait("images/p.txt")
    stats = fake.stats()
    assert list(stats["by_prompt"]) == ["an owl"]
    assert stats["sent_at"][0] - start >= 2
