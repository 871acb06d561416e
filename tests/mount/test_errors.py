"""Bad input and failures: a note that a person understands, nothing sent that was promised not to be."""
import os
import re

import pytest

from fake import FakeGemini
from rig import Library, Watch, wait_for

FIVE = ["What failed", "The provider's words", "Billed", "What ymago will do", "What you can do"]

BAD_TEXTS = {  # text, what the note must say
    "unknown key": ("---\nsede: 7\n---\nan owl", ["sede", 'did you mean "seed"']),
    "typo in max_usd": ("---\nmax_usdd: 0.01\n---\nan owl", ["max_usdd", 'did you mean "max_usd"']),
    "bad value": ("---\nseed: many\n---\nan owl", ["seed", "many"]),
    "bad quality": ("---\nquality: best\n---\nan owl", ["quality", "draft", "high"]),
    "bad aspect": ("---\naspect_ratio: 16:0\n---\nan owl", ["aspect_ratio"]),
    "n too large": ("---\nn: 65\n---\nan owl", ["n ", "64"]),
    "too long": ("word " * 500, ["2000", "characters"]),
    "NUL": (b"an \0 owl", ["NUL"]),
    "invalid UTF-8": (b"an \xff owl", ["UTF-8"]),
    "UTF-16": ("an owl".encode("utf-16"), ["UTF-"]),
    "open front matter": ("---\nseed: 7\nan owl\n", ["---"]),
    "yaml anchor": ("---\nseed: &a 7\n---\nan owl", ["anchors"]),
    "not a mapping": ("---\n- seed\n---\nan owl", ["line 1", "key: value"]),
    "same key twice": ("---\nseed: 7\nseed: 8\n---\nan owl", ["line 2", "twice"]),
    "front matter alone": ("---\nseed: 7\n---\n\n", ["empty"]),
    "unknown model": ("---\nmodel: gemini-nano-banan-2.1\n---\nan owl", ["gemini-nano-banana-2.1"]),
    "unknown provider": ("---\nprovider: gogle\n---\nan owl", ["gogle"]),
    "path outside": ("---\nfrom_image: ../../etc/passwd\n---\nan owl", ["from_image", ".."]),
    "absolute path": ("---\nfrom_image: /etc/passwd\n---\nan owl", ["/etc/passwd"]),
    "file address": ("---\nfrom_image: file:///etc/passwd\n---\nan owl", ["file:///etc/passwd"]),
    "missing reference": ("---\nfrom_image: nothing.png\n---\nan owl", ["nothing.png"]),
    "undeclared destination": ("---\ndestination: s3://bucket/x\n---\nan owl", ["destination"]),
    "undeclared webhook": ("---\nwebhook: https://example.com/x\n---\nan owl", ["webhook"]),
    "endpoint": ("---\nbase_url: https://evil.example\n---\nan owl", ["base_url"]),
    "key": ("---\napi_key: abc\n---\nan owl", ["api_key"]),
    "front matter too long": ("---\n" + "tags: [a]\n" * 2000 + "---\nan owl", ["16384"]),
    "refine": ("---\nrefine: 3\n---\nan owl", ["refine"]),
    "last frame": ("---\nlast_frame: https://example.com/x.png\n---\nan owl", ["last_frame"]),
    "missing include": ("---\ninclude: [style.txt]\n---\nan owl", ["style.txt"]),
    "output name with a path": ("---\noutput_filename: ../x\n---\nan owl", ["output_filename"]),
}


def note(lib, prompt):
    return prompt.rsplit(".", 1)[0] + ".error.log"


def failed(lib, prompt="images/p.txt", seconds=30):
    """Waits for the failure and its note; returns {part: text}."""
    lib.wait_state(prompt, "failed", seconds=seconds)
    lib.wait_exists(note(lib, prompt))
    return parts(lib.read(note(lib, prompt)))


def parts(text):
    found = dict(re.findall(r"^([^:\n]+): (.*)$", text, re.M))
    assert [p for p in FIVE if p not in found] == [], text
    assert all(found[p].strip() for p in FIVE), text
    return found


@pytest.fixture(scope="module")
def patient(gemini_server):
    """One mount for all the bad texts."""
    gemini_server.reset()
    with Library(fake=gemini_server) as lib:
        lib.mount()
        yield lib


