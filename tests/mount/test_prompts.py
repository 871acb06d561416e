"""What may stand in a prompt file, what is sent for it, and what gestures on it do."""
import base64
import ctypes
import io
import json
import os

import pytest
from PIL import Image

from rig import wait_for


def png(color="red", size=(16, 16)):
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def jpeg(color="blue"):
    out = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(out, "JPEG")
    return out.getvalue()


def sent(fake):
    """The bodies of all generations, in order."""
    return [x["body"] for x in fake.stats()["log"] if x["prompt"] is not None]


def only(fake):
    [body] = sent(fake)
    return body


def config(body):
    return body.get("generationConfig", {})


def texts(body):
    return [p["text"] for p in body["contents"][-1]["parts"] if "text" in p]


def pictures(body):
    return [base64.b64decode(p["inlineData"]["data"]) for p in body["contents"][-1]["parts"] if "inlineData" in p]


def put(lib, name, data):
    """A file by a process of its own."""
    lib.save(name, data)


def exchange(a, b):
    """renameat2(RENAME_EXCHANGE)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


# ---- the text and its front matter ----

def test_plain_text_is_the_prompt(mount, fake):
    mount.make("images/p.txt", "\ufeff  a lighthouse \n\n in the fog\r\n\n")
    body = only(fake)
    assert texts(body) == ["a lighthouse \n\n in the fog"]
    assert config(body)["responseModalities"] in (["IMAGE"], ["TEXT", "IMAGE"])
    assert "seed" not in config(body)
    assert "imageConfig" not in config(body) or config(body)["imageConfig"] == {}


def test_front_matter_on_the_wire(mount, fake):
    mount.make("images/p.txt", "---\nseed: 11\nratio: 16x9\nimage_size: 2K\nnegative: people, text\n---\na lighthouse\n")
    body = only(fake)
    assert config(body)["seed"] == 11
    assert config(body)["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}
    [text] = texts(body)
    assert text.startswith("a lighthouse") and "people, text" in text
    assert "negativePrompt" not in json.dumps(body)
    side = mount.sidecar("images/p.jpg")
    assert (side["seed"], side["aspect_ratio"], side["negative_prompt"]) == (11, "16:9", "people, text")
    assert side["prompt"] == "a lighthouse"
    assert Image.open(io.BytesIO(mount.bytes("images/p.jpg"))).width > Image.open(
        io.BytesIO(mount.bytes("images/p.jpg"))).height


def test_quality(mount, fake):
    for i, q in enumerate(("draft", "standard", "high")):
        mount.make(f"images/{q}.txt", f"---\nquality: {q}\n---\na lighthouse")
    sizes = [config(b).get("imageConfig", {}).get("imageSize") for b in sent(fake)]
    assert sizes[2] in ("2K", "4K") and sizes[2] != sizes[1]
    assert mount.sidecar("images/high.jpg")["generation_parameters"]["quality"] == "high"
    costs = [mount.sidecar(f"images/{q}.jpg")["ymago"]["cost_usd"] for q in ("standard", "high")]
    assert costs[1] > costs[0]


def test_safety_on_the_wire(mount, fake):
    mount.make("images/p.txt", "---\nsafety: BLOCK_ONLY_HIGH\n---\na lighthouse")
    thresholds = {x["category"]: x["threshold"] for x in only(fake)["safetySettings"]}
    assert set(thresholds.values()) == {"BLOCK_ONLY_HIGH"} and len(thresholds) >= 4


def test_minus_one_is_no_seed_and_zero_is_one(mount, fake):
    mount.make("images/a.txt", "---\nseed: -1\n---\na")
    mount.make("images/b.txt", "---\nseed: 0\n---\nb")
    first, second = sent(fake)
    assert "seed" not in config(first)
    assert config(second)["seed"] == 0


def test_metadata_is_kept_and_not_sent(mount, fake):
    mount.make("images/p.txt", "---\nmetadata:\n  project: calendar\n  nested: {page: 3}\n---\na lighthouse")
    assert "calendar" not in json.dumps(only(fake))


def test_automatic1111_text(mount, fake):
    lines = "a lighthouse\nNegative prompt: people\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512"
    mount.make("images/p.txt", lines)
    mount.make("images/q.txt", "---\nseed: 7\n---\n" + lines)
    first, second = sent(fake)
    assert config(first)["seed"] == 42 and config(second)["seed"] == 7
    assert "people" in texts(first)[0] and "Steps" not in texts(first)[0]
    assert mount.sidecar("images/p.jpg")["prompt"] == "a lighthouse"
    # A setting that its user wrote for this model is not passed over.
    mount.save("images/r.txt", "---\nsteps: 20\n---\na lighthouse")
    mount.wait_state("images/r.txt", "failed")
    assert "steps" in mount.ask("images/r.txt", "error")


def test_folder_defaults(mount, fake):
    mount.sh("mkdir -p images/wide/deep; echo 'aspect_ratio = \"16:9\"\nseed = 3' >images/wide/folder.toml;"
             "echo 'seed = 4' >images/wide/deep/folder.toml")
    mount.make("images/wide/a.txt", "a")
    mount.make("images/wide/deep/b.txt", "b")
    mount.make("images/wide/deep/c.txt", "---\nseed: 5\n---\nc")
    assert [config(b)["seed"] for b in sent(fake)] == [3, 4, 5]
    assert [config(b)["imageConfig"]["aspectRatio"] for b in sent(fake)] == ["16:9"] * 3


def test_kind_of_a_folder_by_its_defaults(mount, fake):
    mount.sh("mkdir bilder; echo 'kind = \"image\"' >bilder/folder.toml")
    assert mount.make("bilder/p.txt", "ein Leuchtturm") == ["bilder/p.jpg"]
    mount.sh("mkdir plain")
    mount.save("plain/p.txt", "no prompt")
    mount.save("p.txt", "no prompt")
    mount.idle()
    assert fake.stats()["generations_asked"] == 1


@pytest.mark.parametrize("name", ["README.txt", "readme.md", "STATUS.md", "_draft.txt", "#x#.txt", ".hidden.txt", "x.txt~",
                                  "x.tmp", "x.txt.part", "x.txt.swp", "x.bak", "x.log", "x.py", "sedAbC123", "x.jpg.json",
                                  "x.out.md", ".git/x.txt", ".Trash-0/x.txt", "x.batch/y.txt", "x.refine/y.txt",
                                  "x.error.log", "x.approved.log"])
def test_names_that_never_trigger(sketch, name):
    sketch.sh('mkdir -p "images/$(dirname "$1")"; echo "{\\"prompt\\": \\"x\\"}" >"images/$1"', name)
    sketch.idle()
    s = sketch.status()
    assert sum(s["jobs"].values()) == 0
    assert sketch.read(f"images/{name}") == '{"prompt": "x"}\n'


def test_model_choice(libraries, fake):
    mount = libraries(fake=fake, tables={'models."gemini-3.1-flash-lite-image"': {"price_per_image_usd": 0.02}})
    mount.mount()
    mount.make("images/a.txt", "---\nmodel: gemini-3-pro-image\n---\na")
    mount.make("images/b.txt", "---\nmodel: gemini/gemini-3.1-flash-lite-image\n---\nb")
    assert mount.make("images/c.txt", "---\nmodel: sketch\n---\nc") == ["images/c.png"]
    assert mount.make("images/d.txt", "---\nprovider: sketch\n---\nd") == ["images/d.png"]
    mount.sh("mkdir images/m; echo 'image_model = \"gemini-3-pro-image\"' >images/m/folder.toml")
    mount.make("images/m/e.txt", "e")
    paths = [x["path"].split("/")[-1].split(":")[0] for x in fake.stats()["log"]]
    assert paths == ["gemini-3-pro-image", "gemini-3.1-flash-lite-image", "gemini-3-pro-image"]
    assert mount.sidecar("images/a.jpg")["model_name"] == "gemini-3-pro-image"


def test_the_configured_default_model(libraries, fake):
    lib = libraries(fake=fake, tables={"defaults": {"image_model": "gemini/gemini-3-pro-image"}})
    lib.mount()
    lib.make("images/a.txt", "a")
    assert "gemini-3-pro-image" in fake.stats()["log"][0]["path"]


def test_output_filename(mount):
    assert mount.make("images/p.txt", "---\noutput_filename: lighthouse at night\n---\na") == ["images/lighthouse at night.jpg"]


def test_the_type_comes_from_the_bytes(mount, fake):
    mount.make("images/a.txt", "---\nmodel: gemini-2.5-flash-image\n---\na")
    assert mount.bytes("images/a.png")[:4] == b"\x89PNG"
    fake.script([{"do": "fake_type", "base64": base64.b64encode(jpeg()).decode(), "mime": "image/png"}])
    assert mount.make("images/b.txt", "b") == ["images/b.jpg"]
    assert mount.bytes("images/b.jpg") == jpeg()
    assert mount.sidecar("images/b.jpg")["ymago"]["mime"] == "image/jpeg"


def test_thought_parts_are_skipped(mount, fake):
    fake.script([{"do": "thoughts"}, {"do": "ok"}, {"do": "text_after"}])
    for name in "abc":
        assert mount.make(f"images/{name}.txt", f"picture {name}") == [f"images/{name}.jpg"]
    assert mount.listing() == sorted(f"{n}.{e}" for n in "abc" for e in ("txt", "jpg", "jpg.json"))


def test_included_texts(mount, fake):
    mount.sh("mkdir -p images/styles; echo 'in oil, by night ' >images/styles/oil.log; echo 'a red sky' >sky.log")
    mount.make("images/a.txt", "---\ninclude: [styles/oil.log, sky.log]\n---\na harbour")
    assert texts(only(fake)) == ["in oil, by night\n\na red sky\n\na harbour"]
    assert mount.sidecar("images/a.jpg")["prompt"] == "in oil, by night\n\na red sky\n\na harbour"
    mount.sh("cp images/a.txt images/b.txt")
    mount.wait("images/b.txt")
    assert fake.stats()["generations_asked"] == 1
    # Another included text: nothing happens by itself, a copy is a new request.
    mount.sh("echo 'in ink' >images/styles/oil.log; touch images/a.txt")
    mount.idle()
    assert fake.stats()["generations_asked"] == 1
    mount.sh("cp images/a.txt images/c.txt")
    mount.wait("images/c.txt")
    assert texts(sent(fake)[1]) == ["in ink\n\na red sky\n\na harbour"]


def test_the_default_model_from_the_environment(libraries, fake):
    lib = libraries(fake=fake, env={"YMAGO_IMAGE_MODEL": "gemini-3-pro-image"})
    lib.mount()
    lib.make("images/a.txt", "a")
    assert "gemini-3-pro-image" in fake.stats()["log"][0]["path"]


def test_typing_is_waited_out(mount, fake):
    """Saves in quick succession are one wish: the last text."""
    mount.save("images/p.txt", "a")
    for text in ("a light", "a lighthouse", "a lighthouse in", "a lighthouse in the fog"):
        mount.save("images/p.txt", text)
        mount.noticed()
    mount.wait("images/p.txt")
    mount.idle()
    asked = fake.stats()["by_prompt"]
    assert asked.pop("a lighthouse in the fog") == 1
    assert list(asked) in ([], ["a"])  # the first may have been a wish of its own


def test_a_move_to_another_kind_is_another_wish(mount, fake):
    mount.make("images/p.txt", "a lighthouse")
    mount.sh("mv images/p.txt videos/")
    assert mount.wait("videos/p.txt") == ["videos/p.mp4"]
    mount.sh("mv videos/p.txt images/")
    mount.idle()
    assert mount.state("images/p.txt") == "done"
    assert fake.stats()["by_prompt"] == {"a lighthouse": 2}  # a picture and a clip


def test_a_folder_that_becomes_a_kind_folder(mount, fake):
    mount.sh("mkdir -p texts-of-mine/deep; echo 'a lighthouse' >texts-of-mine/deep/a.txt; echo 'a harbour' >texts-of-mine/b.txt")
    mount.idle()
    assert fake.stats()["requests"] == 0
    mount.sh("mv texts-of-mine images/mine")
    mount.wait_exists("images/mine/deep/a.jpg")
    mount.wait_exists("images/mine/b.jpg")
    mount.sh("mv images/mine images/yours")
    mount.idle()
    assert fake.stats()["by_prompt"] == {"a lighthouse": 1, "a harbour": 1}


def test_exchanged_prompts(mount, fake):
    mount.make("images/a.txt", "a lighthouse")
    mount.make("images/b.txt", "a harbour")
    one, two = mount.bytes("images/a.jpg"), mount.bytes("images/b.jpg")
    exchange(mount.path("images/a.txt"), mount.path("images/b.txt"))
    wait_for(lambda: mount.bytes("images/a.jpg") == two and mount.bytes("images/b.jpg") == one)
    mount.idle()
    assert fake.stats()["generations_asked"] == 2


# ---- several results ----

def test_n_in_front_matter(mount, fake):
    names = mount.make("images/p.txt", "---\nn: 3\nseed: 10\n---\na lighthouse")
    assert names == ["images/p.jpg", "images/p-2.jpg", "images/p-3.jpg"]
    assert sorted(config(b)["seed"] for b in sent(fake)) == [10, 11, 12]
    assert [mount.sidecar(n)["seed"] for n in names] == [10, 11, 12]
    assert len({mount.bytes(n) for n in names}) == 3


def test_x4_to_x5_makes_one_more(mount, fake):
    assert len(mount.make("images/p.x4.txt", "a lighthouse")) == 4
    mount.idle()
    before = {n: mount.bytes("images/" + n) for n in mount.listing() if n.endswith(".jpg")}
    assert sorted(before) == ["p-2.jpg", "p-3.jpg", "p-4.jpg", "p.jpg"]
    fake.reset()
    mount.sh("mv images/p.x4.txt images/p.x5.txt")
    mount.wait_exists("images/p-5.jpg")
    mount.idle()
    assert fake.stats()["generations_asked"] == 1
    assert {n: mount.bytes("images/" + n) for n in before} == before
    # Fewer: nothing is bought, nothing is deleted. More again: what was made comes back.
    mount.sh("mv images/p.x5.txt images/p.txt")
    mount.idle()
    assert [n for n in mount.listing() if n.endswith(".jpg")] == sorted([*before, "p-5.jpg"])
    mount.sh("mv images/p.txt images/p.x3.txt")
    mount.idle()
    assert fake.stats()["generations_asked"] == 1
    assert {n: mount.bytes("images/" + n) for n in before} == before


def test_xn_overrules_front_matter(mount, fake):
    assert len(mount.make("images/p.x2.txt", "---\nn: 4\n---\na lighthouse")) == 2
    assert fake.stats()["generations_asked"] == 2


def test_variation(mount, fake):
    mount.make("images/a.txt", "---\nn: 2\n---\na lighthouse")
    fake.reset()
    mount.make("images/b.txt", "---\nvariation: 1\nn: 2\n---\na lighthouse")
    mount.idle()
    assert mount.bytes("images/b.jpg") == mount.bytes("images/a-2.jpg")
    assert fake.stats()["generations_asked"] == 1


# ---- references ----

def test_reference_beside_the_prompt(mount, fake):
    put(mount, "images/p.in.png", png("red"))
    put(mount, "images/p.in2.jpg", jpeg("blue"))
    mount.make("images/p.txt", "as a watercolour")
    body = only(fake)
    assert pictures(body) == [png("red"), jpeg("blue")]
    refs = mount.sidecar("images/p.jpg")["ymago"]["references"]
    assert [r["path"] for r in refs] == ["images/p.in.png", "images/p.in2.jpg"]
    assert mount.sidecar("images/p.jpg")["source_image_url"] == "images/p.in.png"


def test_adding_or_changing_a_reference_makes_it_due(mount, fake):
    mount.make("images/p.txt", "as a watercolour")
    put(mount, "images/p.in.png", png("red"))
    fake.wait_for(lambda s: s["generations_asked"] == 2)
    mount.wait("images/p.txt")
    put(mount, "images/p.in.png", png("green"))
    fake.wait_for(lambda s: s["generations_asked"] == 3)
    mount.idle()
    assert pictures(sent(fake)[-1]) == [png("green")]
    mount.sh("rm images/p.in.png; touch images/p.txt")
    mount.idle()
    assert fake.stats()["generations_asked"] == 3  # removing one never buys


def test_a_reference_that_is_still_written_delays_the_prompt(mount, fake):
    data = png("red")
    mount.save("ref.png", data)
    mount.sh('exec 3>images/p.in.png; head -c 20 ref.png >&3; sh -c "echo as a watercolour >images/p.txt";'
             'timeout 5 sh -c "while ! getfattr -n user.ymago.state images/p.txt 2>/dev/null | grep -q settling; do :; done";'
             'tail -c +21 ref.png >&3; exec 3>&-')
    mount.wait("images/p.txt")
    mount.idle()
    assert [pictures(b) for b in sent(fake)] == [[data]]


def test_from_image(mount, fake):
    mount.sh("mkdir -p images/refs sources")
    put(mount, "images/refs/r.png", png("red"))
    put(mount, "sources/s.jpg", jpeg())
    mount.make("images/a.txt", "---\nfrom_image: refs/r.png\n---\nas a watercolour")
    mount.make("images/b.txt", "---\nsource_image: sources/s.jpg\nreferences: [images/refs/r.png]\n---\nas a drawing")
    first, second = sent(fake)
    assert pictures(first) == [png("red")]
    assert pictures(second) == [jpeg(), png("red")]


def test_a_result_as_reference(mount, fake):
    mount.make("images/a.txt", "an owl")
    mount.make("images/b.txt", "---\nfrom_image: a.jpg\n---\nthe same at night")
    assert pictures(sent(fake)[-1]) == [mount.bytes("images/a.jpg")]


def test_a_link_out_of_the_library_is_no_reference(mount, fake, tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    mount.sh('ln -s "$1"/secret.png images/link.png', tmp_path)
    mount.save("images/a.txt", "---\nfrom_image: link.png\n---\nan owl")
    mount.wait_state("images/a.txt", "failed")
    assert fake.stats()["requests"] == 0


# ---- a sidecar as a prompt ----

def test_a_copied_sidecar_is_the_same_picture(mount, fake):
    mount.make("images/p.txt", "---\nseed: 10\nn: 2\naspect_ratio: 16:9\nnegative_prompt: fog\n---\na lighthouse")
    mount.idle()
    fake.reset()
    mount.sh("cp images/p.jpg.json images/again.json; cp images/p-2.jpg.json images/second.json")
    assert mount.wait("images/again.json") == ["images/again.jpg"]
    assert mount.wait("images/second.json") == ["images/second.jpg"]
    assert mount.bytes("images/again.jpg") == mount.bytes("images/p.jpg")
    assert mount.bytes("images/second.jpg") == mount.bytes("images/p-2.jpg")
    assert fake.stats()["requests"] == 0
    side = mount.sidecar("images/p.jpg")
    side["prompt"] = "a lighthouse in winter"
    mount.make("images/changed.json", json.dumps(side))
    body = only(fake)
    assert texts(body)[0].startswith("a lighthouse in winter") and "fog" in texts(body)[0]
    assert config(body)["seed"] == 10 and config(body)["imageConfig"]["aspectRatio"] == "16:9"


def test_a_copied_sidecar_with_references(mount, fake):
    put(mount, "images/p.in.png", png("red"))
    put(mount, "images/p.in2.jpg", jpeg("blue"))
    put(mount, "images/q.jpg", jpeg("green"))
    mount.make("images/p.txt", "---\nreferences: [images/q.jpg]\n---\nas a watercolour")
    mount.idle()
    fake.reset()
    mount.sh("mkdir images/sub; cp images/p.jpg.json images/again.json; cp images/p.jpg.json images/sub/deep.json")
    for name in ("images/again", "images/sub/deep"):
        assert mount.wait(name + ".json") == [name + ".jpg"]
        assert mount.bytes(name + ".jpg") == mount.bytes("images/p.jpg")
    assert fake.stats()["requests"] == 0


def test_other_json_is_plain(mount, fake):
    for name, text in {"a.json": '{"name": "x"}', "b.json": "[1, 2]", "c.json": "{broken", "d.yaml": "x: 1"}.items():
        mount.save("images/" + name, text)
    mount.idle()
    assert fake.stats()["requests"] == 0
    assert mount.listing() == ["a.json", "b.json", "c.json", "d.yaml"]


# ---- changes while it runs, and gestures ----

def test_latest_text_wins_while_queued(mount, fake):
    mount.ctl("pause")
    mount.save("images/p.txt", "first")
    mount.wait_state("images/p.txt", "queued")
    mount.save("images/p.txt", "second")
    wait_for(lambda: mount.ask("images/p.txt", "state") == "queued" and mount.status()["jobs"]["cancelled"] == 1)
    mount.ctl("resume")
    mount.wait("images/p.txt")
    assert fake.stats()["by_prompt"] == {"second": 1}
    assert mount.sidecar("images/p.jpg")["prompt"] == "second"


def test_latest_text_wins_when_the_older_was_sent(mount, fake):
    """The older result is paid: it is kept, and never shown over the newer one."""
    fake.script([{"do": "hang", "seconds": 8, "match": "first"}])
    mount.save("images/p.txt", "first")
    fake.wait_for(lambda s: s["generations_asked"] == 1)
    mount.save("images/p.txt", "second")
    assert mount.wait("images/p.txt") == ["images/p.jpg"]
    assert mount.sidecar("images/p.jpg")["prompt"] == "second"
    fake.wait_for(lambda s: s["in_flight"] == 0, 60)
    mount.idle()
    assert mount.sidecar("images/p.jpg")["prompt"] == "second"
    assert fake.stats()["by_prompt"] == {"first": 1, "second": 1}
    mount.make("images/q.txt", "first")  # it was kept
    assert fake.stats()["by_prompt"] == {"first": 1, "second": 1}


@pytest.mark.parametrize("how", ["ctl", "xattr", "command", "of the result"])
def test_again(mount, fake, how):
    mount.make("images/p.txt", "a lighthouse")
    mount.idle()
    before = mount.bytes("images/p.jpg")
    gesture = {"ctl": "echo again images/p.txt >.ymago/ctl",
               "xattr": "setfattr -n user.ymago.do -v again images/p.txt",
               "command": '"$Y" again images/p.txt',
               "of the result": "setfattr -n user.ymago.do -v again images/p.jpg"}[how]
    mount.sh(gesture)
    wait_for(lambda: mount.bytes("images/p.jpg") != before)
    mount.idle()
    side = mount.sidecar("images/p.jpg")["ymago"]
    assert (side["variation"], side["version"]) == (1, 2)
    assert fake.stats()["generations_asked"] == 2
    assert mount.listing() == ["p.jpg", "p.jpg.json", "p.txt"]
    # The older one is not lost: a copy as it was first made is free.
    mount.make("images/q.txt", "---\nvariation: 0\n---\na lighthouse")
    assert fake.stats()["generations_asked"] == 2


@pytest.mark.parametrize("how", ["ctl", "xattr", "command"])
def test_cancel(mount, fake, how):
    mount.ctl("pause")
    mount.save("images/p.txt", "a lighthouse")
    mount.wait_state("images/p.txt", "queued")
    mount.sh({"ctl": "echo cancel images/p.txt >.ymago/ctl", "xattr": "setfattr -n user.ymago.do -v cancel images/p.txt",
              "command": '"$Y" cancel images/p.txt'}[how])
    mount.wait_state("images/p.txt", "cancelled")
    mount.ctl("resume")
    mount.idle()
    assert fake.stats()["requests"] == 0
    mount.sh("touch images/p.txt")  # a gesture: it is wanted after all
    assert mount.wait("images/p.txt") == ["images/p.jpg"]
    assert fake.stats()["paid"] == 1


@pytest.mark.parametrize("how", ["ctl", "xattr", "command", "all"])
def test_retry(mount, fake, how):
    fake.script([{"do": "refuse", "times": 1}])
    mount.save("images/p.txt", "a lighthouse")
    mount.wait_state("images/p.txt", "failed")
    mount.sh({"ctl": "echo retry images/p.txt >.ymago/ctl", "xattr": "setfattr -n user.ymago.do -v retry images/p.txt",
              "command": '"$Y" retry images/p.txt', "all": "echo retry all-failed >.ymago/ctl"}[how])
    wait_for(lambda: mount.state("images/p.txt") == "done")
    assert fake.stats()["generations_asked"] == 2
    mount.wait_gone("images/p.error.log")


def test_deleting_a_running_prompt_keeps_what_is_paid(mount, fake):
    fake.script([{"do": "hang", "seconds": 2}])
    mount.save("images/p.txt", "a lighthouse")
    fake.wait_for(lambda s: s["generations_asked"] == 1)
    mount.sh("rm images/p.txt")
    mount.idle()
    assert mount.listing() == []
    mount.make("images/q.txt", "a lighthouse")
    assert fake.stats()["paid"] == 1


def test_emptying_cancels(mount, fake):
    mount.ctl("pause")
    mount.save("images/p.txt", "a lighthouse")
    mount.wait_state("images/p.txt", "queued")
    mount.sh(": >images/p.txt")
    wait_for(lambda: mount.status()["jobs"]["cancelled"] == 1)
    mount.ctl("resume")
    mount.idle()
    assert fake.stats()["requests"] == 0


def test_emptying_a_finished_prompt_keeps_its_picture(mount, fake):
    mount.make("images/p.txt", "a lighthouse")
    mount.sh(": >images/p.txt")
    mount.idle()
    assert mount.exists("images/p.jpg")


# ---- names ----

def test_a_name_taken_by_another_file(mount):
    mount.save("images/p.jpg", jpeg())
    assert mount.make("images/p.txt", "a lighthouse") == ["images/p.txt.jpg"]
    assert mount.bytes("images/p.jpg") == jpeg()
    assert mount.exists("images/p.txt.jpg.json") and not mount.exists("images/p.jpg.json")
    mount.save("images/q.jpg", jpeg())
    mount.save("images/q.txt.jpg", jpeg())
    assert mount.make("images/q.txt", "a lighthouse") == ["images/q.txt-2.jpg"]


def test_two_prompts_of_one_stem(mount):
    mount.make("images/p.txt", "a lighthouse")
    mount.make("images/p.md", "a harbour")
    first, second = mount.wait("images/p.txt"), mount.wait("images/p.md")
    assert first != second
    assert mount.sidecar(first[0])["prompt"] == "a lighthouse"
    assert mount.sidecar(second[0])["prompt"] == "a harbour"


def test_a_users_sidecar_is_not_taken(mount):
    mount.save("images/p.jpg.json", '{"mine": true}')
    [name] = mount.make("images/p.txt", "a lighthouse")
    assert mount.read("images/p.jpg.json") == '{"mine": true}'
    assert mount.sidecar(name)["prompt"] == "a lighthouse"


def test_sidecars_can_be_off(mount):
    mount.sh("mkdir images/bare; echo 'sidecar = \"off\"' >images/bare/folder.toml")
    mount.make("images/bare/p.txt", "a lighthouse")
    mount.idle()
    assert mount.listing("images/bare") == ["folder.toml", "p.jpg", "p.txt"]


def test_replaced_pictures_go_to_history(mount, fake):
    mount.make("images/p.txt", "first")
    first = mount.bytes("images/p.jpg")
    mount.make("images/p.txt", "second")
    assert mount.bytes("images/p.jpg") != first
    mount.make("images/q.txt", "first")
    assert mount.bytes("images/q.jpg") == first
    assert fake.stats()["generations_asked"] == 2


def test_a_symlink_is_no_prompt(mount, fake, tmp_path):
    (tmp_path / "p.txt").write_text("a lighthouse")
    mount.sh('ln -s "$1"/p.txt images/p.txt; echo x >plain; ln -s ../plain images/q.txt', tmp_path)
    mount.idle()
    assert fake.stats()["requests"] == 0
    assert os.readlink(mount.path("images/p.txt")) == str(tmp_path / "p.txt")


def test_a_hard_link_is_a_second_name(mount, fake):
    mount.make("images/p.txt", "a lighthouse")
    mount.sh("ln images/p.txt images/q.txt")
    assert mount.wait("images/q.txt") == ["images/q.jpg"]
    assert mount.bytes("images/q.jpg") == mount.bytes("images/p.jpg")
    assert fake.stats()["generations_asked"] == 1


def test_not_before(mount, fake):
    mount.save("images/p.txt", "---\nnot_before: 2090-01-01T00:00:00Z\n---\na lighthouse")
    mount.wait_state("images/p.txt", "queued")
    mount.make("images/q.txt", "a harbour")
    assert fake.stats()["by_prompt"] == {"a harbour": 1}


def test_priority(libraries, fake):
    lib = libraries(fake=fake, tables={"providers.gemini": {"concurrency": 1}})
    lib.mount()
    lib.ctl("pause")
    for name, p in (("a", "low"), ("b", "normal"), ("c", "high")):
        lib.save(f"images/{name}.txt", f"---\npriority: {p}\n---\n{name}")
        lib.wait_state(f"images/{name}.txt", "queued")
    lib.ctl("resume")
    lib.idle()
    assert [texts(b) for b in sent(fake)] == [["c"], ["b"], ["a"]]
