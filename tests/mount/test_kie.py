"""Films and pictures from (a strict fake of) KIE.ai, through the mount."""
import io
import os

import pytest
from PIL import Image

from fake import FakeKie
from fake.clips import length
from rig import KEY, wait_for

K26 = "kling-2.6/text-to-video"
K25 = "kling/v2-5-turbo-text-to-video-pro"


@pytest.fixture
def kie():
    """One for each test: it takes twenty new tasks in ten seconds."""
    with FakeKie("--small") as server:
        yield server


@pytest.fixture
def unmounted(libraries, kie):
    priced = {f'models."{m}"': {"provider": "kie", "price_per_second_usd": 0.05}
              for m in (K26, K25, "kling-3.0/video", "veo3_fast", "kling/v2-1-standard")}
    return libraries(env={"KIE_API_KEY": KEY}, tables={
        "providers.kie": {"base_url": kie.url, "rate_limit": 6000}, "budget": {"grace_seconds": 0},
        "net": {"poll_interval_seconds": 0.05}, 'models."google/nano-banana"': {"provider": "kie", "price_per_image_usd": 0.02},
        **priced})


@pytest.fixture
def lib(unmounted):
    unmounted.mount()
    return unmounted


def body(kie, prompt):
    """What was asked for it, once."""
    [entry] = [x for x in kie.stats()["log"] if x["prompt"] == prompt]
    return entry["path"], entry["body"]


def note(lib, prompt):
    name = prompt.rsplit(".", 1)[0] + ".error.log"
    lib.wait_exists(name)
    return lib.read(name)


def photo(format="PNG"):
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(out, format)
    return out.getvalue()


# ---- what it makes ----

def test_a_film_of_the_length_and_shape(lib, kie):
    assert lib.make("videos/bird.txt", "---\nduration: 10\naspect_ratio: 9:16\naudio: true\n---\na bird") == ["videos/bird.mp4"]
    assert body(kie, "a bird") == ("/api/v1/jobs/createTask", {"model": K26, "input": {
        "prompt": "a bird", "aspect_ratio": "9:16", "duration": "10", "sound": True}})
    side = lib.sidecar("videos/bird.mp4")["ymago"]
    assert (side["width"], side["height"]) == (180, 320) and abs(length(lib.bytes("videos/bird.mp4")) - 10) < 0.3
    assert (side["provider"], side["model"], side["cost_usd"], side["cost_is_estimate"]) == ("kie", K26, 0.5, True)
    stats = kie.stats()
    assert stats["paid"] == 1 and stats["wrong_key"] == 0
    assert [x for x in stats["log"] if x["path"].startswith("/files/")]


def test_nothing_said(lib, kie):
    lib.make("videos/bird.txt", "a bird")
    assert body(kie, "a bird")[1]["input"] == {"prompt": "a bird", "duration": "5", "sound": False, "aspect_ratio": "16:9"}


def test_credits_are_the_cost(lib, kie):
    kie.script([{"do": "credits", "credits": 44}])
    lib.make("videos/bird.txt", "a bird")
    side = lib.sidecar("videos/bird.mp4")["ymago"]
    assert side["cost_usd"] == pytest.approx(0.22) and side["cost_is_estimate"]


def test_an_image_is_uploaded_to_its_own_service(lib, kie):
    lib.path("videos/run.in.png").write_bytes(photo())
    lib.make("videos/run.txt", "run")
    path, sent = body(kie, "run")
    assert sent["model"] == "kling-2.6/image-to-video"
    [upload] = [x for x in kie.stats()["log"] if x["path"] == "/api/file-stream-upload"]
    [url] = sent["input"]["image_urls"]
    assert url.startswith(kie.url + "/uploads/ymago/") and url.endswith(".png")
    assert "(right key)" in str(upload["headers"])
    assert kie.stats(log=False)["refused"] == 0