@pytest.mark.parametrize("case", BAD_TEXTS)
def test_bad_text(patient, fake, case):
    text, words = BAD_TEXTS[case]
    name = "images/" + case.replace(" ", "_") + ".txt"
    patient.save(name, text)
    p = failed(patient, name)
    for word in words:
        assert word in p["What failed"], p
    assert p["Billed"].startswith("no")
    assert fake.stats(log=False)["requests"] == 0
    assert patient.ask(name, "error")
    # Saving never failed: the text is the user's.
    assert patient.bytes(name) == (text if isinstance(text, bytes) else text.encode())
    os.unlink(patient.path(name))
    patient.wait_gone(note(patient, name))


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff\n"], ids=["empty", "spaces", "byte order mark"])
def test_blank_does_nothing(patient, fake, text):
    patient.save("images/blank.txt", text)
    patient.idle()
    assert fake.stats(log=False)["requests"] == 0
    assert [n for n in patient.listing() if n.startswith("blank")] == ["blank.txt"]
    assert patient.state("images/blank.txt") in (None, "")
    os.unlink(patient.path("images/blank.txt"))


def test_a_file_too_large_is_a_plain_file_with_a_reason(patient, fake):
    patient.save("images/big.txt", "x" * (1024 * 1024 + 1))
    p = failed(patient, "images/big.txt")
    assert "1 MiB" in p["What failed"]
    assert fake.stats(log=False)["requests"] == 0
    assert os.path.getsize(patient.path("images/big.txt")) == 1024 * 1024 + 1
    os.unlink(patient.path("images/big.txt"))


def test_a_correction_removes_the_note(mount, fake):
    mount.save("images/p.txt", "---\nsede: 7\n---\nan owl")
    failed(mount)
    mount.sh("rm images/p.error.log; echo mine >images/p.error.log")  # edited: the user's now
    mount.save("images/q.txt", "---\nsede: 7\n---\nan owl")
    failed(mount, "images/q.txt")
    mount.make("images/p.txt", "---\nseed: 7\n---\nan owl")
    mount.make("images/q.txt", "---\nseed: 8\n---\nan owl")
    mount.wait_gone("images/q.error.log")
    assert mount.read("images/p.error.log") == "mine\n"


def test_notes_are_real_events(mount):
    with Watch(mount.path("images")) as w:
        mount.save("images/p.txt", "---\nsede: 7\n---\nan owl")
        failed(mount)
        mount.make("images/p.txt", "an owl")
        mount.wait_gone("images/p.error.log")
        wait_for(lambda: "DELETE" in w.of("p.error.log"), what=lambda: w.seen)
    assert w.of("p.error.log") == ["MOVED_TO", "DELETE"]


def test_refusal(mount, fake):
    fake.script([{"do": "refuse", "reason": "PROHIBITED_CONTENT"}])
    mount.save("images/p.txt", "something forbidden")
    p = failed(mount)
    assert "PROHIBITED_CONTENT" in p["What failed"] + p["The provider's words"]
    assert p["Billed"].startswith("no")
    mount.idle()
    assert fake.stats()["generations_asked"] == 1  # never repeated by itself
    mount.make("images/p.txt", "something allowed")
    mount.wait_gone("images/p.error.log")


def test_no_picture_is_tried_once_more(mount, fake):
    fake.script([{"do": "finish", "reason": "NO_IMAGE", "text": "I would rather not.", "times": -1}])
    mount.save("images/p.txt", "a picture of nothing")
    p = failed(mount)
    assert "rather not" in p["The provider's words"]
    assert p["Billed"].startswith("yes"), p
    assert fake.stats()["generations_asked"] == 2
    assert mount.idle()["spend"]["today_usd"] > 0


def test_touch_retries_what_failed(mount, fake):
    fake.script([{"do": "refuse"}])
    mount.save("images/p.txt", "an owl")
    failed(mount)
    mount.sh("touch images/p.txt")
    assert mount.wait("images/p.txt") == ["images/p.jpg"]
    mount.wait_gone("images/p.error.log")
    assert fake.stats()["generations_asked"] == 2


def test_transient_errors_are_retried(mount, fake):
    fake.script([{"do": "error", "status": s} for s in (500, 503, 504)])
    assert mount.make("images/p.txt", "an owl") == ["images/p.jpg"]
    stats = fake.stats()
    assert (stats["generations_asked"], stats["paid"]) == (4, 1)
    assert mount.sidecar("images/p.jpg")["ymago"]["attempts"] == 4
    assert not mount.exists("images/p.error.log")


def test_transient_errors_end(mount, fake):
    fake.script([{"do": "error", "status": 503, "times": -1, "message": "All our machines are busy."}])
    mount.save("images/p.txt", "an owl")
    p = failed(mount)
    assert "All our machines are busy." in p["The provider's words"]
    assert p["Billed"].startswith("no")
    assert fake.stats()["generations_asked"] == 5


