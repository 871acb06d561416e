"""The programs people use: the tree is as on any file system, and each final text is made exactly once.

Every case has a folder of its own in one mounted library, and all run at the same time; what they leave is
compared with the same commands in a plain folder, what they cost with the service's own count.
"""
import concurrent.futures
import os
import re
import shutil
import stat
import subprocess

import pytest

from fake import FakeGemini
from rig import Library

PIECES = """
import sys, time
for word in sys.argv[2:]:
    with open(sys.argv[1], "a") as f:
        f.write(word)
    time.sleep(0.1)
"""
SLOW_PIECES = """
import sys, time
with open(sys.argv[1], "w", buffering=1) as f:
    for word in sys.argv[2:]:
        f.write(word)
        f.flush()
        time.sleep(0.1)
"""
ATOMIC = """
import os, sys
with open(sys.argv[1] + ".tmp", "w") as f:
    f.write(sys.argv[2])
    f.flush()
    os.fsync(f.fileno())
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
os.fsync(os.open(os.path.dirname(os.path.abspath(sys.argv[1])), os.O_RDONLY))
"""
MAPPED = """
import mmap, sys
with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    at = m.find(sys.argv[2].encode())
    m[at:at + len(sys.argv[3])] = sys.argv[3].encode()
    m.flush()
"""
EXCHANGE = """
import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
if c.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2):
    raise OSError(ctypes.get_errno(), "renameat2")
"""
GIO_LIKE = """
import os, sys
name, tmp = sys.argv[1], ".goutputstream-ABC123"
old = os.open(name, os.O_RDWR)            # GLib opens the old file first
with open(tmp, "w") as f:
    f.write(sys.argv[2])
    f.flush()
    os.fsync(f.fileno())
    os.rename(tmp, name)
os.close(old)                             # and its flush comes after the rename
os.chmod(name, 0o640)
os.utime(name)
os.setxattr(name, "user.note", b"x")
"""

SIDE_FILES = [".a.txt.swp", ".a.txt.swx", "4913", "a.txt~", ".goutputstream-X1Y2Z3", "#a.txt#", "a.tmp", "a.txt.part",
              "a.txt.bak", "a.txt.orig", "a.txt.crdownload", ".~lock.a.txt#", "_a.txt", "README.txt", "sedAb12Cd",
              ".hidden/a.txt", "a.c", "a"]

