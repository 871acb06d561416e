#!/usr/bin/python3
"""Words that do not belong into finished text: marks of unfinished work, and paths of the machine a
change was made on. Usage: words.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

FOLDERS = ("src", "include", "tests", "contrib")
FILES = ("meson.build", "meson_options.txt", "README.md")
# Written in two halves, so that this file passes itself.
WORDS = {
    "a mark of unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"),
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:wo" r"rk|ro" r"ot)/[\w.]"),
}


def text_files(root):
    yield from (root / f for f in FILES if (root / f).is_file())
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and "corpus" not in parts and "__pycache__" not in parts:
                yield path


def main(root):
    bad = []
    for path in text_files(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or another binary
        for number, line in enumerate(lines, 1):
            bad += [f"{path.relative_to(root)}:{number}: {what}: {found.group()}"
                    for what, word in WORDS.items() if (found := word.search(line))]
    print("\n".join(bad) or "no such word")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
