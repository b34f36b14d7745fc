"""Draws the app's icons and logos into static/: a shield for the firewall, a tick for the verified name.

Shapes are polylines; a pixel's share of a shape follows from its distance to them. Coordinates are those of
an icon 36 pixels wide, y downwards; a larger picture only scales them.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.common import ROOT, run

Point = tuple[float, float]
Path2D = Sequence[Point]
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""

Paint = Callable[[float, float], Colour]
"""The colour at a point."""


class Layer(NamedTuple):
    """A shape with its colour; distance gives how far a point lies outside the shape, negative inside."""

    distance: Callable[[float, float], float]
    paint: Paint


def flat(colour: Colour) -> Paint:
    """Paint everything in one colour."""
    return lambda _x, _y: colour


def gradient(top: Colour, bottom: Colour) -> Paint:
    """Paint from one colour at the top edge of an icon to another at its bottom."""

    def paint(_x: float, y: float) -> Colour:
        share = min(max(y / ICON, 0.0), 1.0)
        red, green, blue = (a + (b - a) * share for a, b in zip(top, bottom))
        return red, green, blue

    return paint


def curve(start: Point, *pieces: tuple[Point, Point, Point], steps: int = 12) -> list[Point]:
    """Return a chain of cubic Bézier curves as a polyline; a piece is two control points and an end."""
    points = [start]
    for (bx, by), (cx, cy), (dx, dy) in pieces:
        ax, ay = points[-1]
        for step in range(1, steps + 1):
            t = step / steps
            # Added up by hand: sum() rounds differently from Python 3.12 on.
            a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
            points.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return points


def stroke(lines: Sequence[Path2D], width: float) -> Callable[[float, float], float]:
    """Return the distance to lines of a width, with round ends."""
    return lambda x, y: min(_distance(line, x, y) for line in lines) - width / 2


def area(outline: Path2D, inset: float = 0.0) -> Callable[[float, float], float]:
    """Return the distance to the inside of a closed outline, shrunk by an inset."""
    closed = [*outline, outline[0]]

    def distance(x: float, y: float) -> float:
        away = _distance(closed, x, y)
        return (-away if _inside(closed, x, y) else away) + inset

    return distance


def without(
    shape: Callable[[float, float], float], hole: Callable[[float, float], float]
) -> Callable[[float, float], float]:
    """Return the distance to a shape that a hole is cut out of."""
    return lambda x, y: max(shape(x, y), -hole(x, y))


def _distance(line: Path2D, x: float, y: float) -> float:
    """Return the distance of a point to the nearest of a polyline's segments."""
    nearest = float("inf")
    (ax, ay) = line[0]
    for bx, by in line[1:] or line:
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        along = min(max(((x - ax) * dx + (y - ay) * dy) / length, 0.0), 1.0) if length else 0.0
        ex, ey = x - ax - along * dx, y - ay - along * dy
        nearest = min(nearest, ex * ex + ey * ey)
        ax, ay = bx, by
    return math.sqrt(nearest)


def _inside(closed: Path2D, x: float, y: float) -> bool:
    """Tell whether a point lies inside a closed outline: a ray from it crosses it an odd number of times."""
    odd = False
    for (ax, ay), (bx, by) in zip(closed, closed[1:]):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            odd = not odd
    return odd


ICON = 36
LOGO = (160, 40)

DEEP, SEA, SKY, GREY, WHITE = (11, 61, 112), (18, 104, 172), (38, 166, 222), (136, 146, 156), (255, 255, 255)

_RIGHT = curve(
    (18, 1.2),
    ((21.5, 4.0), (26.5, 5.6), (32.4, 5.8)),
    ((32.8, 17.5), (31.0, 27.8), (18, 34.8)),
)
SHIELD = [*_RIGHT, *((ICON - x, y) for x, y in reversed(_RIGHT[1:-1]))]
TICK = [(10.9, 18.4), (16.1, 23.6), (25.3, 13.0)]

ICON_LAYERS = (
    Layer(area(SHIELD), gradient(SEA, DEEP)),
    Layer(area(SHIELD, 1.5), flat(WHITE)),
    Layer(area(SHIELD, 2.9), gradient(SKY, SEA)),
    Layer(stroke([TICK], 4.0), flat(WHITE)),
)
ALT_LAYERS = (Layer(without(area(SHIELD), stroke([TICK], 4.2)), flat(WHITE)),)
"""For dark backgrounds: white, the tick is a hole."""