# name: (what is done first, what is done after that is made, texts that must be made once each).
# Y is the case's name, part of each text; W waits for what is made so far.
CASES = {
    "redirect": ('echo "$Y one" >a.txt', "", ["one"]),
    "redirected subshell": ('(echo "$Y one"; true; echo two; cat /dev/null; printf three) >a.txt', "",
                            ["one\ntwo\nthree"]),
    "here document": ('cat >a.txt <<EOF\n$Y one\nand two\nEOF', "", ["one\nand two"]),
    "tee": ('echo "$Y one" | tee a.txt b.txt >/dev/null', "", ["one"]),
    "append": ('echo "$Y one" >a.txt', 'echo two >>a.txt', ["one", "one\ntwo"]),
    "append in pieces": ('python3 "$T/pieces.py" a.txt "$Y" " one" " two" " three"', "", ["one two three"]),
    "one slow writer": ('python3 "$T/slow_pieces.py" a.txt "$Y" " one" " two" " three" " four"', "",
                        ["one two three four"]),
    "truncate and write": ('echo "$Y one" >a.txt', 'truncate -s 0 a.txt; printf "$Y two" >>a.txt', ["one", "two"]),
    "written over in place": ('echo "$Y one" >a.txt', 'printf "$Y two" | dd of=a.txt conv=notrunc status=none',
                              ["one", "two"]),
    "sed -i": ('echo "$Y one" >a.txt', "sed -i s/one/two/ a.txt", ["one", "two"]),
    "cp over": ('echo "$Y one" >a.txt; echo "$Y two" >"$T/$Y.b"', 'cp "$T/$Y.b" a.txt', ["one", "two"]),
    "cp within": ('echo "$Y one" >a.txt', "cp a.txt b.txt; mkdir d; cp -p a.txt d/a.txt", ["one"]),
    "mv over": ('echo "$Y one" >a.txt; echo "$Y two" >b.c', "mv b.c a.txt", ["one", "two"]),
    "mv in": ('echo "$Y one" >"$T/$Y.m"; mv "$T/$Y.m" a.txt', "", ["one"]),
    "exchange": ('echo "$Y one" >a.txt; echo "$Y two" >b.c', 'python3 "$T/exchange.py" a.txt b.c', ["one", "two"]),
    "install": ('echo "$Y one" >"$T/$Y.i"; install -m 640 "$T/$Y.i" a.txt', 'install -m 640 "$T/$Y.i" a.txt', ["one"]),
    "atomic save": ('python3 "$T/atomic.py" a.txt "$Y one"', 'python3 "$T/atomic.py" a.txt "$Y two"', ["one", "two"]),
    "as GLib saves": ('echo "$Y one" >a.txt', 'python3 "$T/gio_like.py" a.txt "$Y two"', ["one", "two"]),
    "mmap": ('echo "$Y one" >a.txt', 'python3 "$T/mapped.py" a.txt one two', ["one", "two"]),
    "rsync": ('mkdir "$T/$Y"; echo "$Y one" >"$T/$Y/a.txt"; echo "$Y 2" >"$T/$Y/b.txt"; rsync -a "$T/$Y/" .',
              'echo "$Y three" >"$T/$Y/a.txt"; rsync -a "$T/$Y/" .; rsync -ac "$T/$Y/" .', ["one", "2", "three"]),
    "rsync --inplace": ('mkdir "$T/$Y"; echo "$Y one" >"$T/$Y/a.txt"; rsync -a --inplace "$T/$Y/" .',
                        'echo "$Y three" >"$T/$Y/a.txt"; rsync -a --inplace "$T/$Y/" .', ["one", "three"]),
    "tar": ('mkdir "$T/$Y"; echo "$Y one" >"$T/$Y/a.txt"; echo "$Y 2" >"$T/$Y/b.txt"; tar cf "$T/$Y.tar" -C "$T/$Y" .;'
            'tar xf "$T/$Y.tar"', 'tar xf "$T/$Y.tar"', ["one", "2"]),
    "unzip": ('mkdir "$T/$Y"; echo "$Y one" >"$T/$Y/a.txt"; echo "$Y 2" >"$T/$Y/b.txt"; (cd "$T/$Y"; zip -qr "$T/$Y.zip" .);'
              'unzip -q "$T/$Y.zip"', 'unzip -qo "$T/$Y.zip"', ["one", "2"]),
    "vim": ('vim -es -u NONE -c "set backup writebackup" -c "normal i$Y one" -c wq a.txt',
            'vim -es -u NONE -c "set backup writebackup" -c "%s/one/two/" -c wq a.txt', ["one", "two"]),
    "vim in place": ('vim -es -u NONE -c "set backupcopy=yes" -c "normal i$Y one" -c wq a.txt',
                     'vim -es -u NONE -c "set backupcopy=yes" -c "%s/one/two/" -c wq a.txt', ["one", "two"]),
    "git": ('git init -q -b main .; printf "*.jpg*\\n" >.gitignore; echo "$Y one" >a.txt; git add .; git commit -qm one;'
            'git checkout -qb other; echo "$Y two" >a.txt; git commit -qam two; W',
            "git checkout -q main; sleep 0.3; git checkout -q -; git checkout -q main; git checkout -q other; git status -s",
            ["two"]),
    "git clone": ('git init -q -b main "$T/$Y"; (cd "$T/$Y"; echo "$Y one" >a.txt; git add .; git commit -qm one);'
                  'git clone -q "$T/$Y" c', "git -C c checkout -q HEAD~0; git -C c reset -q --hard", ["one"]),
    "hard link": ('echo "$Y one" >a.txt', "ln a.txt b.txt", ["one"]),
    "hard link at once": ('echo "$Y one" >a.txt; ln a.txt b.txt', "", ["one"]),
    "symbolic link": ('echo "$Y one" >a.c; ln -s a.c b.txt; ln -s /etc/hostname c.txt; ln -s nothing d.txt', "", []),
    "side files": ("".join(f'mkdir -p .hidden; echo "$Y {n}" >"{n}"; ' for n in SIDE_FILES), "", []),
    "emacs lock": ('echo "$Y one" >a.txt; ln -s me@host.1:2 .#a.txt', 'rm .#a.txt; echo x >"#a.txt#"; rm "#a.txt#"',
                   ["one"]),
    "moved about": ('echo "$Y one" >a.txt', "mv a.txt b.txt; mkdir d; mv b.txt d/; mv d e; mv e/b.txt a.txt", ["one"]),
    "saved again": ('echo "$Y one" >a.txt', 'echo "$Y one" >a.txt; touch a.txt; cp a.txt "$T/$Y.r"; rm a.txt;'
                    'cp "$T/$Y.r" a.txt', ["one"]),
    "mode, times, attributes": ('echo "$Y one" >a.txt; chmod 640 a.txt; touch -d 2020-01-01 a.txt;'
                                "setfattr -n user.note -v x a.txt", "chmod 600 a.txt; setfattr -x user.note a.txt",
                                ["one"]),
    "out and in": ('mkdir o; echo "$Y one" >o/a.txt; echo "$Y 2" >o/b.txt; W; cp -a o "$T/$Y.o"',
                   'cp -a "$T/$Y.o" i; cp -r o j; rm -r o; cp -a "$T/$Y.o" o', ["one", "2"]),
}
NEEDS = {"vim": "vim", "vim in place": "vim", "git": "git", "git clone": "git", "unzip": "unzip", "tar": "tar",
         "rsync": "rsync", "rsync --inplace": "rsync", "mode, times, attributes": "setfattr"}
