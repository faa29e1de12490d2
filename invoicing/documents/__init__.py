"""Invoices as documents: the semantic model of EN 16931, its XML in UBL 2.1, and a PDF for people."""
