"""Videos, texts and the other ways to a picture, through the mount, from a strict stand-in for Google and Vertex."""
import io
import json
import os

import pytest
from PIL import Image

from fake import FakeGemini
from rig import KEY, Library, run, wait_for

FAST = {"net": {"poll_interval_seconds": 0.1}, "budget": {"per_job_usd": 20, "daily_usd": 100}}


def library(fake, key=KEY, **more):
    """Jobs are looked at ten times a second."""
    return Library(fake=fake, key=key, tables={**FAST, **more})


@pytest.fixture(scope="module")
def server():
    """A gateway: what Google has shut down lives on behind it."""
    with FakeGemini("--small", "--alive") as fake:
        yield fake


@pytest.fixture
def fake(server):
    server.reset()
    yield server
    server.clear()


@pytest.fixture
def lib(fake):
    with library(fake) as lib:
        lib.mount()
        yield lib


def probe(lib, name):
    """(seconds, width, height, has sound) as ffprobe sees them."""
    out = run("ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_type,width,height", "-of", "json",
              lib.path(name)).stdout
    seen = json.loads(out)
    video = [s for s in seen["streams"] if s["codec_type"] == "video"][0]
    return (round(float(seen["format"]["duration"])), video["width"], video["height"],
            any(s["codec_type"] == "audio" for s in seen["streams"]))


def asked(fake, path):
    """Requests to addresses that end so, in order."""
    return [e for e in fake.stats()["log"] if e["path"].endswith(path)]


def picture(lib, name, size=(64, 36)):
    out = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, "PNG", compress_level=0)
    lib.save(name, out.getvalue())
    return out.getvalue()


# ---- Omni ----

def test_text_to_video(lib, fake):
    assert lib.make("videos/bird.txt", "a bird over the sea") == ["videos/bird.mp4"]
    assert probe(lib, "videos/bird.mp4") == (8, 320, 180, True)
    [create] = asked(fake, "/interactions")
    assert create["body"] == {
        "model": "gemini-omni-1.2-flash", "input": [{"type": "text", "text": "a bird over the sea"}],
        "response_format": {"type": "video", "resolution": "720p", "duration": "8s", "delivery": "uri"},
        "generation_config": {"video_config": {"task": "text_to_video"}}, "background": True, "store": True}
    stats = fake.stats()
    assert stats["paid"] == 1 and stats["key_in_url"] == stats["wrong_key"] == 0
    side = lib.sidecar("videos/bird.mp4")["ymago"]
    assert side["provider"] == "gemini" and side["model"] == "gemini-omni-1.2-flash"
    assert abs(side["cost_usd"] - 8 * 0.07) < 1e-9 and side["cost_is_estimate"]
    assert side["mime"] == "video/mp4"
    assert abs(lib.idle()["spend"]["today_usd"] - 0.56) < 1e-9


def test_frames_and_fields(lib, fake):
    first, last = picture(lib, "videos/first.png"), picture(lib, "videos/last.png")
    lib.make("videos/walk.txt", "---\nfrom_image: videos/first.png\nlast_frame: videos/last.png\naspect_ratio: 9:16\n"
             "duration: 3\nresolution: 360p\nnegative_prompt: people\n---\na walk")
    assert probe(lib, "videos/walk.mp4") == (3, 90, 160, True)
    body = asked(fake, "/interactions")[0]["body"]
    import base64
    assert [base64.b64decode(c["data"]) for c in body["input"][:2]] == [first, last]
    assert body["input"][2]["text"].startswith("a walk\n\nWithout people.")
    assert body["response_format"] == {"type": "video", "aspect_ratio": "9:16", "resolution": "360p", "duration": "3s",
                                       "delivery": "uri"}
    assert body["generation_config"]["video_config"]["task"] == "image_to_video"


def test_references(lib, fake):
    picture(lib, "videos/cat.png")
    picture(lib, "videos/hat.png")
    lib.make("videos/v.txt", "---\nreferences: [videos/cat.png, videos/hat.png]\nquality: draft\n---\nthe cat wears the hat")
    body = asked(fake, "/interactions")[0]["body"]
    assert body["generation_config"]["video_config"]["task"] == "reference_to_video"
    assert [c["type"] for c in body["input"]] == ["image", "image", "text"]


def test_video_in_the_answer(lib, fake):
    fake.script([{"do": "inline"}])
    picture(lib, "videos/a.png")
    lib.make("videos/v.txt", "---\nfrom_image: videos/a.png\nduration: 3\n---\nit moves")
    assert probe(lib, "videos/v.mp4") == (3, 320, 180, True)
    assert asked(fake, ":download") == []


def test_a_video_that_is_still_being_stored(lib, fake):
    fake.script([{"do": "early", "count": 1}])
    lib.make("videos/v.txt", "---\nduration: 3\n---\na river")
    assert [e["status"] for e in asked(fake, ":download")] == [400, 200]
    assert fake.stats()["paid"] == 1


