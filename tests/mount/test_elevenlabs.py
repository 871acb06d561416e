"""Speech and sound effects by ElevenLabs: through the mount, against a strict fake of it."""
import json
import socket
import subprocess

import pytest

from fake import FakeElevenLabs
from rig import wait_for

GEORGE = "JBFqnCBsd6RMkjVDRZzb"
RACHEL = "21m00Tcm4TlvDq8ikWAM"


def server(*args):
    return FakeElevenLabs(*args).start()


@pytest.fixture(scope="module")
def one_server():
    fake = server()
    yield fake
    fake.stop()


@pytest.fixture
def eleven(one_server):
    one_server.reset()
    yield one_server
    one_server.clear()


@pytest.fixture
def eleven_lib(libraries):
    def make(fake, key=None, budget=None, **more):
        lib = libraries(tables={"providers.elevenlabs": {"base_url": fake.url, **more}, "budget": budget or {}},
                        env={"ELEVENLABS_API_KEY": key or fake.key})
        lib.mount()
        lib.sh("mkdir -p audio sfx")
        return lib
    return make


def asked(fake):
    return [x for x in fake.stats()["log"] if x["method"] == "POST"]


def failed(lib, name, text, *words, state="failed"):
    lib.save(name, text)
    lib.wait_state(name, state)
    note = name.rsplit(".", 1)[0] + ".error.log"
    lib.wait_exists(note)
    said = lib.read(note)
    assert [w for w in words if w not in said] == [], said


def probe(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_name,sample_rate", "-of",
                           "json", str(path)], stdout=subprocess.PIPE, check=True, timeout=30)
    return json.loads(done.stdout)