def test_retry_info_is_honoured(mount, fake):
    fake.script([{"do": "error", "status": 429, "retry_delay": "1.5s"}])
    assert mount.make("images/p.txt", "an owl") == ["images/p.jpg"]
    first, second = fake.stats()["sent_at"]
    assert second - first >= 1.5
    assert not mount.exists("images/p.error.log")


def test_retry_after_is_honoured(mount, fake):
    fake.script([{"do": "error", "status": 429, "bare": True, "retry_after": 2}])
    assert mount.make("images/p.txt", "an owl") == ["images/p.jpg"]
    first, second = fake.stats()["sent_at"]
    assert second - first >= 2


def test_429_does_not_count_as_an_attempt(mount, fake):
    fake.script([{"do": "error", "status": 429, "retry_delay": "0.1s", "times": 8}])
    assert mount.make("images/p.txt", "an owl") == ["images/p.jpg"]
    assert fake.stats()["generations_asked"] == 9


def test_daily_quota_parks(mount, fake):
    fake.script([{"do": "error", "status": 429, "quota": "day", "retry_delay": "1s", "times": -1}])
    mount.save("images/p.txt", "an owl")
    wait_for(lambda: any(x["state"] == "parked" for x in mount.status()["lanes"]), what=lambda: mount.status()["lanes"])
    assert mount.state("images/p.txt") == "queued"
    mount.save("images/q.txt", "a cat")
    mount.wait_state("images/q.txt", "queued")
    assert fake.stats()["generations_asked"] == 1
    assert "until" in mount.read("STATUS.txt")


def test_wrong_key_stops_the_provider(libraries, fake):
    lib = libraries(fake=fake, key="wrong-key-9876543210")
    lib.mount()
    lib.save("images/p.txt", "an owl")
    wait_for(lambda: any(x["state"] == "blocked" for x in lib.status()["lanes"]), what=lambda: lib.status()["lanes"])
    lib.save("images/q.txt", "a cat")
    lib.wait_state("images/q.txt", "queued")
    assert lib.state("images/p.txt") == "queued"
    assert fake.stats()["requests"] == 1
    assert "wrong-key-9876543210" not in lib.read("STATUS.txt") + lib.log()
    # The right key and a reload: they go on by themselves.
    lib.configure({"providers.gemini": {"api_key": fake.key}})
    lib.config.chmod(0o600)
    lib.ctl("reload")


def test_no_key_for_a_model_that_needs_one(sketch):
    sketch.save("images/p.txt", "---\nmodel: gemini-nano-banana-2.1\n---\nan owl")
    wait_for(lambda: sketch.state("images/p.txt") in ("queued", "failed"))
    wait_for(lambda: "GOOGLE_API_KEY" in sketch.read("STATUS.txt") + (sketch.ask("images/p.txt", "detail") or "")
             + (sketch.ask("images/p.txt", "error") or ""), what=lambda: sketch.read("STATUS.txt"))


def test_offline_is_no_failure(libraries, fake):
    lib = libraries(fake=fake)
    lib.configure({"providers.gemini": {"base_url": "http://127.0.0.1:9"}})  # nobody listens
    lib.mount()
    lib.save("images/p.txt", "an owl")
    wait_for(lambda: any(x["state"] == "offline" for x in lib.status()["lanes"]), what=lambda: lib.status()["lanes"])
    lib.wait_state("images/p.txt", "queued")
    assert not lib.exists("images/p.error.log")
    assert "127.0.0.1" in lib.read("STATUS.txt")


def test_retired_model(libraries):
    with FakeGemini("--small", "--retire", "gemini-3-pro-image") as fake:
        lib = libraries(fake=fake)
        lib.mount()
        lib.save("images/p.txt", "---\nmodel: gemini-3-pro-image\n---\nan owl")
        p = failed(lib)
        assert "gemini-3-pro-image" in p["What failed"]
        assert "no longer available" in p["The provider's words"]
        assert p["Billed"].startswith("no")
        lib.idle()
        assert fake.stats()["generations_asked"] == 0 and fake.stats()["requests"] == 1


@pytest.mark.parametrize("spoiled", ["half_base64", "bad_base64", "half_picture", "fake_type"])
def test_spoiled_pictures_are_not_shown(mount, fake, spoiled):
    fake.script([{"do": spoiled, "times": -1}])
    mount.save("images/p.txt", "an owl")
    wait_for(lambda: mount.state("images/p.txt") in ("failed", "unknown"), what=mount.log)
    mount.wait_exists("images/p.error.log")
    parts(mount.read("images/p.error.log"))
    assert mount.listing() == ["p.error.log", "p.txt"]
    assert fake.stats()["generations_asked"] <= 2


