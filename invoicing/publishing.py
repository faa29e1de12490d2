"""Publishing a tariff: from then on it is billed, and every instant of ten years is proven to have one price."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.periods import anniversary
from invoicing.contract_tariffs import published_for, terms_of
from invoicing.errors import NotFoundError, PublishingError, TariffError
from invoicing.models import ClauseTariff, TariffStatus
from invoicing.rating import TariffUnit
from invoicing.tariffs.proof import Proof, prove_complete

YEARS = 10
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Publication:
    """What was proven of a tariff and whether this run published it; `proof` is None for a fee, which has no hours."""

    tariff_id: int
    tariff: str
    proof: Proof | None
    is_new: bool
    dry_run: bool

    def __str__(self) -> str:
        proven = (
            "" if self.proof is None else f", one price at every instant from {self.proof.first} to {self.proof.last}"
        )
        done = "could be published" if self.dry_run else "published" if self.is_new else "was published before"
        return f"{self.tariff}: {done}{proven}."


def publish(tariff_id: int, *, dry_run: bool = False) -> Publication:
    """Proves a tariff and publishes it; one that is published is proven again, and nothing is written.

    Owns its transaction. Raises `PublishingError` with what stands against it, and `NotFoundError`.
    """
    with transaction.atomic():
        locked = ClauseTariff.objects.select_for_update(of=("self",), no_key=True)
        tariff = locked.select_related("contract__project", "tariff_type", "currency").filter(pk=tariff_id).first()
        if tariff is None:
            raise NotFoundError(f"there is no tariff {tariff_id}")
        proof = None if tariff.unit == TariffUnit.MONTH else _prove(tariff)
        is_new = tariff.status != TariffStatus.PUBLISHED
        if is_new and not dry_run:
            _write(tariff, proof)
    return Publication(tariff.pk, tariff.name, proof, is_new, dry_run)


def _prove(tariff: ClauseTariff) -> Proof:
    last = _last(tariff)
    try:
        found = terms_of(tariff, tariff.valid_from, last, published_for([tariff]))
        proof = prove_complete(found, tariff.valid_from, last)
    except TariffError as problem:
        raise PublishingError(tariff.name, str(problem)) from problem
    if not proof.is_complete:
        raise PublishingError(tariff.name, *proof.problems)
    return proof


def _last(tariff: ClauseTariff) -> date:
    """The last day to prove: of ten years, or of the tariff."""
    until = anniversary(tariff.valid_from, YEARS) - _DAY
    return min(tariff.valid_to or until, until)


def _write(tariff: ClauseTariff, proof: Proof | None) -> None:
    tariff.status = TariffStatus.PUBLISHED
    tariff.published_at = timezone.now()
    tariff.proven_until = proof.last if proof else None
    try:
        with transaction.atomic():
            tariff.save(update_fields=["status", "published_at", "proven_until"])
    except IntegrityError as refused:
        raise PublishingError(
            tariff.name, "another price of the contract holds on some of its days: end that one first"
        ) from refused