def test_speech(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    assert lib.make("audio/hello.txt", "Good evening, ladies and gentlemen.") == ["audio/hello.mp3"]
    found = probe(lib.path("audio/hello.mp3"))
    assert found["streams"][0]["codec_name"] == "mp3" and abs(float(found["format"]["duration"]) - 35 / 15) < 0.2
    [x] = asked(eleven)
    assert x["path"] == f"/v1/text-to-speech/{GEORGE}" and x["query"] == "output_format=mp3_44100_128"
    assert x["body"] == {"text": "Good evening, ladies and gentlemen.", "model_id": "eleven_multilingual_v2"}
    side = lib.sidecar("audio/hello.mp3")
    assert side["ymago"]["provider"] == "elevenlabs" and side["ymago"]["provider_id"].startswith("req-")
    assert abs(side["ymago"]["cost_usd"] - 0.0035) < 1e-6
    assert eleven.stats(log=False)["paid"] == 1


def test_every_field_arrives(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    lib.make("audio/a.txt", "---\nmodel: eleven_flash_v2_5\nvoice: rachel\nstability: 0.4\nsimilarity: 0.8\nstyle: 0.1\nspeed: 1.1\n"
             "language: fr\nseed: 9\nformat: wav\nparams: {use_speaker_boost: true, apply_text_normalization: 'off'}\n---\nBonjour.")
    [x] = asked(eleven)
    assert x["path"] == f"/v1/text-to-speech/{RACHEL}" and x["query"] == "output_format=wav_24000"
    assert x["body"] == {"text": "Bonjour.", "model_id": "eleven_flash_v2_5", "seed": 9, "language_code": "fr",
                         "voice_settings": {"stability": 0.4, "similarity_boost": 0.8, "style": 0.1, "speed": 1.1,
                                            "use_speaker_boost": True}, "apply_text_normalization": "off"}
    assert probe(lib.path("audio/a.wav"))["streams"][0]["sample_rate"] == "24000"
    assert abs(lib.sidecar("audio/a.wav")["ymago"]["cost_usd"] - 0.0004) < 1e-6


@pytest.mark.parametrize("format, ext, codec", [("opus", "ogg", "opus"), ("mp3_22050_32", "mp3", "mp3"), ("wav_8000", "wav", "pcm_s16le")])
def test_formats(eleven_lib, eleven, format, ext, codec):
    lib = eleven_lib(eleven)
    lib.make("audio/a.txt", f"---\nformat: {format}\n---\nGood evening.")
    assert probe(lib.path(f"audio/a.{ext}"))["streams"][0]["codec_name"] == codec


def test_times_of_the_characters(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    lib.make("audio/a.txt", "---\ntimestamps: true\n---\nHello there")
    [x] = asked(eleven)
    assert x["path"].endswith("/with-timestamps")
    kept = json.dumps(lib.sidecar("audio/a.mp3"))
    assert "character_start_times_seconds" in kept


def test_effects(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    assert lib.make("sfx/rain.txt", "---\nduration: 3.5\nparams: {prompt_influence: 0.6, loop: true}\n---\nrain on a roof") == ["sfx/rain.mp3"]
    assert abs(float(probe(lib.path("sfx/rain.mp3"))["format"]["duration"]) - 3.5) < 0.2
    [x] = asked(eleven)
    assert x["path"] == "/v1/sound-generation"
    assert x["body"] == {"text": "rain on a roof", "model_id": "eleven_text_to_sound_v2", "duration_seconds": 3.5,
                         "prompt_influence": 0.6, "loop": True}


def test_voices_by_name(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    lib.make("audio/a.txt", "---\nvoice: George\n---\nHello")
    assert asked(eleven)[0]["path"] == f"/v1/text-to-speech/{GEORGE}"
    failed(lib, "audio/b.txt", "---\nvoice: Nobody\n---\nHello", "no voice Nobody")
    failed(lib, "audio/c.txt", "---\nvoice: Twin\n---\nHello", "2 voices", "AAAAAAAAAAAAAAAAAAA1")
    assert eleven.stats(log=False)["paid"] == 1


def test_mistakes_cost_nothing(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    failed(lib, "audio/a.txt", "---\nspeed: 3\n---\nHello", "speed from 0.7 to 1.2")
    failed(lib, "audio/b.txt", "---\nformat: pcm_16000\n---\nHello", "not pcm_16000")
    failed(lib, "sfx/c.txt", "---\nduration: 40\n---\nHello", "from 0.5 to 30")
    failed(lib, "audio/d.txt", "---\nparams: {model_id: x}\n---\nHello", "cannot set model_id")
    assert asked(eleven) == []


def test_the_plan_is_told_from_the_key(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    failed(lib, "audio/a.txt", "---\nformat: wav_44100\n---\nHello", "does not include that format")
    assert lib.make("audio/b.txt", "Good evening") == ["audio/b.mp3"]


def test_used_up_characters_stop_the_provider(eleven_lib):
    fake = server("--credits", 20)
    try:
        lib = eleven_lib(fake)
        lib.make("audio/a.txt", "Good evening")
        lib.save("audio/b.txt", "Good evening to you too")
        wait_for(lambda: "used up" in (lib.ask("audio/b.txt", "error") or ""), 20, lambda: lib.ask("audio/b.txt", "error"))
        assert lib.state("audio/b.txt") == "queued"
        assert fake.stats(log=False)["paid"] == 1
    finally:
        fake.stop()


def test_a_wrong_key(eleven_lib, eleven):
    lib = eleven_lib(eleven, key="another-key-1")
    lib.save("audio/a.txt", "Good evening")
    wait_for(lambda: "does not know the key" in (lib.ask("audio/a.txt", "error") or ""), 20)


def test_too_many_at_once(eleven_lib):
    fake = server("--concurrent", 2, "--latency", "0.3")
    try:
        lib = eleven_lib(fake, concurrency=4, rate_limit=6000)
        lib.sh('for i in 1 2 3 4 5 6; do echo "sentence $i" >audio/s$i.txt; done')
        for i in range(1, 7):
            assert lib.wait(f"audio/s{i}.txt", 60) == [f"audio/s{i}.mp3"]
        assert fake.stats(log=False)["paid"] == 6
    finally:
        fake.stop()


def test_the_limit_is_kept_by_itself(eleven_lib):
    fake = server("--concurrent", 2, "--latency", "0.2")
    try:
        lib = eleven_lib(fake)
        lib.sh('for i in 1 2 3 4 5 6; do echo "sentence $i" >audio/s$i.txt; done')
        for i in range(1, 7):
            lib.wait(f"audio/s{i}.txt", 60)
        stats = fake.stats(log=False)
        assert (stats["paid"], stats["refused"], stats["max_in_flight"]) == (6, 0, 2)
    finally:
        fake.stop()


@pytest.mark.parametrize("b, state, word", [
    ({"do": "refuse", "status": 400, "code": "content_policy_violation", "message": "Not this."}, "failed", "refused the text"),
    ({"do": "refuse", "status": 422, "code": "text", "shape": "fields", "message": "too odd"}, "failed", "too odd"),
    ({"do": "cut", "after": 100}, "unknown", ""),
    ({"do": "picture", "times": 2}, "failed", "without sound")])
def test_bad_answers(eleven_lib, eleven, b, state, word):
    lib = eleven_lib(eleven, budget={"retry_unknown_max_usd": 0})
    eleven.script([b])
    failed(lib, "audio/a.txt", "Good evening", word, state=state)


def test_what_passes_by_itself(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    eleven.script([{"do": "error", "status": 503}, {"do": "refuse", "status": 429, "code": "system_busy", "shape": "old"},
                   {"do": "refuse", "status": 429, "code": "rate_limit_exceeded", "headers": {"Retry-After": "1"}}])
    assert lib.make("audio/a.txt", "Good evening", 60) == ["audio/a.mp3"]
    assert eleven.stats(log=False)["paid"] == 1


def test_an_unknown_price_is_held(eleven_lib, eleven):
    lib = eleven_lib(eleven)
    lib.save("audio/a.txt", "---\nmodel: elevenlabs/eleven_v9\n---\nHello")
    lib.wait_state("audio/a.txt", "held")
    assert asked(eleven) == []


def test_the_account_has_voices(eleven_lib):
    fake = server("--page", 2)
    try:
        lib = eleven_lib(fake)
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(30)
            c.connect(lib.status()["socket"])
            c.sendall(b'{"verb": "models", "refresh": true}\n')
            assert c.recv(1)
        doc = json.loads(lib.bytes("models/elevenlabs/server.json"))
        assert {"id": RACHEL, "name": "Rachel"} in doc["voices"] and len(doc["voices"]) == 5
    finally:
        fake.stop()
