"""tier: batch through the mount: many prompts in one request to the strict stand-in for Google, at half the price."""
import base64
import io

import pytest
from PIL import Image

from rig import wait_for

WORDS = ("fox", "owl", "hen", "cat", "elk")
PATHS = [f"images/{w}.txt" for w in WORDS]
TIER = 'tier = "batch"\n'


@pytest.fixture
def lib(libraries, fake):
    """Batches are looked at ten times a second."""
    lib = libraries(fake=fake, tables={"net": {"poll_interval_seconds": 0.1}})
    gathers(lib, 4)
    lib.mount()
    return lib


def gathers(lib, seconds):
    lib.configure({"providers.gemini": {"gather_seconds": seconds}})


def save_all(lib, words=WORDS):
    lib.save("images/folder.toml", TIER)
    for w in words:
        lib.save(f"images/{w}.txt", f"a {w} in the snow")


def asked(fake, end, method=None):
    return [e for e in fake.stats()["log"] if e["path"].endswith(end) and method in (None, e["method"])]


def orders(fake):
    return asked(fake, ":batchGenerateContent")


def looks(fake):
    return [e for e in fake.stats()["log"] if "/batches/" in e["path"] and e["method"] == "GET"]


def arrive(lib, words=WORDS):
    for w in words:
        assert lib.wait(f"images/{w}.txt", 60) == [f"images/{w}.jpg"]
        assert lib.sidecar(f"images/{w}.jpg")["prompt"] == f"a {w} in the snow"


def costs(lib, words=WORDS):
    return [lib.sidecar(f"images/{w}.jpg")["ymago"]["cost_usd"] for w in words]


def test_five_prompts_go_in_one_request(lib, fake):
    fake.script([{"do": "reversed"}])
    save_all(lib)
    arrive(lib)
    assert len(orders(fake)) == 1
    assert asked(fake, ":generateContent") == []
    stats = fake.stats(log=False)
    assert stats["paid"] == 1
    digests = {lib.sidecar(f"images/{w}.jpg")["ymago"]["b2"] for w in WORDS}
    assert len(digests) == len(WORDS)


def test_it_costs_half(lib, fake):
    save_all(lib)
    arrive(lib)
    lib.sh("mkdir -p images/now; printf 'tier = \"now\"\\n' >images/now/folder.toml")
    lib.save("images/now/pig.txt", "a pig in the snow")  # as many words
    assert lib.wait("images/now/pig.txt") == ["images/now/pig.jpg"]
    full = lib.sidecar("images/now/pig.jpg")["ymago"]["cost_usd"]
    for cost in costs(lib):
        assert cost == pytest.approx(full / 2, rel=0.02)
    today = lib.status()["spend"]["today_usd"]
    assert today == pytest.approx(sum(costs(lib)) + full, abs=1e-6)


def test_members_say_what_they_are_in(lib, fake):
    fake.script([{"do": "looks", "count": 10 ** 6}])
    save_all(lib)
    wait_for(lambda: looks(fake), what="the first look")
    wait_for(lambda: lib.exists("images/fox.working.log"), what="a working note")
    wait_for(lambda: "in a batch of 5 at gemini" in lib.read("images/fox.working.log"),
             what=lambda: lib.read("images/fox.working.log"))
    lanes = [x for x in lib.status()["lanes"] if x["tier"] == "batch"]
    assert [(x["running"], x["queued"]) for x in lanes] == [(1, 0)]
    assert "in batches: 1 batch running" in lib.read("STATUS.txt")


def test_killed_in_between_nothing_is_bought_twice(lib, fake):
    fake.script([{"do": "looks", "count": 60}])
    save_all(lib)
    wait_for(lambda: looks(fake), what="the first look")
    for _ in range(3):
        lib.kill()
        before = len(looks(fake))
        lib.mount()
        wait_for(lambda: len(looks(fake)) > before, what="it is looked at again")
    assert [lib.state(p) for p in PATHS] == ["running"] * 5
    arrive(lib)
    assert len(orders(fake)) == 1
    assert fake.stats(log=False)["paid"] == 1


def test_killed_while_it_gathers(lib, fake):
    gathers(lib, 30)
    lib.ctl("reload")
    save_all(lib)
    for p in PATHS:
        lib.wait_state(p, "queued")
    lib.kill()
    gathers(lib, 0)
    lib.mount()
    arrive(lib)
    assert fake.stats(log=False)["paid"] == 1 == len(orders(fake))


def test_one_deleted_is_kept_and_all_deleted_are_called_off(lib, fake):
    fake.script([{"do": "looks", "count": 10 ** 6}])
    save_all(lib)
    wait_for(lambda: looks(fake), what="the first look")
    lib.sh("rm images/fox.txt images/owl.txt")
    lib.noticed()
    assert asked(fake, ":cancel") == []
    lib.sh("rm images/hen.txt images/cat.txt images/elk.txt")
    wait_for(lambda: asked(fake, ":cancel"), what="the batch is called off")
    lib.idle()
    assert lib.status()["jobs"]["running"] == 0
    assert len(orders(fake)) == 1


def picture(lib, name, size=(64, 36)):
    out = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, "PNG", compress_level=0)
    lib.save(name, out.getvalue())
    return base64.b64encode(out.getvalue()).decode()


def test_each_has_its_own_references(lib, fake):
    data = {"a.png": picture(lib, "images/a.png"), "b.png": picture(lib, "images/b.png", (36, 64))}
    wanted = {"fox": ["a.png"], "owl": ["a.png", "b.png"], "hen": ["b.png"], "cat": ["a.png"]}
    lib.save("images/folder.toml", TIER)
    for w, refs in wanted.items():
        lib.save(f"images/{w}.txt", f"---\nreferences: [{', '.join(refs)}]\n---\na {w} in the snow")
    arrive(lib, wanted)
    assert len(orders(fake)) == 1
    sent = {}
    for item in orders(fake)[0]["body"]["batch"]["inputConfig"]["requests"]["requests"]:
        parts = item["request"]["contents"][0]["parts"]
        text = [p["text"] for p in parts if "text" in p][0]
        sent[text.split()[1]] = [p["inlineData"]["data"][:4000] for p in parts if "inlineData" in p]
    assert sent == {w: [data[r][:4000] for r in refs] for w, refs in wanted.items()}


def test_one_that_fails_is_alone(lib, fake):
    fake.script([{"do": "item_fails", "index": 2, "code": 3, "message": "Not this one."}])
    save_all(lib)
    for p in PATHS:
        lib.wait_state(p, "done", "failed")
    assert sorted(lib.state(p) for p in PATHS) == ["done"] * 4 + ["failed"]


def test_models_without_it_say_who_has_it(libraries):
    lib = libraries()
    lib.mount()
    lib.save("images/fox.txt", "---\ntier: batch\nmodel: sketch/sketch\n---\na fox")
    lib.wait_state("images/fox.txt", "failed")
    lib.wait_exists("images/fox.error.log")
    assert "tier: batch is offered by gemini/" in lib.read("images/fox.error.log")
