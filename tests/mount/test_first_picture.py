"""Mount a folder, write a prompt, a picture appears: whole, once, with its sidecar, as a real event."""
import io
import json
import os
import stat

import pytest
from PIL import Image

from rig import Watch, run, wait_for

SIDECAR = ["prompt", "negative_prompt", "model_name", "seed", "timestamp_utc", "source_image_url", "aspect_ratio",
           "generation_parameters"]
PARAMETERS = ["media_type", "quality", "generation_time_seconds", "file_size_bytes"]
OURS = ["schema", "id", "version", "source_hash", "request_hash", "variation", "b2", "mime", "width", "height",
        "provider", "model", "attempts", "queued_at", "started_at", "finished_at", "cost_usd", "cost_is_estimate",
        "params", "references", "prompt_file", "c2pa"]


@pytest.fixture(params=["sketch", "gemini"])
def any_lib(request, libraries):
    """A mounted library, drawn by the built-in sketch or by (a fake of) Gemini."""
    fake = request.getfixturevalue("fake") if request.param == "gemini" else None
    lib = libraries(fake=fake)
    lib.mount()
    lib.ext = "jpg" if fake else "png"
    return lib


def test_mounted_says_what_new_prompts_use(libraries, fake):
    said = libraries(fake=fake).mount()
    assert "gemini-nano-banana-2.1" in said and "$10" in said
    said = libraries().mount()
    assert "sketch, free" in said


def test_folders_of_the_first_mount(sketch):
    names = set(os.listdir(sketch.mnt))
    assert {"images", "videos", "audio", "batches", "cost", "README.md", "STATUS.txt"} <= names
    assert ".ymago" not in names
    assert sketch.path(".ymago").is_dir()


def test_picture_and_sidecar(any_lib):
    assert any_lib.make("images/sunset.txt", "a sunset over mountains\n") == [f"images/sunset.{any_lib.ext}"]
    picture = any_lib.bytes(f"images/sunset.{any_lib.ext}")
    image = Image.open(io.BytesIO(picture))
    image.load()
    assert image.format == {"png": "PNG", "jpg": "JPEG"}[any_lib.ext]
    side = any_lib.sidecar(f"images/sunset.{any_lib.ext}")
    assert [k for k in SIDECAR if k not in side] == []
    assert [k for k in PARAMETERS if k not in side["generation_parameters"]] == []
    assert [k for k in OURS if k not in side["ymago"]] == []
    assert side["prompt"] == "a sunset over mountains"
    assert side["seed"] == -1
    assert side["generation_parameters"]["media_type"] == "image"
    assert side["generation_parameters"]["file_size_bytes"] == len(picture)
    assert (side["ymago"]["width"], side["ymago"]["height"]) == image.size
    assert side["ymago"]["prompt_file"] == "sunset.txt"
    assert side["timestamp_utc"].endswith("Z")


def test_digest_in_the_sidecar_is_of_the_bytes(any_lib):
    [name] = any_lib.make("images/sunset.txt", "a sunset")
    import hashlib
    digest = hashlib.blake2b(any_lib.bytes(name), digest_size=32).hexdigest()
    assert any_lib.sidecar(name)["ymago"]["b2"].split(":")[-1] == digest


def test_one_event_for_the_picture_and_the_sidecar_first(any_lib):
    picture = f"sunset.{any_lib.ext}"
    with Watch(any_lib.path("images")) as w:
        any_lib.make("images/sunset.txt", "a sunset over mountains")
        wait_for(lambda: w.of(picture), what=lambda: w.seen)
        any_lib.idle()
        w.poll()
    assert w.of(picture) == ["MOVED_TO"]
    assert w.of(picture + ".json") == ["MOVED_TO"]
    order = w.names("MOVED_TO")
    assert order.index(picture + ".json") < order.index(picture)
    assert [n for e, n in w.seen if n not in ("sunset.txt", picture, picture + ".json")] == []


def test_replacement_is_one_event_too(any_lib):
    any_lib.make("images/sunset.txt", "a sunset over mountains")
    picture = f"sunset.{any_lib.ext}"
    before = any_lib.bytes("images/" + picture)
    with Watch(any_lib.path("images")) as w:
        any_lib.make("images/sunset.txt", "a sunrise over the sea")
        assert any_lib.bytes("images/" + picture) != before
        any_lib.idle()
        w.poll()
    assert w.of(picture) == ["MOVED_TO"]
    assert w.of(picture + ".json") == ["MOVED_TO"]
    assert any_lib.sidecar("images/" + picture)["prompt"] == "a sunrise over the sea"
    assert any_lib.bytes(f".ymago/history/images/{picture}/0001.{any_lib.ext}") == before \
        if any_lib.exists(".ymago/history") else True


