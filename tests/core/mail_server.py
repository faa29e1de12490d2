"""A mail server on a free port of this machine, which can refuse and break off."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test.utils import override_settings


class Postbox:
    """What came in; `answers` are given to the next mails in place of accepting them, `BREAK` ends the connection."""

    BREAK = "break"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        answer = self.answers.pop(0) if self.answers else ""
        if answer == self.BREAK:
            self._keep(envelope)
            assert server.transport is not None
            server.transport.close()
        elif not answer:
            self._keep(envelope)
        return answer or "250 taken"

    def _keep(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))


@contextmanager
def open_postbox() -> Iterator[Postbox]:
    """A mail server that the program is told to use."""
    postbox = Postbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(postbox, hostname="127.0.0.1", port=port)
    controller.start()
    backend = "django.core.mail.backends.smtp.EmailBackend"
    try:
        with override_settings(EMAIL_BACKEND=backend, EMAIL_HOST="127.0.0.1", EMAIL_PORT=port, EMAIL_USE_TLS=False):
            yield postbox
    finally:
        controller.stop()