def test_first_and_last_frame(lib, kie):
    """JPEG and PNG, each in its place, in the two forms that there are."""
    lib.path("videos/a.png").write_bytes(photo())
    lib.path("videos/b.jpg").write_bytes(photo("JPEG"))
    front = "from_image: a.png\nlast_frame: b.jpg\n---\n"
    lib.make("videos/one.txt", f"---\nmodel: {K25}\nnegative_prompt: blur\ncfg_scale: 0.7\n{front}one")
    sent = body(kie, "one")[1]
    assert sent["model"] == "kling/v2-5-turbo-image-to-video-pro"
    assert sent["input"]["image_url"].endswith(".png") and sent["input"]["tail_image_url"].endswith(".jpg")
    assert (sent["input"]["negative_prompt"], sent["input"]["cfg_scale"]) == ("blur", 0.7)
    lib.make("videos/two.txt", f"---\nmodel: kling-3.0/video\nduration: 3\nparams: {{mode: std}}\n{front}two")
    sent = body(kie, "two")[1]
    assert [u[-4:] for u in sent["input"]["image_urls"]] == [".png", ".jpg"]
    assert (sent["input"]["duration"], sent["input"]["mode"]) == ("3", "std")
    assert abs(length(lib.bytes("videos/two.mp4")) - 3) < 0.3


def test_veo(lib, kie):
    [name] = lib.make("videos/dawn.txt", "---\nmodel: veo3_fast\naspect_ratio: 9:16\n---\ndawn")
    assert body(kie, "dawn") == ("/api/v1/veo/generate", {"prompt": "dawn", "aspect_ratio": "9:16", "model": "veo3_fast"})
    assert abs(length(lib.bytes(name)) - 8) < 0.3
    assert lib.sidecar(name)["ymago"]["cost_usd"] == pytest.approx(0.4)


def test_a_picture(lib, kie):
    kie.script([{"do": "images", "count": 2}])
    [name] = lib.make("images/cat.txt", "---\nmodel: google/nano-banana\naspect_ratio: 4:3\noutput_format: jpeg\n---\na cat")
    assert name == "images/cat.jpg"
    assert body(kie, "a cat")[1]["input"] == {"prompt": "a cat", "image_size": "4:3", "output_format": "jpeg"}


# ---- waiting ----

def test_its_states_are_seen(lib, kie):
    kie.script([{"do": "slow", "looks": 80}])
    lib.save("videos/bird.txt", "a bird")
    wait_for(lambda: "KIE is generating" in (lib.ask("videos/bird.txt", "detail") or ""), what=lib.log)
    assert lib.wait("videos/bird.txt") == ["videos/bird.mp4"]


def test_bad_looks_lose_nothing(lib, kie):
    kie.script([{"do": "glitch", "looks": 2, "match": "one"},
                {"do": "glitch", "looks": 2, "as": {"do": "error", "status": 455}, "match": "two"},
                {"do": "glitch", "looks": 2, "as": {"do": "swallow"}, "match": "three"},
                {"do": "glitch", "looks": 2, "as": {"do": "cut", "after": 20}, "match": "four"}])
    for word in ("one", "two", "three", "four"):
        lib.save(f"videos/{word}.txt", f"number {word}")
    for word in ("one", "two", "three", "four"):
        assert lib.wait(f"videos/{word}.txt") == [f"videos/{word}.mp4"]
    assert kie.stats(log=False)["generations_asked"] == 4


def test_a_crash_buys_nothing_twice(unmounted, kie):
    kie.script([{"do": "slow", "looks": 40}])
    unmounted.mount()
    unmounted.save("videos/bird.txt", "a bird")
    kie.wait_for(lambda s: s["requests"] > 5)
    unmounted.kill()
    unmounted.mount()
    wait_for(lambda: unmounted.exists("videos/bird.mp4"), what=unmounted.log)
    assert kie.stats(log=False)["generations_asked"] == 1


def test_it_cannot_be_cancelled(lib, kie):
    """What was paid for is kept, though its prompt is gone."""
    kie.script([{"do": "slow", "looks": 30}])
    lib.save("videos/bird.txt", "a bird")
    wait_for(lambda: "KIE" in (lib.ask("videos/bird.txt", "detail") or ""), what=lib.log)
    os.unlink(lib.path("videos/bird.txt"))
    status = lib.idle()
    assert not lib.exists("videos/bird.mp4")
    assert status["spend"]["today_usd"] == pytest.approx(0.25)


def test_an_address_that_must_be_signed(lib, kie):
    kie.script([{"do": "forbidden"}])
    assert lib.make("videos/bird.txt", "a bird") == ["videos/bird.mp4"]
    assert [x["body"] for x in kie.stats()["log"] if x["path"] == "/api/v1/common/download-url"]
    assert kie.stats(log=False)["wrong_key"] == 0


# ---- refusals and failures ----