def test_nothing_torn_is_ever_seen(libraries, fake):
    """Whoever looks while the answer drips in sees no file or the whole one."""
    fake.script([{"do": "drip", "chunk": 200, "seconds": 0.005}])
    lib = libraries(fake=fake)
    lib.mount()
    lib.save("images/slow.txt", "a slow river")
    sizes, listed = set(), []

    def look():
        try:
            sizes.add(os.stat(lib.path("images/slow.jpg")).st_size)
        except FileNotFoundError:
            listed.append(frozenset(os.listdir(lib.path("images"))))
        return sizes
    wait_for(look)
    assert lib.wait("images/slow.txt") == ["images/slow.jpg"]
    side = lib.sidecar("images/slow.jpg")
    assert sizes == {side["generation_parameters"]["file_size_bytes"]}
    assert len(listed) > 5, "nobody looked while it came"
    allowed = {"slow.txt", "slow.jpg.json", "slow.working.log"}
    assert all(names <= allowed for names in listed), set().union(*listed) - allowed


def test_modes_and_times(any_lib):
    [name] = any_lib.make("images/sunset.txt", "a sunset")
    for file in (name, name + ".json"):
        st = os.stat(any_lib.path(file))
        assert stat.S_ISREG(st.st_mode) and st.st_nlink == 1
        assert stat.S_IMODE(st.st_mode) & 0o600 == 0o600
        assert stat.S_IMODE(st.st_mode) & 0o133 == 0, oct(st.st_mode)
        assert (st.st_uid, st.st_gid) == (os.getuid(), os.getgid())
    prompt = os.stat(any_lib.path("images/sunset.txt"))
    assert os.stat(any_lib.path(name)).st_mtime_ns >= prompt.st_mtime_ns


def test_result_is_as_private_as_its_prompt(any_lib):
    any_lib.sh('umask 077; echo "a secret garden" >images/secret.txt')
    [name] = any_lib.wait("images/secret.txt")
    assert stat.S_IMODE(os.stat(any_lib.path(name)).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(any_lib.path(name + ".json")).st_mode) == 0o600


def test_xattrs(any_lib):
    any_lib.make("images/sunset.txt", "---\nseed: 7\ntags: [sea, evening]\n---\na sunset")
    name = f"images/sunset.{any_lib.ext}"
    assert any_lib.state("images/sunset.txt") == "done"
    assert any_lib.state(name) == "done"
    assert any_lib.ask(name, "model") == any_lib.sidecar(name)["ymago"]["model"]
    assert any_lib.ask("images/sunset.txt", "seed") == "7"
    assert any_lib.ask("images/sunset.txt", "cost_usd") is not None
    assert any_lib.ask("images/sunset.txt", "hash")
    assert any_lib.ask("images/sunset.txt", "error") is None
    mime = os.getxattr(any_lib.path(name), "user.mime_type").decode()
    assert mime == {"png": "image/png", "jpg": "image/jpeg"}[any_lib.ext]
    assert os.getxattr(any_lib.path(name), "user.xdg.comment").decode() == "a sunset"
    assert os.getxattr(any_lib.path(name), "user.xdg.tags").decode() == "sea,evening"
    listed = os.listxattr(any_lib.path(name)) + os.listxattr(any_lib.path("images/sunset.txt"))
    assert [x for x in listed if x.startswith("user.ymago.")] == []


def test_a_text_in_any_encoding_of_paths(any_lib):
    """Spaces, accents, quotes: names and texts are the user's."""
    [name] = any_lib.make("images/Größe & 'Weite' 1.txt", "Über den Wolken – 雲の上 ☁")
    assert name == f"images/Größe & 'Weite' 1.{any_lib.ext}"
    assert any_lib.sidecar(name)["prompt"] == "Über den Wolken – 雲の上 ☁"


def test_folders_below_and_other_extensions(any_lib):
    any_lib.sh("mkdir -p images/trip/day1")
    assert any_lib.make("images/trip/day1/a.md", "a tram") == [f"images/trip/day1/a.{any_lib.ext}"]
    assert any_lib.make("images/b.prompt", "a bus") == [f"images/b.{any_lib.ext}"]


