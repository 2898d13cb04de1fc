"""The real mail server of the tests: Debian's Postfix with a private configuration on loopback.

It takes mail for one domain into Maildirs, demands TLS, and a login where it is told to, and refuses or puts
off the recipients that a test names. Postfix insists on root: without it or that, tests are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.oidcprovider import free_port

DOMAIN = "hospital.example"
USER, PASSWORD = "curbside", "only-a-test"
_READY_S = 60.0


class MailServer:
    """A running Postfix: `port` speaks STARTTLS, `tls_port` TLS from the first byte."""

    def __init__(self, folder: Path, *, auth: bool) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = folder / "ca.pem"
        self._auth = auth
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(cls, *, auth: bool = False) -> MailServer:
        """Start one; with `auth` it takes mail from `USER` with `PASSWORD` only."""
        for program in ("postfix", *(("saslpasswd2",) if auth else ())):
            if shutil.which(program, path="/usr/sbin:/usr/bin") is None:
                pytest.skip(f"the mail server: {program} is not installed")
        if os.geteuid() != 0:
            pytest.skip("the mail server: Postfix runs as root only")
        # Its processes run as another user, for whom pytest's own folders are closed.
        self = cls(Path(tempfile.mkdtemp(prefix="curbside-mail-")), auth=auth)
        self.folder.chmod(0o755)
        try:
            self._configure()
            await self.resume()
        except BaseException:
            self.stop()
            raise
        return self

    def _configure(self) -> None:
        folder, owner = self.folder, pwd.getpwnam("postfix")
        certificate, key = make_certificates(folder, "127.0.0.1", "localhost")
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        (folder / "mail").mkdir()
        os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
        (folder / "etc").mkdir()
        self.set_recipients({})
        if self._auth:
            self._configure_login()
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": folder / "queue",
            "data_directory": folder / "data",
            "maillog_file": folder / "log",
            "maillog_file_prefixes": "/tmp",
            "myhostname": f"mail.{DOMAIN}",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "" if self._auth else "127.0.0.0/8",
            "alias_maps": "",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_base": folder / "mail",
            "virtual_mailbox_maps": f"texthash:{folder / 'boxes'}",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{folder / 'access'}, "
            "permit_mynetworks, permit_sasl_authenticated, reject",
            "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject",
            "smtpd_tls_cert_file": certificate,
            "smtpd_tls_key_file": key,
            "smtpd_tls_security_level": "encrypt",
            "smtpd_sasl_auth_enable": "yes" if self._auth else "no",
            "smtpd_sasl_local_domain": DOMAIN,
            "smtpd_client_connection_rate_limit": "0",
            "smtpd_error_sleep_time": "0",
        }
        (folder / "etc" / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in settings.items())
        )
        (folder / "etc" / "master.cf").write_text(
            f"""127.0.0.1:{self.port} inet n - n - - smtpd
127.0.0.1:{self.tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
        )

    def _configure_login(self) -> None:
        folder = self.folder / "etc" / "sasl"  # where Debian's Postfix looks for it
        folder.mkdir()
        base = folder / "sasldb2"
        subprocess.run(
            ["/usr/sbin/saslpasswd2", "-p", "-c", "-f", base, "-u", DOMAIN, USER],
            input=PASSWORD.encode(),
            check=True,
            capture_output=True,
        )
        base.chmod(0o644)
        (folder / "smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: {base}\n"
        )

    def set_recipients(self, answers: dict[str, str], boxes: tuple[str, ...] = ("anna", "ben")) -> None:
        """Which boxes there are, and how the server answers to some recipients (`450 4.2.0 later`)."""
        (self.folder / "boxes").write_text("".join(f"{box}@{DOMAIN} {box}/\n" for box in boxes))
        (self.folder / "access").write_text(
            "".join(f"{box}@{DOMAIN} {answer}\n" for box, answer in answers.items())
        )

    async def resume(self) -> None:
        """Start it (again), and wait until both ports answer."""
        self._process = subprocess.Popen(
            ["/usr/sbin/postfix", "-c", self.folder / "etc", "start-fg"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ends = time.monotonic() + _READY_S
        for port in (self.port, self.tls_port):
            while True:
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    if time.monotonic() > ends or self._process.poll() is not None:
                        raise RuntimeError(f"Postfix did not start:\n{self.log()}") from None
                    await asyncio.sleep(0.05)  # a process says in no other way that it is up
                else:
                    writer.close()
                    break

    def pause(self) -> None:
        """Stop it; what it holds stays."""
        if self._process is not None and self._process.poll() is None:
            subprocess.run(
                ["/usr/sbin/postfix", "-c", self.folder / "etc", "stop"], capture_output=True, check=False
            )
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, 9)
                self._process.wait()

    def stop(self) -> None:
        """Stop it, and remove all it held."""
        self.pause()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What it wrote last."""
        path = self.folder / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    async def mail_of(self, box: str, count: int = 1, timeout: float = 60.0) -> list[EmailMessage]:
        """The mail of a box once there are `count`, oldest first."""
        folder = self.folder / "mail" / box / "new"
        ends = time.monotonic() + timeout
        while True:
            files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime) if folder.is_dir() else []
            if len(files) >= count:
                return [
                    email.message_from_bytes(file.read_bytes(), policy=email.policy.default)  # type: ignore[misc]
                    for file in files
                ]
            if time.monotonic() > ends:
                raise TimeoutError(f"{len(files)} of {count} mails for {box}:\n{self.log()}")
            await asyncio.sleep(0.05)  # a Maildir tells nobody
