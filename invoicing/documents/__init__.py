"""Invoices as documents: the semantic model of EN 16931 and its rules, XML in UBL and CII, PDF, and Factur-X."""
