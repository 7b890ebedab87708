"""Contrast of colours as WCAG 2.2 defines it (success criterion 1.4.3)."""

from __future__ import annotations

from nurture.workspace.settings import Brand

MINIMUM = 4.5
WHITE = "#ffffff"


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours ``#rrggbb``: 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of ``#rrggbb``: 0 is black, 1 is white."""
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def weak_contrasts(brand: Brand) -> list[str]:
    """In words, which brand colours are hard to read where templates use them."""
    pairs = [
        ("text", brand.text, "white", WHITE),
        ("text", brand.text, "background", brand.background),
        ("primary", brand.primary, "white", WHITE),  # headings and links; buttons the other way round
        ("accent", brand.accent, "white", WHITE),
    ]
    return [
        f"{name} {colour} on {ground_name} {ground} has a contrast of {contrast(colour, ground):.1f} : 1; "
        f"readers need at least {MINIMUM} : 1"
        for name, colour, ground_name, ground in pairs
        if contrast(colour, ground) < MINIMUM
    ]


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