@pytest.mark.parametrize("front, words", [
    ("duration: 7\n", "5 or 10 seconds"), ("params: {callBackUrl: x}\n", "callBackUrl"), ("negative_prompt: x\n", "negative_prompt"),
    ("params: {prompt: other}\n", "prompt")], ids=["length", "callback", "negative", "prompt"])
def test_refused_before_anything_is_sent(lib, kie, front, words):
    lib.save("videos/x.txt", f"---\n{front}---\na bird")
    lib.wait_state("videos/x.txt", "failed")
    assert words in note(lib, "videos/x.txt")
    assert kie.stats(log=False)["requests"] == 0


def test_an_image_that_is_too_large(lib, kie):
    lib.path("videos/x.in.png").write_bytes(photo() + bytes(10_000_001))
    lib.save("videos/x.txt", "a bird")
    lib.wait_state("videos/x.txt", "failed")
    assert "10 MB" in note(lib, "videos/x.txt")
    assert kie.stats(log=False)["requests"] == 0


def test_an_unknown_price_holds(lib, kie):
    lib.save("videos/x.txt", "---\nmodel: kie/kling/v2-1-pro\nfrom_image: https://example.com/a.png\n---\na bird")
    lib.wait_state("videos/x.txt", "held")
    assert kie.stats(log=False)["requests"] == 0


def test_errors_below_a_good_status(lib, kie):
    kie.script([{"do": "code", "code": 429, "message": "too fast", "match": "one"}, {"do": "code", "code": 455, "match": "two"},
                {"do": "code", "code": 422, "message": "no such thing", "match": "three"}])
    lib.save("videos/three.txt", "number three")
    lib.wait_state("videos/three.txt", "failed")
    assert "no such thing" in note(lib, "videos/three.txt")
    assert lib.make("videos/two.txt", "number two") == ["videos/two.mp4"]
    assert lib.make("videos/one.txt", "number one") == ["videos/one.mp4"]  # after a window of ten seconds
    at = kie.stats(log=False)["sent_at"]
    assert at[-1] - at[-2] >= 10
    assert kie.stats(log=False)["paid"] == 2


def test_used_up_credits_wait(lib, kie):
    kie.script([{"do": "code", "code": 402, "message": "Credits insufficient"}])
    lib.save("videos/x.txt", "a bird")
    wait_for(lambda: "credits" in (lib.ask("videos/x.txt", "error") or ""), what=lib.log)
    assert lib.state("videos/x.txt") == "queued"


def test_a_wrong_key_waits(libraries, kie):
    lib = libraries(env={"KIE_API_KEY": "wrong-key-0123456789"}, tables={
        "providers.kie": {"base_url": kie.url}, "budget": {"grace_seconds": 0},
        f'models."{K26}"': {"provider": "kie", "price_per_second_usd": 0.05}})
    lib.mount()
    lib.save("videos/x.txt", "a bird")
    wait_for(lambda: "refuses the key" in (lib.ask("videos/x.txt", "error") or ""), what=lib.log)
    assert lib.state("videos/x.txt") == "queued"


def test_a_failed_task_is_tried_once_more(lib, kie):
    kie.script([{"do": "fail"}])
    assert lib.make("videos/x.txt", "a bird") == ["videos/x.mp4"]
    assert kie.stats(log=False)["generations_asked"] == 2


def test_policy_is_not_tried_again(lib, kie):
    kie.script([{"do": "fail", "code": 500, "message": "The prompt contains sensitive words"}])
    lib.save("videos/x.txt", "a bird")
    lib.wait_state("videos/x.txt", "failed")
    assert "sensitive words" in note(lib, "videos/x.txt")
    lib.idle()
    assert kie.stats(log=False)["generations_asked"] == 1


def test_a_lost_task_is_never_bought_again_by_itself(lib, kie):
    kie.script([{"do": "lose"}])
    lib.save("videos/x.txt", "a bird")
    lib.wait_state("videos/x.txt", "unknown")
    lib.idle()
    assert kie.stats(log=False)["generations_asked"] == 1


def test_no_result_and_pages(lib, kie):
    kie.script([{"do": "no_result", "times": 2, "match": "one"}, {"do": "page", "times": 2, "match": "two"}])
    for word, words in (("one", "names no result"), ("two", "no such media file")):
        lib.save(f"videos/{word}.txt", f"number {word}")
        lib.wait_state(f"videos/{word}.txt", "failed")
        assert words in note(lib, f"videos/{word}.txt")
