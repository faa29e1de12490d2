"""What workers do for invoices: they remind of payments."""

from django.conf import settings
from django.utils import timezone
from procrastinate.contrib.django import app

from invoicing.notices import remind_of_payments


@app.periodic(cron="7 5 * * *")
@app.task(name="remind_of_payments", queueing_lock="remind_of_payments", lock="remind_of_payments")
def write_reminders(timestamp: int) -> str:
    """Writes the notices of invoices that are due soon or overdue; another task mails them."""
    return f"{remind_of_payments(timezone.localdate(), settings.PAYMENT_NOTICE_DAYS)} notices written"
