#!/usr/bin/python3
"""The house: a file includes its own room's private headers (never by "..") and <ymago/X.h> of rooms of
lower rank only; rooms of equal rank never see each other. Usage: layers.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

RANKS = {
    "base": 0,
    "formats": 1, "net": 1, "store": 1, "journal": 1, "media": 1,
    "config": 2, "library": 2,
    "engine": 3, "providers": 3, "targets": 3, "notify": 3, "publish": 3,
    "pipelines": 4,
    "service": 5, "views": 5,
    "fs": 6, "cli": 6,
    "main": 7,
}
# Contract headers that do not bear their room's name. job.h holds shared words of every room.
ROOM_OF = {"error": "base", "units": "base", "inbox": "base", "job": "base"}
# Not a room: what the engine and those that drive providers and targets say to each other.
RANKS["driver"] = 2
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<ymago/([\w./]+)\.h>|"([^"]+)")', re.M)


def room_of_header(name):
    return ROOM_OF.get(name, name)


def faults(path, room, room_folder):
    """What is wrong with the includes of one file of a room. A room's folder is in its include path, so
    that its sub-folders see the room's private headers by bare name."""
    for contract, private in INCLUDE.findall(path.read_text(encoding="utf-8")):
        if private:
            own = (path.parent / private).is_file() or (room_folder / private).is_file()
            if ".." in private or not own:
                yield f'"{private}" is no private header of {room}/'
            continue
        other = room_of_header(contract)
        if other not in RANKS:
            yield f"<ymago/{contract}.h> belongs to no room: name it in ROOM_OF"
        elif other != room and RANKS[other] >= RANKS[room]:
            yield f"{room} (rank {RANKS[room]}) may not see {other} (rank {RANKS[other]})"


def main(root):
    bad = []
    for folder in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        if folder.name not in RANKS:
            bad.append(f"src/{folder.name}: a room without a rank")
            continue
        for path in sorted(folder.rglob("*.*")):
            if path.suffix in (".c", ".cc", ".h", ".def"):
                bad += [f"{path.relative_to(root)}: {f}" for f in faults(path, folder.name, folder)]
    contracts = root / "include" / "ymago"
    for path in sorted(contracts.glob("*.h")):
        room = room_of_header(path.stem)
        if room not in RANKS:
            bad.append(f"{path.relative_to(root)}: belongs to no room: name it in ROOM_OF")
        else:
            bad += [f"{path.relative_to(root)}: {f}" for f in faults(path, room, contracts)]
    print("\n".join(bad) or "every include points down")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
