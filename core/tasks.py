"""What workers do for the agreements: they mail what waits to be told."""

from django.conf import settings
from procrastinate.contrib.django import app

from core.errors import MailError
from core.mailing import send_notices


@app.periodic(cron="*/5 * * * *")
@app.task(name="mail_notices", queueing_lock="mail_notices", lock="mail_notices")
def mail_notices(timestamp: int) -> str:
    """Mails what waits. What needs a person fails the job; every run says it again until a person has seen to it."""
    if not settings.EMAIL_BACKEND:
        return "no mail server is named"
    run = send_notices()
    if run.needs_a_person:
        raise MailError(str(run))
    return str(run)
