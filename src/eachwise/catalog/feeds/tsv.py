"""A Google Merchant feed as text: a header, and a product a line, parted by tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from eachwise.catalog.feeds.xml import Entry
from eachwise.contracts.errors import InvalidInput


def tsv_entries(lines: Iterable[str]) -> Iterator[Entry]:
    """The products of a feed. Raises ``InvalidInput`` where the header has no ``id``, or a quote does not close."""
    reader = csv.reader(lines, delimiter="\t", strict=True)
    try:
        names = [_name(cell) for cell in next(reader, [])]
        if "id" not in names:
            raise InvalidInput(
                "line 1: no Google Merchant feed: its header, parted by tabs, has no column id",
                field="file",
            )
        begin = reader.line_num + 1
        for cells in reader:
            if any(cells):
                fault = ""
                if len(cells) > len(names):
                    fault = f"has {len(cells)} cells where the header has {len(names)}"
                # What is missing at the end of a line is empty.
                held = zip(names, (cell.strip() for cell in cells), strict=False)
                yield Entry(begin, {name: [cell] for name, cell in held if cell}, fault)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"line {reader.line_num}: {error}", field="file") from None


def _name(cell: str) -> str:
    """A column as Google names it: ``Google Product Category`` is ``google_product_category``."""
    return cell.strip().lower().removeprefix("g:").replace(" ", "_")
