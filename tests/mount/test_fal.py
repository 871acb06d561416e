"""Pictures, films and sounds from (a strict fake of) fal.ai, through the mount."""
import hashlib
import io
import os

import pytest
from PIL import Image

from fake import FakeFal
from fake.clips import length
from rig import KEY, wait_for

KLING = "fal-ai/kling-video/v2.5-turbo/pro/"
NEW = "someone/new-model/v9"


@pytest.fixture(scope="module")
def fal_server():
    with FakeFal("--small") as server:
        yield server


@pytest.fixture
def fal(fal_server):
    fal_server.reset()
    yield fal_server
    fal_server.clear()


@pytest.fixture
def unmounted(libraries, fal):
    per_second = {"price_per_second_usd": 0.01}
    return libraries(env={"FAL_KEY": KEY}, tables={
        "providers.fal": {"base_url": fal.url, "rate_limit": 6000}, "budget": {"grace_seconds": 0},
        "net": {"poll_interval_seconds": 0.05},
        'models."fal-ai/elevenlabs/tts/eleven-v3"': {"provider": "fal", "price_per_1k_chars_usd": 0.1},
        'models."fal-ai/elevenlabs/sound-effects/v2"': {"provider": "fal", **per_second},
        'models."fal-ai/veo3.1"': {"provider": "fal", **per_second},
        'models."fal-ai/flux/dev"': {"provider": "fal", "price_per_image_usd": 0.02},
        f'models."{NEW}"': {"provider": "fal", **per_second}})


@pytest.fixture
def lib(unmounted):
    unmounted.mount()
    return unmounted


def body(fal, prompt):
    """What was submitted for it, once."""
    [entry] = [x for x in fal.stats()["log"] if x["prompt"] == prompt]
    return entry["path"], entry["body"]


def note(lib, prompt):
    name = prompt.rsplit(".", 1)[0] + ".error.log"
    lib.wait_exists(name)
    return lib.read(name)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def photo(width=64, height=48, noise=False):
    image = Image.effect_noise((width, height), 200) if noise else Image.new("RGB", (width, height), "teal")
    out = io.BytesIO()
    image.convert("RGB").save(out, "PNG")
    return out.getvalue()


# ---- what it makes ----

def test_a_picture(lib, fal):
    assert lib.make("images/fox.txt", "a red fox") == ["images/fox.jpg"]
    image = Image.open(io.BytesIO(lib.bytes("images/fox.jpg")))
    assert image.size == (64, 48)
    assert body(fal, "a red fox") == ("/fal-ai/flux/dev", {"prompt": "a red fox"})
    side = lib.sidecar("images/fox.jpg")["ymago"]
    assert (side["provider"], side["model"], side["cost_usd"], side["cost_is_estimate"]) == ("fal", "fal-ai/flux/dev", 0.02, True)
    assert side["provider_id"] in str(fal.stats()["log"])
    stats = fal.stats()
    assert stats["paid"] == 1 and stats["wrong_key"] == 0 and stats["key_in_url"] == 0
    assert all("(right key)" in str(x["headers"]) for x in stats["log"] if not x["path"].startswith("/files/"))


def test_every_field_of_a_picture(lib, fal):
    lib.make("images/fox.txt", "---\nseed: 7\naspect_ratio: 16:9\nsteps: 20\nguidance_scale: 3.5\noutput_format: png\n"
                               "params: {acceleration: none, enable_safety_checker: false}\n---\na red fox")
    assert body(fal, "a red fox")[1] == {
        "prompt": "a red fox", "seed": 7, "image_size": "landscape_16_9", "num_inference_steps": 20, "guidance_scale": 3.5,
        "output_format": "png", "acceleration": "none", "enable_safety_checker": False}
    assert Image.open(io.BytesIO(lib.bytes("images/fox.png"))).size == (64, 36)


def test_a_film_of_the_length_and_shape(lib, fal):
    [name] = lib.make("videos/bird.txt", "---\nduration: 10\naspect_ratio: 9:16\n---\na bird")
    assert name == "videos/bird.mp4"
    side = lib.sidecar(name)["ymago"]
    assert (side["width"], side["height"]) == (180, 320) and abs(length(lib.bytes(name)) - 10) < 0.3
    assert side["cost_usd"] == pytest.approx(0.7)
    assert body(fal, "a bird") == ("/" + KLING + "text-to-video", {"prompt": "a bird", "aspect_ratio": "9:16", "duration": "10"})


def test_speech_and_effects(lib, fal):
    lib.sh("mkdir -p sfx")
    assert lib.make("audio/hello.txt", "---\nvoice: Rachel\nstability: 0.5\n---\nGood morning.") == ["audio/hello.mp3"]
    assert body(fal, "Good morning.")[1] == {"text": "Good morning.", "voice": "Rachel", "stability": 0.5}
    assert lib.make("sfx/door.txt", "---\nduration: 1.5\n---\na door") == ["sfx/door.mp3"]
    assert body(fal, "a door")[1] == {"text": "a door", "duration_seconds": 1.5}
    assert abs(length(lib.bytes("sfx/door.mp3")) - 1.5) < 0.3
    assert lib.sidecar("audio/hello.mp3")["ymago"]["cost_usd"] == pytest.approx(0.0013)