ONLY = [n for n in os.environ.get("YMAGO_CASES", "").split(",") if n]  # to look at a few
NAMES = [n for n in CASES if not ONLY or n in ONLY]


def missing(case):
    return case in NEEDS and not shutil.which(NEEDS[case])


def word(case):
    return re.sub(r"\W+", "-", case)


def perform(script, folder, case, tmp, lib):
    """One half of a case, in its folder, as a shell runs it."""
    waiting = "W() { :; }\n"
    if lib:
        waiting = 'W() { for p in $(find . -name "*.txt" -type f); do cat "$M/.ymago/wait/images/$Y/$p" >/dev/null; done; }\n'
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp), "LC_ALL": "C.UTF-8", "Y": word(case), "T": str(tmp),
           "M": str(lib.mnt) if lib else "", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t",
           "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    return subprocess.run(["sh", "-ec", waiting + script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=80, text=True)


def tools(tmp):
    tmp.mkdir()
    for name, text in (("pieces", PIECES), ("slow_pieces", SLOW_PIECES), ("atomic", ATOMIC), ("mapped", MAPPED),
                       ("exchange", EXCHANGE), ("gio_like", GIO_LIKE)):
        (tmp / f"{name}.py").write_text(text)
    return tmp


def everywhere(script_of, root, tmp, lib=None):
    """The same half of all cases at once; returns what each said, if it failed."""
    def one(case):
        folder = root / word(case)
        folder.mkdir(exist_ok=True)
        done = perform(script_of(case), folder, case, tmp, lib)
        return case, None if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}"
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return {case: problem for case, problem in pool.map(one, [c for c in NAMES if not missing(c)]) if problem}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All cases, done in a library and in a plain folder."""
    base = tmp_path_factory.mktemp("programs")
    (base / "plain").mkdir()
    with FakeGemini("--small") as fake, Library(fake=fake, tables={"mount": {"settle_ms": 300}}) as lib:
        lib.mount()
        lib.sh("printf 'per_job_usd = 2\\ndaily_usd = 100\\nbatch_auto_usd = 100\\nbulk_count = 1000\\n' >cost/budget.toml")
        problems = {}
        tmp, plain = tools(base / "t1"), tools(base / "t2")
        for half in (0, 1):
            problems |= everywhere(lambda c: CASES[c][half], lib.path("images"), tmp, lib)
            problems |= everywhere(lambda c: CASES[c][half], base / "plain", plain)
            try:
                lib.idle(seconds=20)
            except AssertionError as e:  # the cases that never end fail by themselves
                print(e)
        lib.plain, lib.problems, lib.counted = base / "plain", problems, fake.stats()
        yield lib


def tree(root):
    """{name: what it is} without .git's inside, results and their companions."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f != ".git"]
        for name in folders + names:
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, root)
            if re.search(r"\.jpg(\.json)?$", name):
                continue
            st = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(st.st_mode) else None
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what = f.read()
            found[rel] = (stat.filemode(st.st_mode), what, st.st_nlink if stat.S_ISREG(st.st_mode) else 0)
    return found


@pytest.mark.parametrize("case", NAMES)
def test_program(world, case):
    if missing(case):
        pytest.skip(f"{NEEDS[case]} is not installed")
    assert case not in world.problems, world.problems[case]
    y, folder = word(case), world.path("images") / word(case)
    # The tree is what the same commands leave in a plain folder.
    assert tree(folder) == tree(world.plain / y)
    unsettled = [p for p in folder.rglob("*") if world.state(str(p.relative_to(world.mnt))) == "settling"]
    assert not unsettled
    # Each final text was asked for exactly once, and nothing else.
    asked = {p: n for p, n in world.counted["by_prompt"].items() if p.startswith(y + " ") or p == y}
    assert asked == {f"{y} {text}": 1 for text in CASES[case][2]}
    # Every prompt's picture is of the text that it has now.
    if CASES[case][2]:
        prompts = [p for p in folder.rglob("*.txt") if re.fullmatch(r"[a-z]\.txt", p.name) and p.is_file()]
        assert prompts
        for p in prompts:
            rel = str(p.relative_to(world.mnt))
            assert world.state(rel) == "done", (rel, world.state(rel), world.ask(rel, "error"))
            results = world.wait(rel)
            assert results, rel
            assert world.sidecar(results[0])["prompt"] == p.read_text().strip()


def test_all_came_to_rest(world):
    world.idle(seconds=5)
