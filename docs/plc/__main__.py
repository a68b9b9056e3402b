"""Write anew what in docs/plc and docs/plc.md comes from the code: python -m docs.plc"""

from __future__ import annotations

from docs.plc.generated import FOLDER, GUIDE, files, filled


def main() -> None:
    """Tag lists, declarations, diagrams, and the guide's tables."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    GUIDE.write_text(filled(GUIDE.read_text()))


if __name__ == "__main__":
    main()
