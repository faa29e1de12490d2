"""Files of received invoices, read exactly and without a database: bytes in, documents out."""
