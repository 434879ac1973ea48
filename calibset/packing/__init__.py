"""Packing of documents and conversations into samples that a quantizer keeps whole."""

from calibset.packing.conversations import TOO_LONG, pack_conversations
from calibset.packing.documents import pack_documents
from calibset.packing.row_spec import Packed, RowSpec

__all__ = ["TOO_LONG", "Packed", "RowSpec", "pack_conversations", "pack_documents"]