def test_cut_answer_is_unknown(mount, fake):
    """Sent, no whole answer: repeated only while it is cheap; then only by a gesture."""
    mount.sh("mkdir -p cost; echo 'retry_unknown_max_usd = 0' >cost/budget.toml")
    mount.idle()
    fake.script([{"do": "cut"}])
    mount.save("images/p.txt", "an owl")
    mount.wait_state("images/p.txt", "unknown")
    mount.wait_exists("images/p.error.log")
    assert parts(mount.read("images/p.error.log"))["Billed"].startswith("unknown")
    mount.sh("touch images/p.txt")
    mount.idle()
    assert mount.state("images/p.txt") == "unknown"
    assert fake.stats()["generations_asked"] == 1
    mount.ctl("retry images/p.txt")
    assert mount.wait("images/p.txt") == ["images/p.jpg"]
    mount.wait_gone("images/p.error.log")
    assert fake.stats()["generations_asked"] == 2


def test_working_note_comes_and_goes(mount, fake):
    fake.script([{"do": "hang", "seconds": 4}])
    mount.save("images/p.txt", "a slow owl")
    mount.wait_exists("images/p.working.log")
    text = mount.read("images/p.working.log")
    assert "running" in text
    assert "p.working.log" in mount.listing()
    seen = []

    def done():
        names = mount.listing()
        seen.append("p.working.log" in names and "p.jpg" in names)
        return mount.state("images/p.txt") == "done"
    wait_for(done)
    mount.wait_gone("images/p.working.log")
    assert not any(seen), "the note stood beside the finished picture"
    assert not (mount.dir / "images/p.working.log").is_symlink()


def test_working_notes_can_be_switched_off(libraries, fake):
    fake.script([{"do": "hang", "seconds": 3}])
    lib = libraries(fake=fake, tables={"mount": {"notes": False}})
    lib.mount()
    lib.save("images/p.txt", "a slow owl")
    seen = []

    def done():
        seen.append(lib.listing())
        return lib.state("images/p.txt") == "done"
    wait_for(done)
    assert not any("p.working.log" in names for names in seen)


def test_a_note_never_takes_a_users_file(mount):
    mount.sh("echo mine >images/p.error.log")
    mount.save("images/p.txt", "---\nsede: 7\n---\nan owl")
    mount.wait_state("images/p.txt", "failed")
    mount.wait_exists("images/p.txt.error.log")
    assert mount.read("images/p.error.log") == "mine\n"
    parts(mount.read("images/p.txt.error.log"))


def test_notes_follow_their_prompt(mount):
    mount.save("images/p.txt", "---\nsede: 7\n---\nan owl")
    failed(mount)
    mount.sh("mkdir images/sub; mv images/p.txt images/sub/q.txt")
    mount.wait_exists("images/sub/q.error.log")
    mount.wait_gone("images/p.error.log")
    assert mount.state("images/sub/q.txt") == "failed"
    mount.make("images/sub/q.txt", "---\nseed: 7\n---\nan owl")
    mount.wait_gone("images/sub/q.error.log")


def test_a_note_deleted_by_the_user_stays_away(mount):
    mount.save("images/p.txt", "---\nsede: 7\n---\nan owl")
    failed(mount)
    mount.sh("rm images/p.error.log")
    mount.idle()
    assert not mount.exists("images/p.error.log")


def test_escaped_words(mount, fake):
    """Nothing from outside reaches a terminal raw."""
    fake.script([{"do": "error", "status": 400, "message": "no \x1b[31mred\x1b[0m \u202e words"}])
    mount.save("images/p.txt", "an owl")
    failed(mount)
    for text in (mount.read("images/p.error.log"), mount.ask("images/p.txt", "error"), mount.read(".ymago/events.log"),
                 mount.read("STATUS.txt"), mount.log()):
        assert "\x1b" not in text and "\u202e" not in text


def test_folder_defaults_that_are_wrong(mount, fake):
    mount.sh("mkdir images/x; echo 'sede = 7' >images/x/folder.toml")
    mount.save("images/x/p.txt", "an owl")
    p = failed(mount, "images/x/p.txt")
    assert "folder.toml" in p["What failed"] and "sede" in p["What failed"]
    mount.sh("echo 'api_key = \"x\"' >images/x/folder.toml")
    mount.save("images/x/q.txt", "a cat")
    p = failed(mount, "images/x/q.txt")
    assert "api_key" in p["What failed"]
    assert fake.stats()["requests"] == 0