def test_plain_folder_after_unmounting(any_lib):
    [name] = any_lib.make("images/sunset.txt", "a sunset over mountains")
    picture = any_lib.bytes(name)
    side = any_lib.bytes(name + ".json")
    any_lib.umount()
    assert (any_lib.dir / name).read_bytes() == picture
    assert (any_lib.dir / (name + ".json")).read_bytes() == side
    assert json.loads(side)["prompt"] == "a sunset over mountains"
    assert (any_lib.dir / "images/sunset.txt").read_text() == "a sunset over mountains\n"[:-1]
    assert sorted(os.listdir(any_lib.dir / "images")) == sorted(
        ["sunset.txt", os.path.basename(name), os.path.basename(name) + ".json"])
    assert (any_lib.dir / ".ymago/.gitignore").read_text().strip() == "*"
    assert (any_lib.dir / ".ymago/CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    assert stat.S_IMODE(os.stat(any_lib.dir / ".ymago").st_mode) == 0o700
    assert not (any_lib.dir / "README.md").exists()


def test_library_apart_from_the_mount_point(libraries, fake):
    lib = libraries(fake=fake, apart=True)
    lib.mount()
    assert lib.make("images/a.txt", "an owl") == ["images/a.jpg"]
    assert (lib.dir / "images/a.jpg").read_bytes() == lib.bytes("images/a.jpg")


def test_exactly_one_request(mount, fake):
    mount.make("images/sunset.txt", "a sunset over mountains\n")
    mount.idle()
    stats = fake.stats()
    assert stats["generations_asked"] == stats["paid"] == 1
    assert stats["by_prompt"] == {"a sunset over mountains": 1}
    [entry] = [x for x in stats["log"] if x["prompt"]]
    assert entry["path"] == "/v1beta/models/gemini-nano-banana-2.1:generateContent"
    headers = {k.lower(): v for k, v in entry["headers"]}
    assert headers["x-goog-api-key"] == "(right key)"
    assert headers["content-type"].split(";")[0] == "application/json"
    assert stats["key_in_url"] == stats["wrong_key"] == 0


def test_cost_is_settled_from_the_answer(mount):
    [name] = mount.make("images/sunset.txt", "a sunset")
    side = mount.sidecar(name)["ymago"]
    assert 0 < side["cost_usd"] < 1
    spent = mount.idle()["spend"]["today_usd"]
    assert abs(spent - side["cost_usd"]) < 1e-9
    assert abs(float(mount.ask(name, "cost_usd")) - side["cost_usd"]) < 1e-6


def test_the_sketch_is_deterministic(libraries):
    pictures = []
    for _ in range(2):
        lib = libraries()
        lib.mount()
        [name] = lib.make("images/a.txt", "---\nseed: 5\n---\nmountains at night")
        pictures.append(lib.bytes(name))
    assert pictures[0] == pictures[1]


def test_several_prompts_at_once(any_lib):
    any_lib.sh('for i in 1 2 3 4 5 6 7 8; do sh -c "echo picture $i >images/p$i.txt"; done')
    for i in range(1, 9):
        assert any_lib.wait(f"images/p{i}.txt", 60) == [f"images/p{i}.{any_lib.ext}"]
        assert any_lib.sidecar(f"images/p{i}.{any_lib.ext}")["prompt"] == f"picture {i}"


def test_the_prompt_on_standard_input_of_tee_and_of_a_subshell(any_lib):
    """Several flushes, one release: one picture."""
    any_lib.sh('( echo "a red"; echo "bicycle" ) >images/two.txt; echo "a tree" | tee images/tee.txt')
    assert any_lib.wait("images/two.txt") == [f"images/two.{any_lib.ext}"]
    assert any_lib.sidecar(f"images/two.{any_lib.ext}")["prompt"] == "a red\nbicycle"
    any_lib.wait("images/tee.txt")
    if any_lib.fake:
        any_lib.idle()
        assert any_lib.fake.stats()["by_prompt"] == {"a red\nbicycle": 1, "a tree": 1}


def test_file_command_and_image_tools_agree(sketch):
    [name] = sketch.make("images/a.txt", "a forest")
    out = run("head", "-c", "8", sketch.path(name), text=False).stdout
    assert out == b"\x89PNG\r\n\x1a\n"
