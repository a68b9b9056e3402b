"""Write anew what in the documents comes from the code: python -m docs.plc"""

from __future__ import annotations

from docs.plc.generated import FOLDER, PAGES, files, filled


def main() -> None:
    """Tag lists, declarations, diagrams, and the tables of the pages."""
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    for page in PAGES:
        page.write_text(filled(page.read_text()))


if __name__ == "__main__":
    main()
