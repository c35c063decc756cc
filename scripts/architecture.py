"""Draw docs/images/architecture.svg: the rooms of the server and what each imports, read from the code.

    python scripts/architecture.py           draw it
    python scripts/architecture.py --check   exit 1 when the picture is not what the code says

Rooms stand in rows, and an arrow points from a room to one that it imports. Imports point down, or to a neighbour of
the same row; one that points up, or a room without a row, ends the script with a sentence.
"""

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

# From the top. A module belongs to the room with the longest name that its own begins with.
ROWS: list[tuple[str, dict[str, str]]] = [
    (
        "the process",
        {"server": "gunicorn's worker, background work", "cli": "flask commands", "lab": "the delivery lab"},
    ),
    ("transports", {"api": "REST", "sockets": "Socket.IO events"}),
    (
        "rules",
        {
            "services": "messages, groups, receipts, presence",
            "services.accounts": "users, sessions, tokens",
            "services.sync": "what a client has missed",
            "services.log": "the conversation's log",
            "services.media": "files: uploads, serving, erasing",
        },
    ),
    ("what goes out", {"realtime": "who is connected, what is pushed", "schemas": "what comes in and goes out"}),
    ("what is kept", {"stores": "one module for each collection", "search": "terms of texts, and queries"}),
    (
        "beneath",
        {
            "engine": "Engine.IO and Socket.IO on the wire",
            "bus": "between processes",
            "blobs": "files: a folder or a bucket",
            "media_inspection": "what a file is",
            "outbound": "calls to addresses that users name",
            "database": "MongoDB or the embedded store",
        },
    ),
]
COMMON = "for every room"  # modules beside the rooms: errors, limits, logs, settings, …; not drawn one by one
FACTORY = "chatapp"  # the application factory, which puts everything together

WIDTH, ROW_HEIGHT, BOX_HEIGHT, BOX_WIDTH, LEFT, TOP = 1080, 104, 52, 210, 110, 20
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2933 }
  .room { font-weight: 600; font-size: 14px } .what { font-size: 11px; fill: #52606d } .row { fill: #7b8794 }
  rect { fill: #f0f4f8; stroke: #829ab1 } path { fill: none; stroke: #486581; opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .what { fill: #9aa5b1 } .row { fill: #9aa5b1 }
    rect { fill: #243b53; stroke: #627d98 } path { stroke: #9fb3c8 }
  }
"""


def main() -> int:
    """Draw the picture, or compare it; 0 when all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args()
    imports = count_imports()
    if problems := list(pointing_up(imports)):
        print("\n".join(problems), file=sys.stderr)
        return 1
    drawn = draw(imports)
    if not arguments.check:
        PICTURE.write_text(drawn)
        return 0
    if PICTURE.read_text() == drawn:
        return 0
    print("docs/images/architecture.svg is not what the code says: run scripts/architecture.py", file=sys.stderr)
    return 1


def count_imports() -> Counter[tuple[str, str]]:
    """Return how many imports lead from each room to each other one."""
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted((ROOT / "chatapp").rglob("*.py")):
        here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in imported(ast.parse(path.read_text())):
            there = room_of(name)
            if here != there and FACTORY not in (here, there) and COMMON not in (here, there):
                found[here, there] += 1
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of each import of this project."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("chatapp"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("chatapp"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """Return the room of a module, COMMON for one that stands beside the rooms, FACTORY for the factory's."""
    name = module.removeprefix("chatapp.").removesuffix(".__init__")
    rooms = [room for _, row in ROWS for room in row if name == room or name.startswith(f"{room}.")]
    if rooms:
        return max(rooms, key=len)
    return FACTORY if name in ("chatapp", "__init__", "create_app") else COMMON


def row_of(room: str) -> int:
    """Return the number of the row in which a room stands."""
    return next(number for number, (_, row) in enumerate(ROWS) if room in row)


def pointing_up(imports: Counter[tuple[str, str]]) -> Iterator[str]:
    """Yield a sentence for each import that does not point down, and for each package without a row."""
    for here, there in sorted(imports):
        if row_of(there) < row_of(here):
            yield f"{here} imports {there}, which stands above it"
    for path in sorted((ROOT / "chatapp").iterdir()):
        if (path / "__init__.py").is_file() and not any(path.name in row for _, row in ROWS):
            yield f"chatapp/{path.name} has no row in scripts/architecture.py"


def draw(imports: Counter[tuple[str, str]]) -> str:
    """Return the picture."""
    places = {}
    for number, (_, row) in enumerate(ROWS):
        step = (WIDTH - LEFT) / len(row)
        for column, room in enumerate(row):
            places[room] = (LEFT + step * (column + 0.5), TOP + ROW_HEIGHT * number)
    height = TOP + ROW_HEIGHT * len(ROWS) - (ROW_HEIGHT - BOX_HEIGHT) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of the server and what each imports</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8"/></marker></defs>',
    ]
    for (here, there), number in sorted(imports.items()):
        lines.append(arrow(places[here], places[there], number))
    for number, (name, row) in enumerate(ROWS):
        lines.append(f'<text class="row" x="4" y="{TOP + ROW_HEIGHT * number + 30}">{escape(name)}</text>')
        for room, what in row.items():
            lines += box(room, what, *places[room])
    beside = ", ".join(sorted(path.stem for path in (ROOT / "chatapp").glob("*.py") if path.stem != "__init__"))
    lines.append(f'<text class="what" x="4" y="{height - 8}">Every room may use: {escape(beside)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def box(room: str, what: str, x: float, y: float) -> list[str]:
    """Return a room's box, with its name and what it holds."""
    return [
        f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>',
        f'<text class="room" x="{x:g}" y="{y + 21}" text-anchor="middle">{room.replace(".", "/")}</text>',
        f'<text class="what" x="{x:g}" y="{y + 39}" text-anchor="middle">{escape(what)}</text>',
    ]


def arrow(start: tuple[float, float], end: tuple[float, float], number: int) -> str:
    """Return an arrow from one room down to another, or sideways; thicker for more imports."""
    width = min(4.0, 0.8 + number / 8)
    if start[1] == end[1]:
        side = BOX_WIDTH / 2 if end[0] > start[0] else -BOX_WIDTH / 2
        x1, x2, y, bow = start[0] + side, end[0] - side, start[1] + BOX_HEIGHT / 2, 8 if side > 0 else -8
        if abs(end[0] - start[0]) > BOX_WIDTH * 1.4:  # past the rooms in between
            bow, y = (46, start[1] + BOX_HEIGHT) if side > 0 else (-46, start[1])
            x1, x2 = start[0], end[0]
        curve = f"M{x1:g} {y:g} Q{(x1 + x2) / 2:g} {y + bow:g} {x2:g} {y:g}"
    else:
        y1, y2 = start[1] + BOX_HEIGHT, end[1]
        bend = (y2 - y1) / 2
        curve = f"M{start[0]:g} {y1} C{start[0]:g} {y1 + bend:g} {end[0]:g} {y2 - bend:g} {end[0]:g} {y2}"
    return f'<path d="{curve}" stroke-width="{width:.1f}" marker-end="url(#to)"/>'


if __name__ == "__main__":
    sys.exit(main())
