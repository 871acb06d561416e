#!/usr/bin/python3
"""Nothing lies about unbuilt: every source file is in its room's meson.build, every test and fuzz
target in its list (which is sorted), every room in src/meson.build. Usage: registered.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path


def listed(meson, start):
    """The first string of each row of the list that begins with `start`."""
    text = meson.read_text(encoding="utf-8")
    body = text[text.index(start) + len(start):]
    return re.findall(r"^\s*\[?'([\w.]+)'", body[:body.index("\n]")], re.M)


def compare(what, files, rows):
    yield from (f"{what}: {name} is not listed" for name in sorted(set(files) - set(rows)))
    yield from (f"{what}: {name} is listed, but is not there" for name in sorted(set(rows) - set(files)))
    yield from (f"{what}: {name} is listed twice" for name in sorted({r for r in rows if rows.count(r) > 1}))
    if rows != sorted(rows):
        yield f"{what}: the list is not sorted"


def main(root):
    unit, fuzz, src = root / "tests" / "unit", root / "tests" / "fuzz", root / "src"
    bad = list(compare("tests/unit/meson.build", [p.stem[5:] for p in unit.glob("test_*.c")],
                       listed(unit / "meson.build", "unit_tests = [")))
    targets = [p.stem[5:] for p in fuzz.glob("fuzz_*.c") if p.stem != "fuzz_main"]
    bad += compare("tests/fuzz/meson.build", targets, listed(fuzz / "meson.build", "fuzz_targets = ["))
    bad += [f"tests/fuzz/corpus/{t}: no file to replay" for t in targets
            if not any((fuzz / "corpus" / t).glob("[!.]*"))]
    for suite in ("mount", "fault"):
        build = root / "tests" / suite / "meson.build"
        if build.is_file():
            bad += compare(f"tests/{suite}/meson.build", [p.stem[5:] for p in build.parent.glob("test_*.py")],
                           listed(build, f"{suite}_tests = ["))
    rooms = listed(src / "meson.build", "rooms = [") + ["main"]
    for room in sorted(p for p in src.iterdir() if p.is_dir()):
        if room.name not in rooms:
            bad.append(f"src/meson.build: {room.name} is not listed")
        build = room / "meson.build"
        names = re.findall(r"'([\w./-]+\.cc?)'", build.read_text("utf-8")) if build.is_file() else []
        files = sorted(p.relative_to(room).as_posix() for p in room.rglob("*.c*"))
        bad += [f"src/{room.name}/meson.build: {name} is not listed"
                for name in files if name not in names]
    print("\n".join(bad) or "everything is built and run")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