def test_a_small_image_goes_along(lib, fal):
    lib.path("images/fox.in.png").write_bytes(photo())
    lib.make("images/fox.txt", "---\nstrength: 0.4\n---\nin winter")
    path, sent = body(fal, "in winter")
    assert path == "/fal-ai/flux/dev/image-to-image"
    assert sent["strength"] == 0.4 and sent["image_url"].startswith("data:image/png;base64,")
    assert not [x for x in fal.stats()["log"] if "storage" in x["path"]]


def test_larger_images_are_uploaded(lib, fal):
    """Two frames, in the places that the model has for them."""
    lib.path("videos/run.in.png").write_bytes(photo(300, 200, noise=True))
    lib.path("videos/end.png").write_bytes(photo(320, 200, noise=True))
    lib.make("videos/run.txt", "---\nlast_frame: end.png\n---\nrun")
    path, sent = body(fal, "run")
    assert path == "/" + KLING + "image-to-video"
    log = fal.stats()["log"]
    assert len([x for x in log if x["path"] == "/storage/upload/initiate"]) == 2
    puts = [x for x in log if x["method"] == "PUT"]
    assert len(puts) == 2 and not any("authorization" in str(x["headers"]).lower() for x in puts)
    assert {sent["image_url"], sent["tail_image_url"]} == {fal.url + x["path"].replace("/upload/", "/files/") for x in puts}
    assert sent["image_url"] != sent["tail_image_url"]


def test_a_model_that_nobody_knows(lib, fal):
    [name] = lib.make("videos/new.txt", f"---\nmodel: fal/{NEW}\nduration: 3\nparams: {{camera: {{pan: 1.5}}}}\n---\na canyon")
    assert body(fal, "a canyon") == ("/" + NEW, {"prompt": "a canyon", "duration": 3, "camera": {"pan": 1.5}})
    side = lib.sidecar(name)["ymago"]
    assert side["model"] == NEW and side["cost_usd"] == pytest.approx(0.03) and abs(length(lib.bytes(name)) - 3) < 0.3


def test_a_length_in_the_models_own_form(lib, fal):
    lib.make("videos/new.txt", f'---\nmodel: fal/{NEW}\nparams: {{duration: "4s"}}\n---\na canyon')
    assert body(fal, "a canyon")[1] == {"prompt": "a canyon", "duration": "4s"}


def test_several_images_of_one_answer(lib, fal):
    """The first is the result; the others are paid for too, and kept."""
    fal.script([{"do": "images", "count": 3}])
    assert lib.make("images/fox.txt", "a red fox") == ["images/fox.jpg"]
    lib.idle()
    made = set(fal.stats()["made"]["a red fox"])
    assert len(made) == 3
    assert lib.sidecar("images/fox.jpg")["ymago"]["cost_usd"] == pytest.approx(0.06)
    lib.umount()
    kept = {digest(f.read_bytes()) for f in (lib.dir / ".ymago").rglob("*.jpg")}
    assert made == kept | {digest((lib.dir / "images/fox.jpg").read_bytes())}


# ---- waiting ----

def test_the_place_in_the_queue_is_seen(lib, fal):
    fal.script([{"do": "slow", "queue": 60, "run": 60}])
    lib.save("videos/bird.txt", "a bird")
    wait_for(lambda: "in fal's queue" in (lib.ask("videos/bird.txt", "detail") or ""), what=lib.log)
    wait_for(lambda: "at work" in (lib.ask("videos/bird.txt", "detail") or ""), what=lib.log)
    wait_for(lambda: 0 < float(lib.ask("videos/bird.txt", "progress") or 0) < 1, what=lib.log)
    assert lib.wait("videos/bird.txt") == ["videos/bird.mp4"]


def test_bad_looks_lose_nothing(lib, fal):
    fal.script([{"do": "glitch", "looks": 3, "match": "one"},
                {"do": "glitch", "looks": 2, "as": {"do": "reset", "after": 10}, "match": "two"},
                {"do": "glitch", "looks": 2, "as": {"do": "cut", "after": 10}, "match": "three"},
                {"do": "glitch", "looks": 2, "as": {"do": "swallow"}, "match": "four"}])
    for word in ("one", "two", "three", "four"):
        lib.save(f"images/{word}.txt", f"number {word}")
    for word in ("one", "two", "three", "four"):
        assert lib.wait(f"images/{word}.txt") == [f"images/{word}.jpg"]
    assert fal.stats(log=False)["generations_asked"] == 4


def test_a_crash_in_the_queue_buys_nothing_twice(unmounted, fal):
    fal.script([{"do": "slow", "queue": 40, "run": 0}])
    unmounted.mount()
    unmounted.save("videos/bird.txt", "a bird")
    fal.wait_for(lambda s: s["requests"] > 5)
    unmounted.kill()
    unmounted.mount()
    wait_for(lambda: unmounted.exists("videos/bird.mp4"), what=unmounted.log)
    assert fal.stats(log=False)["generations_asked"] == 1
    unmounted.wait_state("videos/bird.txt", "done")


