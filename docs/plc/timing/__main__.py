"""Draw the timing diagrams of docs/plc.md anew: python -m docs.plc.timing"""

from __future__ import annotations

from pathlib import Path

from docs.plc.timing.scenarios import PICTURES

FOLDER = Path(__file__).parent.parent


def main() -> None:
    """One SVG a picture, beside this package."""
    for name, picture in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(picture.svg())


if __name__ == "__main__":
    main()
