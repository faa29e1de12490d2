"""Payloads of stored clauses: which of them are refused, and new ones written from other vocabularies."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction

from core.errors import ClauseError, CoreError
from core.models import Clause, EventType
from core.payloads import PAYLOADS, import_payload, read_payload


def refusals(contract: int | None = None) -> Iterator[tuple[Clause, ClauseError]]:
    """The clauses whose payload cannot be read, each with every reason; those without a payload are not extracted yet.

    A category outside the vocabulary has no keys to read by.
    """
    clauses = Clause.objects.filter(normalized_payload__isnull=False, clause_category__code__in=PAYLOADS)
    if contract is not None:
        clauses = clauses.filter(contract=contract)
    for clause in clauses.select_related("clause_category", "contract").order_by("contract_id", "pk"):
        assert clause.clause_category is not None  # its code is one of those asked for
        try:
            read_payload(clause.clause_category.code, clause.normalized_payload, clause=str(clause))
        except ClauseError as error:
            yield clause, error


def import_payloads(payloads: Mapping[int, Any]) -> dict[int, tuple[str, ...]]:
    """Writes the payload of each clause, found by its id, under our names; returns what was changed for that.

    All are written or none: raises `CoreError` with everything that is wrong with any of them. A payload that is
    stored like that already is not written again.
    """
    event_types = frozenset(EventType.objects.values_list("code", flat=True))
    notes: dict[int, tuple[str, ...]] = {}
    problems: list[str] = []
    with transaction.atomic():
        found = Clause.objects.select_for_update(of=("self",)).select_related("clause_category").in_bulk(payloads)
        for number, raw in payloads.items():
            try:
                notes[number] = _write(number, found.get(number), raw, event_types)
            except CoreError as error:
                problems.append(str(error))
        if problems:
            raise CoreError("\n".join(problems))
    return notes


def _write(number: int, clause: Clause | None, raw: object, event_types: frozenset[str]) -> tuple[str, ...]:
    if clause is None:
        raise CoreError(f"there is no clause {number}")
    if clause.clause_category is None:
        raise ClauseError(str(clause), "clause_category", "is missing: it decides the keys of the payload")
    if not isinstance(raw, Mapping):
        raise ClauseError(str(clause), "normalized_payload", "must hold keys and values")
    imported = import_payload(clause.clause_category.code, raw, clause=str(clause), event_types=event_types)
    if imported.payload != clause.normalized_payload:
        clause.normalized_payload = imported.payload
        clause.save(update_fields=["normalized_payload"])
    return imported.notes