def test_the_key_stays_with_its_host():
    """Downloads are sent on to another origin, as the service does."""
    with FakeGemini("--small", "--redirect-downloads") as fake, \
            library(fake, net={"poll_interval_seconds": 0.1, "allow_private": [f"localhost:{fake.port}"]}) as lib:
        lib.mount()
        lib.make("videos/v.txt", "---\nduration: 3\n---\na river")
        [blob] = [e for e in fake.stats()["log"] if e["path"].startswith("/_blob/")]
        assert blob["status"] == 200
        assert not any(k.lower() in ("x-goog-api-key", "authorization") for k, _ in blob["headers"])


def test_a_redirect_to_this_machine_is_refused():
    with FakeGemini("--small", "--redirect-downloads") as fake, library(fake) as lib:
        lib.mount()
        lib.save("videos/v.txt", "---\nduration: 3\n---\na river")
        wait_for(lambda: asked(fake, ":download"), what="a download")
        lib.wait_state("videos/v.txt", "failed", "unknown", "running")
        assert [e for e in fake.stats()["log"] if e["path"].startswith("/_blob/")] == []
        assert not lib.exists("videos/v.mp4")


def test_a_lost_job_is_never_made_again(lib, fake):
    fake.script([{"do": "lose", "after": 1}])
    lib.save("videos/v.txt", "---\nduration: 3\n---\na river")
    assert lib.wait_state("videos/v.txt", "unknown", "failed") == "unknown"
    lib.idle()
    assert len(asked(fake, "/interactions")) == 1
    assert "does not know" in lib.read("videos/v.error.log")


def test_a_job_that_failed_inside_is_asked_for_once_more(lib, fake):
    fake.script([{"do": "fail"}])
    assert lib.make("videos/v.txt", "---\nduration: 3\n---\na river") == ["videos/v.mp4"]
    assert len(asked(fake, "/interactions")) == 2
    assert abs(lib.sidecar("videos/v.mp4")["ymago"]["cost_usd"] - 3 * 0.07) < 1e-9  # the failed one cost nothing


def test_words_in_place_of_a_video(lib, fake):
    fake.script([{"do": "filtered", "times": -1}])
    lib.save("videos/v.txt", "---\nduration: 3\n---\na river")
    lib.wait_state("videos/v.txt", "failed")
    lib.wait_exists("videos/v.error.log")
    assert "I cannot make that." in lib.read("videos/v.error.log")
    assert len(asked(fake, "/interactions")) == 2


def test_kill_while_the_job_runs(lib, fake):
    fake.script([{"do": "looks", "count": 8}])
    lib.save("videos/v.txt", "---\nduration: 3\n---\na river")
    wait_for(lambda: [e for e in fake.stats()["log"] if "/interactions/" in e["path"]], what="a look")
    lib.kill()
    lib.mount()
    assert lib.wait("videos/v.txt") == ["videos/v.mp4"]
    assert len(asked(fake, "/interactions")) == 1
    assert fake.stats()["paid"] == 1


def test_cancel_reaches_google(lib, fake):
    fake.script([{"do": "looks", "count": 1000}])
    lib.save("videos/v.txt", "---\nduration: 3\n---\na river")
    wait_for(lambda: [e for e in fake.stats()["log"] if "/interactions/" in e["path"]], what="a look")
    lib.ctl("cancel videos/v.txt")
    lib.wait_state("videos/v.txt", "cancelled")
    wait_for(lambda: [e for e in asked(fake, "/cancel") if e["status"] == 200], what="the cancelling")
    assert not lib.exists("videos/v.mp4")


@pytest.mark.parametrize("head,words", [
    ("duration: 16", "takes duration from 3 to 15"), ("aspect_ratio: 1:1", "16:9 or 9:16"), ("resolution: 4k", "1080p"),
    ("audio: false", "always makes sound"), ("seed: 4", "takes no seed"),
    ("model: veo-3.1-generate-preview\nduration: 5", "4, 6 or 8 seconds")])
def test_refused_before_anything_is_sent(lib, fake, head, words):
    lib.save("videos/v.txt", f"---\n{head}\n---\na river")
    lib.wait_state("videos/v.txt", "failed")
    lib.wait_exists("videos/v.error.log")
    assert words in lib.read("videos/v.error.log")
    assert fake.stats(log=False)["requests"] == 0


# ---- Veo and Imagen, which live on behind gateways ----

