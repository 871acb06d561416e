"""Films, speech, sounds and texts through the mount, offline and free, by the built-in sketch."""
import contextlib
import io
import json
import os
import shutil
import subprocess

import pytest
from PIL import Image

from rig import run, wait_for

pytestmark = [pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed"), pytest.mark.seconds(150)]


def copied(path):
    """Outside of the mount, for tools that want to seek; overwritten by the next."""
    tmp = path.parent.parent.parent / "copy"
    tmp.write_bytes(path.read_bytes())
    return tmp


def probe(path):
    """What ffprobe says: {"format": ..., "streams": [...]}."""
    said = subprocess.run(["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", copied(path)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert said.returncode == 0 and not said.stderr, said.stderr
    return json.loads(said.stdout)


def stream(said, kind):
    return next((s for s in said["streams"] if s["codec_type"] == kind), None)


def frame(path, last=False):
    """The first or the last picture of a film."""
    where = ["-sseof", "-0.2"] if last else []
    out = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *where, "-i", copied(path), *(["-update", "1"] if last else ["-frames:v", "1"]),
                          "-f", "image2pipe", "-c:v", "png", "-"], stdout=subprocess.PIPE, timeout=60, check=True).stdout
    return Image.open(io.BytesIO(out[out.rindex(b"\x89PNG"):])).convert("RGB")


def loudness(path):
    said = subprocess.run(["ffmpeg", "-nostdin", "-i", "pipe:0", "-af", "volumedetect", "-f", "null", "-"],
                          input=path.read_bytes(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60).stderr.decode()
    return float(said.split("max_volume:")[1].split()[0])


@pytest.mark.parametrize("front, width, height, seconds", [
    ("duration: 1\nresolution: 360p\n", 640, 360, 1.0),
    ("duration: 0.5\naspect_ratio: 9:16\nquality: draft\n", 360, 640, 0.5),
])
def test_film(sketch, front, width, height, seconds):
    assert sketch.make("videos/bird.txt", f"---\n{front}---\na bird over the sea\n", 120) == ["videos/bird.mp4"]
    said = probe(sketch.path("videos/bird.mp4"))
    picture, sound = stream(said, "video"), stream(said, "audio")
    assert (picture["codec_name"], picture["pix_fmt"]) == ("h264", "yuv420p")
    assert (picture["width"], picture["height"]) == (width, height)
    assert abs(float(said["format"]["duration"]) - seconds) < 0.03
    assert sound["codec_name"] == "aac"
    data = sketch.bytes("videos/bird.mp4")
    assert data.index(b"moov") < data.index(b"mdat"), "a player can start before all of it is there"
    side = sketch.sidecar("videos/bird.mp4")
    assert side["ymago"]["cost_usd"] == 0
    assert (side["ymago"]["width"], side["ymago"]["height"]) == (width, height)


def test_film_from_a_picture(sketch):
    Image.new("RGB", (300, 200), "red").save(sketch.base / "red.png")
    sketch.save("videos/a.in.png", (sketch.base / "red.png").read_bytes())
    sketch.make("videos/a.txt", "---\nduration: 0.5\nquality: draft\n---\nit moves\n", 120)
    first = frame(sketch.path("videos/a.mp4"))
    assert first.size == (540, 360)
    red, green, blue = first.getpixel((100, 100))
    assert red > 230 and green < 30 and blue < 30
    assert sketch.bytes("videos/a.in.png") == (sketch.base / "red.png").read_bytes()


def test_film_without_sound(sketch):
    sketch.make("videos/a.txt", "---\nduration: 0.5\nquality: draft\naudio: false\n---\nx\n", 120)
    assert stream(probe(sketch.path("videos/a.mp4")), "audio") is None


def test_impossible_film_says_so(sketch):
    sketch.save("videos/a.txt", "---\nduration: 90\n---\nx\n")
    sketch.wait_state("videos/a.txt", "failed")
    sketch.wait_exists("videos/a.error.log")
    assert "0.5 to 60 seconds" in sketch.bytes("videos/a.error.log").decode()


def test_speech(sketch):
    assert sketch.make("audio/hello.txt", "Hello. This is a test of the offline voice.\n", 60) == ["audio/hello.mp3"]
    said = probe(sketch.path("audio/hello.mp3"))
    assert 1.5 < float(said["format"]["duration"]) < 12
    assert -20 < loudness(sketch.path("audio/hello.mp3")) <= 0
    sketch.make("audio/wav.txt", "---\nformat: wav\nvoice: Rachel\nspeed: 1.5\n---\nHello.\n", 60)
    assert sketch.bytes("audio/wav.wav")[:4] == b"RIFF"


def test_sounds(sketch):
    run("mkdir", "-p", sketch.path("sfx"))
    assert sketch.make("sfx/rain.txt", "---\nduration: 2\n---\nrain on a roof, distant thunder\n", 60) == ["sfx/rain.mp3"]
    said = probe(sketch.path("sfx/rain.mp3"))
    assert abs(float(said["format"]["duration"]) - 2) < 0.1
    assert -6 < loudness(sketch.path("sfx/rain.mp3")) < 0
    assert sketch.make("sfx/beep.txt", "beep\n", 60) == ["sfx/beep.mp3"]
    assert abs(float(probe(sketch.path("sfx/beep.mp3"))["format"]["duration"]) - 4) < 0.1


def test_text(sketch):
    run("mkdir", "-p", sketch.path("texts"))
    assert sketch.make("texts/a.txt", "an article about old lighthouses\n", 60) == ["texts/a.out.md"]
    assert sketch.bytes("texts/a.out.md").decode().startswith("# Old Lighthouses")


def test_text_with_schema(sketch):
    run("mkdir", "-p", sketch.path("texts"))
    schema = ("schema: {type: object, required: [title, score], properties: {title: {type: string, maxLength: 40}, "
              "score: {type: integer, minimum: 1, maximum: 10}}}\n")
    assert sketch.make("texts/a.txt", f"---\n{schema}---\njudge this picture\n", 60) == ["texts/a.out.json"]
    got = json.loads(sketch.bytes("texts/a.out.json"))
    assert isinstance(got["title"], str) and len(got["title"]) <= 40
    assert got["score"] in range(1, 11)


def test_cancelled_film_leaves_nothing(sketch):
    sketch.save("videos/long.txt", "---\nduration: 60\nresolution: 1080p\n---\na long film\n")
    sketch.wait_state("videos/long.txt", "running")
    wait_for(lambda: children(sketch), 60, "ffmpeg at work")
    sketch.ctl("cancel videos/long.txt")
    wait_for(lambda: not children(sketch), 30, "ffmpeg is gone")
    sketch.wait_state("videos/long.txt", "cancelled")
    assert not sketch.exists("videos/long.mp4")


def children(lib):
    """The cages below the daemon and what runs in them: {pid: name}."""
    found, below = {}, {lib.pid}
    for _ in range(3):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parent = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
                name = open(f"/proc/{pid}/comm").read().strip()
            except OSError:
                continue
            if parent in below and int(pid) not in below:
                below.add(int(pid))
                if name in ("ffmpeg", "bwrap"):
                    found[pid] = name
    return found


def names(found):
    return set(found.values())


def test_children_stay_off_the_mount(sketch):
    """While a film is made, no process but the daemon's own opens anything through the mount."""
    sketch.save("videos/a.txt", "---\nduration: 20\n---\na film\n")
    device, seen = os.stat(sketch.mnt).st_dev, 0
    wait_for(lambda: "ffmpeg" in names(children(sketch)), 60, "ffmpeg at work")
    for pid in children(sketch):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # it may just have ended
            for link in [f"/proc/{pid}/cwd", f"/proc/{pid}/root", *(f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd"))]:
                assert os.stat(link).st_dev != device, os.readlink(link)
                seen += 1
    assert seen > 5
    sketch.ctl("cancel videos/a.txt")
    wait_for(lambda: not children(sketch), 30, "ffmpeg is gone")


def test_a_text_may_say_what_it_becomes(sketch):
    """media_type goes before the folder; the same text without it is another request."""
    assert sketch.make("images/rain.txt", "---\nmedia_type: sfx\nduration: 1\nformat: wav\n---\nrain\n", 60) == ["images/rain.wav"]
    assert sketch.make("images/rain2.txt", "rain\n", 60) == ["images/rain2.png"]
    sketch.umount()
    sketch.mount()
    sketch.idle()
    assert sketch.state("images/rain.txt") == "done"
    assert sketch.sidecar("images/rain.wav")["generation_parameters"]["media_type"] == "sfx"
