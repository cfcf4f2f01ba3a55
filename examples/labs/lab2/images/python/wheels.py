"""Makes wheels of Python packages that Debian unpacked into a folder: wheels.py FOLDER OUT.

A wheel is a zip archive with the modules and a folder NAME-VERSION.dist-info. Debian's packages hold the same; they
are signed by Debian and need no second index, so an image can be built wherever Debian's packages can be had.
"""

import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

WHEEL = "Wheel-Version: 1.0\nGenerator: debian\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def pack(info: Path, out: Path) -> None:
    metadata = next(path for name in ("METADATA", "PKG-INFO") if (path := info / name).exists()).read_text()
    headers = HeaderParser().parsestr(metadata)
    name = f"{headers['Name'].replace('-', '_')}-{headers['Version']}"
    modules = (info / "top_level.txt").read_text().split()
    files = {}
    for module in modules:
        found = info.parent / module
        for path in sorted(found.rglob("*.py")) if found.is_dir() else [found.with_suffix(".py")]:
            files[str(path.relative_to(info.parent))] = path.read_text()
    files[f"{name}.dist-info/METADATA"] = metadata
    if (scripts := info / "entry_points.txt").exists():
        files[f"{name}.dist-info/entry_points.txt"] = scripts.read_text()
    files[f"{name}.dist-info/WHEEL"] = WHEEL
    files[f"{name}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{name}.dist-info/RECORD"])
    with zipfile.ZipFile(out / f"{name}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


folder, out = map(Path, sys.argv[1:])
out.mkdir(parents=True, exist_ok=True)
for info in sorted(folder.rglob("*-info")):
    pack(info, out)
