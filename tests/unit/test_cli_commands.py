"""The command line as a person uses it, without a mount: pictures into files, one pass over a library,
what is said, what is paid, and how it ends."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
from PIL import Image

sys.path.insert(0, os.environ.get("YM_TESTS") or os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fake import FakeGemini  # noqa: E402

YMAGO = os.environ.get("YMAGO")
DONE, ERROR, USAGE, SOME_FAILED, HELD, INTERRUPTED = 0, 1, 2, 3, 4, 130
pytestmark = pytest.mark.skipif(not YMAGO, reason="YMAGO does not name the program")


@pytest.fixture(scope="module")
def server():
    with FakeGemini("--small") as f:
        yield f


class Person:
    """Somebody with a home, a current folder and a key."""

    def __init__(self, tmp_path, server):
        self.server, self.dir, self.home = server, tmp_path / "cwd", tmp_path / "home"
        self.dir.mkdir()
        self.home.mkdir()
        self.library = self.home / ".local/share/ymago"
        (tmp_path / "run").mkdir(mode=0o700)
        (self.home / ".ymago.toml").write_text("[providers.gemini]\nrate_limit = 0\n[budget]\ngrace_usd = 5\n")
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path / "run"),
                    "GEMINI_API_BASE": server.url, "GOOGLE_API_KEY": server.key}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def offline(self):
        """Without key and service: the built-in sketch."""
        del self.env["GEMINI_API_BASE"], self.env["GOOGLE_API_KEY"]
        return self

    def start(self, *args, **more):
        return subprocess.Popen([YMAGO, *map(str, args)], cwd=self.dir, env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def run(self, *args, stdin="", code=DONE):
        p = subprocess.run([YMAGO, *map(str, args)], cwd=self.dir, env=self.env, input=stdin, text=True,
                           capture_output=True, timeout=60)
        assert p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
        return p

    def json(self, *args, code=DONE):
        answer = json.loads(self.run(*args, "--json", code=code).stdout)
        assert answer["exit"] == code and answer["ok"] == (code == DONE)
        return answer

    def jobs(self, *args):
        return self.json("status", *args)["status"]["jobs"]

    def paid(self):
        return self.server.stats(log=False)["paid"]

    def asked(self):
        return self.server.stats(log=False)["generations_asked"]


@pytest.fixture
def me(tmp_path, server):
    server.reset()
    return Person(tmp_path, server)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


# ---- pictures into files ----

def test_a_picture_without_any_key(me):
    p = me.offline().run("image", "A sunset, over mountains!")
    path = me.dir / "a-sunset-over-mountains.png"
    assert p.stdout == f"{path}\n"
    assert Image.open(path).format == "PNG"
    sidecar = json.loads((me.dir / "a-sunset-over-mountains.png.json").read_text())
    assert sidecar["prompt"] == "A sunset, over mountains!"
    assert files(me.dir) == ["a-sunset-over-mountains.png", "a-sunset-over-mountains.png.json"]


def test_the_same_command_is_free(me):
    me.run("image", "a fox", "--seed", 3, "--output-path", "fox.jpg")
    again = me.json("image", "generate", "a fox", "--seed=3", "--output-path", "fox.jpg")
    assert again["results"][0]["written"] is False
    assert me.paid() == me.asked() == 1
    me.run("image", "a fox", "--seed", 3, "--variation", 1, "--output-path", "fox.jpg")
    assert me.paid() == 2
    assert files(me.dir) == ["fox-2.jpg", "fox-2.jpg.json", "fox.jpg", "fox.jpg.json"]


def test_the_name_follows_the_bytes_and_replaces_nothing(me):
    (me.dir / "fox.jpg").write_text("mine")
    p = me.run("image", "a fox", "--output-path", "fox.png")
    assert p.stdout == f"{me.dir}/fox-2.jpg\n"
    assert "no .png" in p.stderr and "left alone" in p.stderr
    assert (me.dir / "fox.jpg").read_text() == "mine"
    assert Image.open(me.dir / "fox-2.jpg").format == "JPEG"


def test_several(me):
    p = me.run("image", "a fox", "--n", 3, "--output-path", "new/folder/")
    assert p.stdout.splitlines() == [f"{me.dir}/new/folder/a-fox{s}.jpg" for s in ("", "-2", "-3")]
    assert me.paid() == 3


def test_a_prompt_from_standard_input(me):
    me.run("image", "-", "--output-path", "x.jpg", stdin="  a fox\nin snow\n")
    assert list(me.server.stats(log=False)["by_prompt"]) == ["a fox\nin snow"]
    me.run("image", "-", stdin=" \n", code=USAGE)
    me.run("image", "-", stdin="a\0b", code=USAGE)


def test_a_reference_from_elsewhere_is_sent_and_kept(me):
    Image.new("RGB", (64, 64), "red").save(me.dir / "red.png")
    me.run("image", "like this", "--from-image", "red.png")
    request = [r for r in me.server.stats()["log"] if "like this" in json.dumps(r)][-1]
    assert "inline" in json.dumps(request).lower()
    kept = files(me.library / "references")
    assert len(kept) == 1 and (me.library / "references" / kept[0]).read_bytes() == (me.dir / "red.png").read_bytes()
    (me.dir / "text.png").write_text("no picture")
    assert "no image" in me.run("image", "like that", "--from-image", "text.png", code=USAGE).stderr
    assert me.paid() == 1


def test_several_references_go_in_their_order(me):
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 64), colour).save(me.dir / f"{colour}.png")
    me.run("image", "like these", "--from-image", "red.png", "--from-image", "blue.png")
    body = [json.dumps(r) for r in me.server.stats()["log"] if "like these" in json.dumps(r)][-1]
    assert body.count("inline_data") + body.count("inlineData") == 2
    assert len(files(me.library / "references")) == 2


def test_the_bytes_on_standard_output(me):
    p = subprocess.run([YMAGO, "image", "a fox", "--output-path", "-"], cwd=me.dir, env=me.env, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    assert p.returncode == DONE and p.stdout.startswith(b"\xff\xd8") and p.stdout.rstrip(b"\n").endswith(b"\xff\xd9")
    assert files(me.dir) == []
    assert "takes one picture" in me.run("image", "a fox", "--output-path", "-", "--n", 2, code=USAGE).stderr
    assert me.paid() == 1


@pytest.mark.parametrize("kind", ["image", "video", "audio", "sfx", "text"])
def test_a_command_for_each_kind(me, kind):
    assert f"ymago {kind} PROMPT" in me.run(kind, "--help").stdout
    assert "is empty" in me.run(kind, " ", code=USAGE).stderr
    assert "in quotes" in me.run(kind, "two", "words", code=USAGE).stderr
    assert "--n is the number" in me.run(kind, "generate", "x", "--n", "none", code=USAGE).stderr
    assert "no option --nonsense" in me.run(kind, "x", "--nonsense", code=USAGE).stderr
    assert me.asked() == 0 and not me.library.exists()


@pytest.mark.parametrize("args, said", [
    (("video", "x", "--duration", "long"), "duration"), (("sfx", "x", "--duration", "0"), "duration"),
    (("text", "x", "--max-tokens", "many"), "max_tokens"), (("audio", "x", "--speed", "9"), "speed"),
    (("video", "x", "--audio", "loud"), "audio"), (("image", "x", "--last-frame", "a.png"), "no option --last-frame"),
    (("image", "x", "--voice", "a"), "no option --voice")])
def test_settings_of_a_kind_are_checked_before_anything_starts(me, args, said):
    assert said in me.run(*args, code=USAGE).stderr
    assert me.asked() == 0 and not me.library.exists()


def test_a_kind_nobody_makes_is_said(me):
    me.env["YMAGO_SFX_MODEL"] = "gemini/gemini-nano-banana-2.1"
    p = me.run("sfx", "a door", code=USAGE)
    assert "makes no sfx" in p.stderr
    assert me.asked() == 0


def test_models(me):
    rows = {f"{m['provider']}/{m['id']}": m for m in me.json("models")["models"]}
    assert rows["gemini/gemini-nano-banana-2.1"]["default_for"][0] == "image"
    assert not me.library.exists()
    me.json("models", "--refresh", "--kind", "image")  # the engine that asks needs a library
    assert me.library.exists() and me.asked() == 0


def test_no_sidecar_when_not_wanted(me):
    me.env["YMAGO_ENABLE_METADATA"] = "false"
    me.run("image", "a fox")
    assert files(me.dir) == ["a-fox.jpg"]


def test_a_folder_that_cannot_be_written_is_found_before_paying(me):
    (me.dir / "file").write_text("")
    me.run("image", "a fox", "--output-path", "file/x.png", code=ERROR)
    assert me.asked() == 0


# ---- how it ends ----

def test_held_then_approved(me):
    held = me.json("image", "a fox", "--max-usd", "0.001", code=HELD)
    job = held["results"][0]["job"]
    assert me.asked() == 0 and held["results"][0]["state"] == "held"
    assert "no amount" in me.run("approve", job, "3,50", code=USAGE).stderr
    me.run("approve", job, "1")
    assert me.asked() == 0  # noted only: nobody works on the library
    me.run("image", "a fox", "--max-usd", "0.001")
    assert me.paid() == 1


@pytest.mark.parametrize("behaviour, code", [
    ({"do": "refuse"}, SOME_FAILED),
    ({"do": "error", "status": 400, "message": "no \u001b[31mred"}, USAGE)])
def test_failures(me, behaviour, code):
    me.server.script([behaviour])
    p = me.run("image", "a fox", code=code)
    assert p.stdout == "" and p.stderr and "\u001b" not in p.stderr
    assert files(me.dir) == []


def test_one_of_two_failed(me):
    me.server.script([{"do": "refuse"}])
    p = me.json("image", "a fox", "--n", 2, code=SOME_FAILED)
    assert sorted(r["state"] for r in p["results"]) == ["done", "failed"]


@pytest.mark.parametrize("key", ["wrong-key-0123456789", None])
def test_without_a_good_key_nothing_stays_behind(me, key):
    me.env.pop("GOOGLE_API_KEY")
    me.env["YMAGO_IMAGE_MODEL"] = "gemini/gemini-nano-banana-2.1"
    if key:
        me.env["GOOGLE_API_KEY"] = key
    assert "Not sent" in me.run("image", "a fox", code=ERROR).stderr
    assert me.jobs()["queued"] == 0
    me.env["GOOGLE_API_KEY"] = me.server.key
    me.run("run", "--library", me.library)
    assert me.paid() == 0
    me.run("image", "a fox")
    assert me.paid() == 1


def test_interrupted_buys_nothing_later(me):
    me.server.script([{"do": "hang", "seconds": 2}])
    (me.home / ".ymago.toml").write_text("[providers.gemini]\nrate_limit = 0\nconcurrency = 1\n")
    p = me.start("image", "a fox", "--n", 3)
    me.server.wait_for(lambda s: s["generations_asked"] == 1)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode == INTERRUPTED, (out, err)
    assert "Interrupted" in err
    jobs = me.jobs()
    assert jobs["queued"] == jobs["running"] == 0
    assert me.asked() == 1  # what was under way was waited for
    me.run("run", "--library", me.library)
    assert me.asked() == 1
    me.run("image", "a fox", "--n", 3)
    assert me.paid() == 3  # the first was kept


def test_a_key_leaves_the_arguments_at_once(me):
    me.env.pop("GOOGLE_API_KEY")
    me.server.script([{"do": "hang", "seconds": 1}])
    p = me.start("image", "a fox", "--api-key", me.server.key)
    me.server.wait_for(lambda s: s["generations_asked"] == 1)
    with open(f"/proc/{p.pid}/cmdline", "rb") as f:
        shown = f.read()
    out, err = p.communicate(timeout=60)
    assert b"--api-key" in shown and me.server.key.encode() not in shown
    assert p.returncode == DONE and "warning: --api-key" in err and me.server.key not in out + err


@pytest.mark.parametrize("args, says", [
    (["iamge", "x"], "did you mean `ymago image`"),
    (["image"], "ymago image PROMPT"),
    (["image", "a", "b"], "quotes"),
    (["image", "a", "--quallity", "high"], "--quality"),
    (["image", "a", "--quality", "best"], "draft"),
    (["image", "a", "--n", "65"], "1 to 64"),
    (["image", "\udcff"], "UTF-8"),
    (["approve"], "approve"),
    (["umount"], "DIR")])
def test_usage(me, args, says):
    p = me.run(*args, code=USAGE)
    assert says in p.stderr and p.stdout == ""
    assert says in me.json(*args, code=USAGE)["error"]
    assert not me.library.exists()


def test_every_command_explains_itself(me):
    listed = me.run("help").stdout.split("Commands:")[1].split("Options of")[0]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
    assert {"mount", "image", "again", "approve", "run", "version"} <= set(names)
    for name in names:
        assert me.run(name, "--help").stdout.startswith(f"ymago {name}")
    script = me.run("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    assert all(n in script for n in names)


# ---- a library ----

@pytest.fixture
def lib(me):
    """A library that exists already, so that new prompts are due."""
    (me.dir / "lib/images").mkdir(parents=True)
    me.run("run", "lib")
    return me.dir / "lib"


def test_run_makes_what_is_due_once(me, lib):
    (lib / "images/fox.txt").write_text("a fox")
    assert me.json("run", "lib")["done"] == 1
    assert files(lib / "images") == ["fox.jpg", "fox.jpg.json", "fox.txt"]
    assert me.json("run", "lib")["done"] == 0
    assert me.paid() == 1


def test_run_tells_failed_and_held(me, lib):
    (lib / "images/bad.txt").write_text("bad")
    me.server.script([{"do": "refuse"}])
    assert me.json("run", "lib", code=SOME_FAILED)["failed"] == 1
    assert me.json("run", "lib")["failed"] == 0  # told once
    (lib / "images/dear.txt").write_text("---\nmax_usd: 0.001\n---\ndear")
    assert me.json("run", "lib", code=HELD)["held"] == 1
    assert me.paid() == 0


def test_verbs_without_an_engine_are_noted_and_looking_is_free(me, lib):
    (lib / "images/fox.txt").write_text("a fox")
    me.run("run", "lib")
    p = me.run("again", "lib/images/fox.txt")
    assert "the next `ymago run`" in p.stderr
    assert me.jobs("lib")["queued"] == 1
    assert "Paused" not in me.run("status", "lib").stdout
    assert me.paid() == 1
    me.run("run", "lib")
    assert me.paid() == 2
    for args in (["pause"], ["wait"]):
        assert "Nobody works on" in me.run(*args, "--library", "lib", code=ERROR).stderr


def test_names_of_operands(me, lib):
    (lib / "images/fox.txt").write_text("a fox")
    me.run("run", "lib")
    (me.dir / "link").symlink_to(lib)
    for name in (lib / "images/fox.txt", "lib/images/../images/fox.jpg", "link/images/fox.txt"):
        me.run("cancel", name, code=USAGE)  # known, but nothing to cancel; or refused in words
        assert "Nothing is known" not in me.run("cancel", name, code=USAGE).stderr
    me.run("retry", "images/fox.txt", "--library", "lib")
    assert "Nothing is known" in me.run("again", "lib/images/other.txt", code=USAGE).stderr
    assert "is not in the library" in me.run("again", "/etc/passwd", "--library", "lib", code=USAGE).stderr
    me.dir = lib / "images"
    me.run("again", "fox.txt")
    assert "is not in the library" in me.run("again", "../../fox.txt", code=USAGE).stderr


def test_two_at_once_share_one_engine(me):
    me.server.script([{"do": "hang", "seconds": 2, "match": "slow"}])
    first = me.start("image", "a slow fox")
    me.server.wait_for(lambda s: s["generations_asked"] == 1)
    me.run("image", "a quick fox")
    assert first.poll() is None  # the second did not wait for the first
    assert me.json("status")["working"] is True
    first.communicate(timeout=60)
    assert first.returncode == DONE
    assert files(me.dir) == ["a-quick-fox.jpg", "a-quick-fox.jpg.json", "a-slow-fox.jpg", "a-slow-fox.jpg.json"]
    assert me.paid() == 2


def test_the_engine_that_dies_is_told(me):
    me.server.script([{"do": "hang", "seconds": 5, "match": "slow"}, {"do": "hang", "seconds": 5, "match": "quick"}])
    first = me.start("image", "a slow fox")
    me.server.wait_for(lambda s: s["generations_asked"] == 1)
    second = me.start("image", "a quick fox")
    me.server.wait_for(lambda s: s["generations_asked"] == 2)
    first.kill()
    first.communicate()
    out, err = second.communicate(timeout=60)
    assert second.returncode == ERROR and "run the command again" in err, (out, err)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_a_library_of_somebody_else_is_not_taken_by_looking_upwards(me):
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        os.mkdir(name + "/.ymago")
        me.dir = pathlib.Path(name)
        me.env["HOME"] = "/nonexistent"
        try:
            p = me.start("status", user=65534, group=65534, extra_groups=[])
        except PermissionError:
            pytest.skip("others cannot run the program where it lies")
        _, err = p.communicate(timeout=60)
    assert p.returncode == USAGE and "belongs to somebody else" in err


def test_names_cannot_steer_the_terminal(me):
    (me.dir / "li\x1b[31mb/images").mkdir(parents=True)
    me.run("run", "li\x1b[31mb")
    p = me.run("status", "li\x1b[31mb")
    assert "Nobody works on" in p.stderr and "\x1b" not in p.stdout + p.stderr and "\\x1B" in p.stderr
    assert "\x1b" not in me.run("again", "li\x1b[31mb/no\x1b.txt", code=USAGE).stderr


# ---- settings ----

def test_config_says_where_values_come_from(me):
    me.env["YMAGO_IMAGE_MODEL"] = "gemini/some-model"
    text = me.run("config").stdout
    assert "some-model" in text and "YMAGO_IMAGE_MODEL" in text
    assert me.server.key not in text and "(set)" in text
    (me.dir / "bad.toml").write_text("[mount]\nsetle_ms = 1\n")
    assert "settle_ms" in me.run("config", "--config", "bad.toml", code=USAGE).stderr


def test_version(me):
    assert me.json("version")["version"] in me.run("--version").stdout
    assert me.run("version").stdout.startswith("ymago ")
