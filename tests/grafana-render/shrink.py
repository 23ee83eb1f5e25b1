"""Writes pictures as small PNGs of 128 colours into a folder, named after board and scenario.

python3 shrink.py docs/img calm-pictures/liveperson-skills-dark-1366.png ...
"""

import sys
from pathlib import Path

from PIL import Image

# A screen's worth of a page: readers take in no more of it in a document.
TALLEST = 1300

folder = Path(sys.argv[1])
for name in map(Path, sys.argv[2:]):
    scenario = name.parent.name.removesuffix("-pictures")
    board = name.stem.removeprefix("liveperson-").split("-")[0]
    picture = Image.open(name).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    target = folder / (f"{board}.png" if scenario == "calm" else f"{board}-{scenario}.png")
    picture.quantize(colors=128, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1024} KiB")