def test_veo(lib, fake):
    picture(lib, "videos/a.png")
    lib.make("videos/v.txt", "---\nmodel: veo-3.1-generate-preview\nfrom_image: videos/a.png\nduration: 4\n"
             "negative_prompt: blur\naspect_ratio: 9:16\n---\na river")
    assert probe(lib, "videos/v.mp4") == (4, 180, 320, True)
    body = asked(fake, ":predictLongRunning")[0]["body"]
    assert body["parameters"] == {"durationSeconds": 4, "aspectRatio": "9:16", "resolution": "720p", "sampleCount": 1,
                                  "negativePrompt": "blur"}
    assert set(body["instances"][0]["image"]) == {"bytesBase64Encoded", "mimeType"}
    assert abs(lib.sidecar("videos/v.mp4")["ymago"]["cost_usd"] - 1.6) < 1e-9


def test_veo_filtered_is_not_asked_for_again(lib, fake):
    fake.script([{"do": "filtered"}])
    lib.save("videos/v.txt", "---\nmodel: veo-3.1-generate-preview\n---\na river")
    lib.wait_state("videos/v.txt", "failed")
    lib.idle()
    assert len(asked(fake, ":predictLongRunning")) == 1
    assert lib.idle()["spend"]["today_usd"] == 0


def test_imagen(lib, fake):
    [name] = lib.make("images/a.txt", "---\nmodel: imagen-4.0-generate-001\naspect_ratio: 16:9\nformat: jpg\n---\na fox")
    assert name == "images/a.jpg"
    assert Image.open(io.BytesIO(lib.bytes(name))).size == (64, 36)
    assert asked(fake, ":predict")[0]["body"]["parameters"]["sampleCount"] == 1


# ---- texts ----

def test_text(lib, fake):
    lib.sh("mkdir -p texts")
    assert lib.make("texts/story.txt", "a story of a fox") == ["texts/story.out.md"]
    assert lib.read("texts/story.out.md") == "An answer to: a story of a fox\n"
    assert fake.stats()["paid"] == 1


def test_judging_a_picture(lib, fake):
    lib.sh("mkdir -p texts")
    picture(lib, "texts/a.png")
    lib.make("texts/score.txt", "---\nfrom_image: texts/a.png\nsystem: be strict\ntemperature: 0.2\nmax_tokens: 200\n"
             "schema: {type: object, properties: {score: {type: integer, minimum: 1, maximum: 10}}, required: [score]}\n"
             "---\nScore it.")
    assert json.loads(lib.read("texts/score.out.json")) == {"score": 7}
    body = asked(fake, ":generateContent")[0]["body"]
    assert body["systemInstruction"]["parts"] == [{"text": "be strict"}]
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert body["generationConfig"]["maxOutputTokens"] == 200


# ---- what is too large to be sent inline ----

def test_large_references_are_uploaded_first(lib, fake):
    data = picture(lib, "images/big.png", (2400, 1900))
    assert len(data) > 12 << 20
    assert lib.make("images/a.txt", "---\nfrom_image: images/big.png\n---\nmake it night", 60) == ["images/a.jpg"]
    start, upload = asked(fake, "/upload/v1beta/files")
    headers = {k.lower(): v for k, v in start["headers"]}
    assert headers["x-goog-upload-header-content-length"] == str(len(data))
    assert upload["body"] == f"({len(data)} bytes)"
    [generate] = asked(fake, ":generateContent")
    assert generate["body"]["contents"][0]["parts"][1]["fileData"]["mimeType"] == "image/png"


# ---- Vertex ----

@pytest.fixture
def vertex(fake):
    base = fake.url + "/v1/projects/p/locations/global/publishers/google"
    with library(fake, **{"providers.gemini": {"base_url": base, "rate_limit": 6000}}) as lib:
        lib.mount()
        yield lib


def test_vertex(vertex, fake):
    assert vertex.make("images/a.txt", "---\nparams: {imageConfig: {personGeneration: ALLOW_ADULT}}\n---\na fox") == ["images/a.jpg"]
    vertex.make("videos/o.txt", "---\nduration: 3\n---\na river")
    assert probe(vertex, "videos/o.mp4")[0] == 3
    vertex.make("videos/v.txt", "---\nmodel: veo-3.1-generate-001\nseed: 7\naudio: true\nduration: 4\n---\na river")
    assert probe(vertex, "videos/v.mp4")[0] == 4
    log = fake.stats()["log"]
    assert all(["Authorization", "(right key)"] in e["headers"] for e in log), log
    assert [e for e in log if e["path"].endswith(":fetchPredictOperation")]
    assert not [e for e in log if e["path"].startswith("/v1beta/")]


# ---- the list of models ----

def test_list_of_models():
    with FakeGemini("--page", "3") as fake, library(fake) as lib:
        lib.mount()
        lib.ctl("reload")
        wait_for(lambda: len(asked(fake, "/models")) >= 4, what="every page of the list")
        wait_for(lambda: os.path.exists(lib.path("models/gemini")), what="models/gemini")