def test_deleting_the_prompt_takes_it_out_of_the_queue(lib, fal):
    fal.script([{"do": "slow", "queue": 100000}])
    lib.save("images/fox.txt", "a red fox")
    wait_for(lambda: "in fal's queue" in (lib.ask("images/fox.txt", "detail") or ""), what=lib.log)
    os.unlink(lib.path("images/fox.txt"))
    wait_for(lambda: [x for x in fal.stats()["log"] if x["method"] == "PUT" and x["path"].endswith("/cancel")], what=lib.log)
    status = lib.idle()
    assert status["spend"]["today_usd"] == 0
    assert not lib.exists("images/fox.jpg")


# ---- refusals and failures ----

def test_a_flagged_picture_is_refused(lib, fal):
    fal.script([{"do": "nsfw"}])
    lib.save("images/x.txt", "something")
    lib.wait_state("images/x.txt", "failed")
    assert "safety checker" in note(lib, "images/x.txt")
    assert not lib.exists("images/x.jpg")


def test_what_the_model_does_not_take_is_told(lib, fal):
    lib.save("images/x.txt", "---\nparams: {acceleration: turbo}\n---\na red fox")
    lib.wait_state("images/x.txt", "failed")
    text = note(lib, "images/x.txt")
    assert "acceleration" in text and "'none' or 'regular' or 'high'" in text
    assert fal.stats(log=False)["paid"] == 0


@pytest.mark.parametrize("front, words", [
    ("duration: 7\n", "5 or 10 seconds"), ("params: {fal_webhook: x}\n", "fal_webhook"), ("params: {num_images: 4}\n", "num_images"),
    ("params: {prompt: other}\n", "prompt"), ("model: fal/flux\n", "fal-ai/flux/dev"), ("model: fal/fal-ai/../x\n", "fal-ai/flux/dev")],
    ids=["length", "webhook", "count", "prompt", "name", "path"])
def test_refused_before_anything_is_sent(lib, fal, front, words):
    lib.save("videos/x.txt", f"---\n{front}---\na bird")
    lib.wait_state("videos/x.txt", "failed")
    assert words in note(lib, "videos/x.txt")
    assert fal.stats(log=False)["requests"] == 0


def test_a_failed_job_is_tried_once_more(lib, fal):
    fal.script([{"do": "fail", "status": 500}])
    assert lib.make("images/fox.txt", "a red fox") == ["images/fox.jpg"]
    assert fal.stats(log=False)["generations_asked"] == 2
    assert lib.idle()["spend"]["today_usd"] == pytest.approx(0.02)  # the failed one is not billed


def test_policy_is_not_tried_again(lib, fal):
    fal.script([{"do": "fail", "status": 422, "type": "content_policy_violation", "message": "flagged"}])
    lib.save("images/x.txt", "something")
    lib.wait_state("images/x.txt", "failed")
    assert "flagged" in note(lib, "images/x.txt")
    lib.idle()
    assert fal.stats(log=False)["generations_asked"] == 1


def test_throttled_waits_and_goes_on(lib, fal):
    fal.script([{"do": "error", "status": 429, "retry_after": 1}])
    assert lib.make("images/fox.txt", "a red fox") == ["images/fox.jpg"]
    stats = fal.stats(log=False)
    assert (stats["generations_asked"], stats["paid"]) == (2, 1)
    assert stats["sent_at"][1] - stats["sent_at"][0] >= 1


def test_a_lost_job_is_never_bought_again_by_itself(lib, fal):
    fal.script([{"do": "lose"}])
    lib.save("images/x.txt", "a red fox")
    lib.wait_state("images/x.txt", "unknown")
    lib.idle()
    assert fal.stats(log=False)["generations_asked"] == 1


def test_a_file_that_is_gone(lib, fal):
    fal.script([{"do": "gone"}])
    lib.save("images/x.txt", "a red fox")
    lib.wait_state("images/x.txt", "unknown")
    assert "does not give the result out" in lib.ask("images/x.txt", "error")


def test_a_page_in_place_of_the_file(lib, fal):
    fal.script([{"do": "page", "times": -1}])
    lib.save("images/x.txt", "a red fox")
    lib.wait_state("images/x.txt", "failed")
    assert "no such media file" in note(lib, "images/x.txt")
    assert not lib.exists("images/x.jpg")


def test_a_wrong_key_waits(libraries, fal):
    lib = libraries(env={"FAL_AI_API_KEY": "wrong-key-0123456789"},
                    tables={"providers.fal": {"base_url": fal.url}, "budget": {"grace_seconds": 0}})
    lib.mount()
    lib.save("images/x.txt", "a red fox")
    wait_for(lambda: "refuses the key" in (lib.ask("images/x.txt", "error") or ""), what=lib.log)
    assert lib.state("images/x.txt") == "queued"