_ARCH = curve((0, 6.3), ((0, 2.2), (5.4, 2.2), (5.4, 6.0)))
GLYPHS: dict[str, tuple[float, Sequence[Path2D]]] = {
    "T": (6.8, [[(0, 0), (6.8, 0)], [(3.4, 0), (3.4, 10)]]),
    "S": (
        6.2,
        [
            curve(
                (5.9, 1.9),
                ((5.0, -0.6), (0.4, -0.7), (0.4, 2.5)),
                ((0.4, 5.7), (6.2, 4.1), (6.2, 7.4)),
                ((6.2, 10.8), (0.8, 10.7), (0.0, 7.9)),
            )
        ],
    ),
    "I": (0.0, [[(0, 0), (0, 10)]]),
    "D": (7.2, [[*curve((2.6, 0), ((8.8, 0), (8.8, 10), (2.6, 10))), (0, 10), (0, 0), (2.6, 0)]]),
    "E": (5.4, [[(5.4, 0), (0, 0), (0, 10), (5.4, 10)], [(0, 4.9), (4.7, 4.9)]]),
    "n": (5.4, [[(0, 3.1), (0, 10)], [*_ARCH, (5.4, 10)]]),
    "r": (3.2, [[(0, 3.1), (0, 10)], curve((0, 6.6), ((0, 4.2), (1.4, 3.0), (3.2, 3.2)))]),
    "i": (0.0, [[(0, 3.1), (0, 10)], [(0, 0.1)]]),
    "c": (5.0, [curve((5.0, 4.6), ((3.8, 2.2), (0, 2.5), (0, 6.5)), ((0, 10.6), (3.8, 10.8), (5.0, 8.4)))]),
    "h": (5.4, [[(0, -0.4), (0, 10)], [*_ARCH, (5.4, 10)]]),
}
"""A letter's width, and the lines of its pen; 10 high, on the base line."""

PEN = 1.75
GAP, SPACE = 3.1, 6.4
"""Between letters and between words, from pen to pen."""


def text(words: str, left: float, top: float, size: float) -> tuple[list[Path2D], float]:
    """Return the pen's lines for a text with capitals of a size, and where the next letter would begin."""
    scale = size / 10
    lines: list[Path2D] = []
    for letter in words:
        if letter == " ":
            left += (SPACE - GAP) * scale
            continue
        width, strokes = GLYPHS[letter]
        lines += [[(left + x * scale, top + y * scale) for x, y in line] for line in strokes]
        left += (width + GAP) * scale
    return lines, left


def logo_layers() -> list[Layer]:
    """Return the icon with the app's name beside it, in colours that can be read on white and on black."""
    size = 14.0
    pen = PEN * size / 10
    name, end = text("TSID ", 48.0, 13.2, size)
    purpose, _ = text("Enrich", end, 13.2, size)
    moved = [Layer(_moved(layer.distance, 3.0, 2.0), layer.paint) for layer in ICON_LAYERS]
    return [*moved, Layer(stroke(name, pen), flat(SKY)), Layer(stroke(purpose, pen), flat(GREY))]


def _moved(shape: Callable[[float, float], float], dx: float, dy: float) -> Callable[[float, float], float]:
    return lambda x, y: shape(x - dx, y - dy)


def draw(layers: Sequence[Layer], width: int, height: int, scale: int) -> bytes:
    """Return a picture as rows of RGBA pixels; width and height are before scaling."""
    pixels = bytearray()
    for row in range(height * scale):
        # Of each layer, the column before which it cannot begin: from pixel to pixel a distance changes by no
        # more than a pixel.
        begins = [0] * len(layers)
        for column in range(width * scale):
            x, y = (column + 0.5) / scale, (row + 0.5) / scale
            colour, alpha = (0.0, 0.0, 0.0), 0.0
            for number, layer in enumerate(layers):
                if column < begins[number]:
                    continue
                away = layer.distance(x, y) * scale
                if away >= 0.5:
                    begins[number] = column + int(away - 0.5) + 1
                    continue
                share = min(0.5 - away, 1.0)
                # Painted over what is there; colours are not multiplied by alpha in a PNG.
                covered = share + alpha * (1 - share)
                red, green, blue = (
                    (new * share + old * alpha * (1 - share)) / covered
                    for new, old in zip(layer.paint(x, y), colour)
                )
                colour, alpha = (red, green, blue), covered
            pixels += bytes((*(round(part) for part in colour), round(255 * alpha)))
    return bytes(pixels)


def png(pixels: bytes, width: int) -> bytes:
    """Return RGBA pixels as a PNG file."""
    stride = 4 * width
    height = len(pixels) // stride
    rows = b"".join(b"\0" + pixels[start : start + stride] for start in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def pictures() -> dict[str, bytes]:
    """Return every picture that Splunk shows of an app, by file name."""
    drawn = {}
    for name, layers, (width, height) in (
        ("appIcon", ICON_LAYERS, (ICON, ICON)),
        ("appIconAlt", ALT_LAYERS, (ICON, ICON)),
        ("appLogo", logo_layers(), LOGO),
    ):
        for suffix, scale in (("", 1), ("_2x", 2)):
            drawn[f"{name}{suffix}.png"] = png(draw(layers, width, height, scale), width * scale)
    return drawn


def main(folder: Path = ROOT / "static") -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    for name, content in pictures().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    run(main)
