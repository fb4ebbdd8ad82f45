"""Documents that people write in YAML or JSON: read with each part's line, turned into structs of the contracts."""

from eachwise.documents.conversion import Misfit, convert
from eachwise.documents.names import NAME_CHARS_MAX, kind_of, name_fault, nearest
from eachwise.documents.reading import Document, Path, path_text, read_document

__all__ = [
    "NAME_CHARS_MAX",
    "Document",
    "Misfit",
    "Path",
    "convert",
    "kind_of",
    "name_fault",
    "nearest",
    "path_text",
    "read_document",
]
