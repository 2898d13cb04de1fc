"""The real LDAP server of the tests: Debian's slapd with a private configuration on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.oidcprovider import free_port

BASE = "dc=hospital,dc=example"
PEOPLE = f"ou=people,{BASE}"
ADMIN, PASSWORD = f"cn=reader,{BASE}", "only-a-test"
_READY_S = 60.0
_SCHEMAS = ("core", "cosine", "inetorgperson")


class LdapServer:
    """A running slapd: `url` speaks StartTLS, `tls_url` TLS from the first byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.url, self.tls_url = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        self.ca_file = folder / "ca.pem"
        self._slapd = ""
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(cls, *, size_limit: int = 500) -> LdapServer:
        """Start one that holds an empty `ou=people`, and hands out `size_limit` entries at once."""
        slapd = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec")
        schemas = next(
            (path for path in map(Path, ("/etc/ldap/schema", "/etc/openldap/schema")) if path.is_dir()), None
        )
        if slapd is None or schemas is None:
            pytest.skip("the LDAP server: slapd is not installed")
        self = cls(Path(tempfile.mkdtemp(prefix="curbside-ldap-")))
        self._slapd = slapd
        try:
            self._configure(schemas, size_limit)
            await self.resume()
            self.change(
                f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Hospital\ndc: hospital\n\n"
                f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n"
            )
        except BaseException:
            self.stop()
            raise
        return self

    def _configure(self, schemas: Path, size_limit: int) -> None:
        certificate, key = make_certificates(self.folder, "127.0.0.1", "localhost")
        (self.folder / "data").mkdir()
        module = next(Path("/usr/lib").rglob("back_mdb*.so*"), None)
        (self.folder / "slapd.conf").write_text(
            "".join(f"include {schemas / name}.schema\n" for name in _SCHEMAS)
            + (f"modulepath {module.parent}\nmoduleload back_mdb\n" if module else "")
            + f"""pidfile {self.folder / "pid"}
TLSCACertificateFile {self.ca_file}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
sizelimit size.soft={size_limit} size.hard={size_limit} size.prtotal=unlimited
disallow bind_anon
require authc
database mdb
maxsize 67108864
suffix "{BASE}"
rootdn "cn=admin,{BASE}"
rootpw {PASSWORD}
directory {self.folder / "data"}
limits dn.exact="{ADMIN}" size.soft={size_limit} size.hard={size_limit} size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{ADMIN}" read by * none
"""
        )

    async def resume(self) -> None:
        """Start it (again), and wait until both ports answer."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._slapd,
                    "-d",
                    "0",
                    "-f",
                    self.folder / "slapd.conf",
                    "-h",
                    f"{self.url}/ {self.tls_url}/",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ends = time.monotonic() + _READY_S
        for port in (self.port, self.tls_port):
            while True:
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    if time.monotonic() > ends or self._process.poll() is not None:
                        log_text = (self.folder / "log").read_text(errors="replace")[-2000:]
                        raise RuntimeError(f"slapd did not start:\n{log_text}") from None
                    await asyncio.sleep(0.05)  # a process says in no other way that it is up
                else:
                    writer.close()
                    break

    def change(self, ldif: str) -> None:
        """Add, modify or delete entries, as its administrator."""
        self._tool("ldapmodify", "-a", text=ldif)

    def _tool(self, name: str, *arguments: str, text: str = "") -> str:
        program = shutil.which(name)
        if program is None:
            pytest.skip(f"the LDAP server: {name} is not installed")
        done = subprocess.run(
            [program, "-x", "-H", self.url, "-D", f"cn=admin,{BASE}", "-w", PASSWORD, *arguments],
            input=text.encode(),
            capture_output=True,
            env={**os.environ, "LDAPTLS_CACERT": str(self.ca_file)},
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-1000:])
        return done.stdout.decode(errors="replace")

    def add_reader(self) -> None:
        """The account with which Curbside reads."""
        self.change(
            f"dn: {ADMIN}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: reader\nuserPassword: {PASSWORD}\n"
        )

    def add_people(self, names: Iterable[str], **attributes: str) -> None:
        """Add people, with `uid`, `mail` and more by name; `{name}` in a value is theirs."""
        entries = []
        for name in names:
            more = "".join(f"{key}: {value.format(name=name)}\n" for key, value in attributes.items())
            entries.append(
                f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: Dr {name}\n"
                f"sn: {name}\nmail: {name}@hospital.example\n{more}"
            )
        self.change("\n".join(entries))

    def remove(self, *names: str) -> None:
        """Remove people."""
        self.change("\n".join(f"dn: uid={name},{PEOPLE}\nchangetype: delete\n" for name in names))

    def clear(self) -> None:
        """Remove everybody."""
        found = self._tool("ldapsearch", "-LLL", "-b", PEOPLE, "(objectClass=inetOrgPerson)", "uid")
        self.remove(*re.findall(r"^uid: (\S+)$", found, re.MULTILINE))

    def pause(self) -> None:
        """Stop it; what it holds stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
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
