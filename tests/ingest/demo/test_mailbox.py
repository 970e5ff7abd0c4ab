"""The mailbox is a real SMTP server; what it accepts is on the disk."""

import asyncio
import smtplib
import socket
from email.message import EmailMessage
from pathlib import Path

from ingest.demo.mailbox import Mailbox, free_port, html_of


def mail(subject: str, html: str = "<p>好</p>") -> EmailMessage:
    """A mail with both bodies."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content("好\n")
    message.add_alternative(html, subtype="html")
    return message


def test_mails_lie_in_the_folder_in_the_order_of_their_arrival(tmp_path):
    """One .eml a mail, whole and readable the moment the server says 250."""
    with Mailbox(tmp_path / "mailbox") as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port) as smtp:
        for subject in ("一", "二"):
            smtp.send_message(mail(subject))

        found = mailbox.mails()

    assert [path.name for path, _ in found] == ["0001.eml", "0002.eml"]
    assert [message["Subject"] for _, message in found] == ["一", "二"]
    assert (html_of(found[-1][1]) or "").strip() == "<p>好</p>"


def test_a_mail_without_html_says_so():
    """Nothing is made up."""
    message = EmailMessage()
    message.set_content("text")

    assert html_of(message) is None


def test_two_mailboxes_do_not_meet(tmp_path):
    """Each has a port of its own."""
    with Mailbox(tmp_path / "one") as one, Mailbox(tmp_path / "two") as two:
        with smtplib.SMTP("127.0.0.1", two.port) as smtp:
            smtp.send_message(mail("二"))

        assert (len(one.mails()), len(two.mails())) == (0, 1)


def test_a_mailbox_opens_where_an_event_loop_runs_already(tmp_path):
    """A browser that was driven in this thread before leaves its loop running."""

    async def enter() -> int:
        with Mailbox(tmp_path / "mailbox") as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port) as smtp:
            smtp.send_message(mail("一"))
            return len(mailbox.mails())

    assert asyncio.run(enter()) == 1


def test_a_port_to_listen_on_later_is_given_to_no_connection_meanwhile():
    """Airflow takes seconds to come up: of the ports that Linux gives to connections none is promised."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _ in range(50):
        port = free_port()
        assert not first <= port <= last
        socket.create_server(("127.0.0.1", port)).close()
