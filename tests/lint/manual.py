#!/usr/bin/python3
"""Every command, option, setting, variable and key of a prompt that the program knows stands in its
manual page. Usage: manual.py SOURCE_ROOT PAGE"""
import re
import sys
from pathlib import Path


def rows(path, pattern, least):
    """What the pattern finds in a table; fewer than `least` means that the table looks different now."""
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.M)
    if len(found) < least:
        sys.exit(f"{path}: only {len(found)} rows were found; teach this check how the table looks")
    return found


def text_of(page):
    """The page as a reader sees it, near enough: without font changes and escapes."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"\\f[BIRP]", "", text)
    return text.replace("\\-", "-").replace("\\&", "").replace("\\(ti", "~").replace("\\e", "\\")


def wanted(root):
    src = root / "src"
    table = src / "cli" / "table.c"
    yield from ((f"--{n}", r"(?<![\w-])%s(?![\w-])") for n in rows(table, r'^    \{"([\w-]+)",\s+(?:0|\'.\'),', 15))
    yield from ((f"-{c}", r"(?<![\w-])%s(?![\w-])") for c in rows(table, r"^    \{(?:\"[\w-]+\"|NULL),\s+'(.)',\s+(?:NULL|\"[^\"]+\"),\s+\"(?!taken)", 4))
    yield from ((f"ymago {n}", r"^\.SS %s\b") for n in rows(table, r'^    \{"([a-z]+)", "[^"]*", -?\d', 8))
    yield from ((f"ymago {n}", r"^\.SS %s\b") for n in rows(src / "service" / "verbs.c", r'^    \{\{"(\w+)",\s+"[^"]*",\s+true', 5))
    options = src / "config" / "options.c"
    yield from ((key, r"^\.B %s$") for key in rows(options, r'^    \{ "[\w.]+\.(\w+)", OPT_', 40))
    yield from ((var, r"(?<!\w)%s(?!\w)") for var in rows(options, r'^    \{ "([A-Z][A-Z0-9_]+)", "', 20))
    for driver in sorted((src / "providers").rglob("*.c")):
        yield from ((var, r"(?<!\w)%s(?!\w)") for var in rows(driver, r'^    \.(?:key_env|key_env_more|base_env) = "(\w+)"', 0))
    yield from ((f, r"^\.B %s\b") for f in rows(src / "config" / "fields.c", r'^    \{ "(\w+)", (?:NULL|A\()', 30))
    yield from ((p, r"(?<!\w)%s(?!\w)") for p in
                rows(src / "fs" / "virtual" / "tree.c", r'^    \{"(?:\.ymago/jobs/\*/)?([\w./]+)",\s+VIRT_(?!OVERLAY|STAGING|JOBS)', 15))


def main(root, page):
    text = text_of(page)
    missing = sorted({word for word, pattern in wanted(root)
                      if not re.search(pattern % re.escape(word), text, re.M)})
    print("\n".join(f"{page.name}: nothing is said of {m}" for m in missing) or "the manual knows everything")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
