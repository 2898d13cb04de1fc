"""`curbside init`: a few questions, then the settings file, a roster to fill in, and the secret files."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import click

from bot.cli.common import with_config
from bot.cli.templates import ROSTER, SETTINGS
from bot.dev.department import EXAMPLE, FOLDER, example
from bot.dev.roster_edit import quoted
from bot.kernel.errors import CurbsideError

_BOTS = {"curbside": "Curbside", "support": "Curbside Support"}
_WAYS = {"password": "password_file", "token": "token_file", "appservice": "appservice_token_file"}


@dataclass(frozen=True)
class Answers:
    """What the operator decided."""

    hospital: str
    homeserver: str
    server_name: str
    bots: dict[str, str]  # name → user id
    login: str
    moderators: tuple[str, ...]
    language: str
    timezone: str
    database: str
    database_password_file: str
    web_host: str


@click.command()
@with_config
@click.option("--yes", is_flag=True, help="Take the default where an option is not given; ask nothing.")
@click.option("--hospital", help="The hospital's name.")
@click.option("--server-name", help="What stands after the colon of your Matrix ids.")
@click.option("--homeserver", help="The URL at which the bots reach the homeserver.")
@click.option(
    "--bot", "bots", multiple=True, metavar="NAME=USER_ID", help="A bot account; may be given again."
)
@click.option("--login", type=click.Choice(list(_WAYS)), help="How the bots log in.")
@click.option("--moderator", "moderators", multiple=True, metavar="USER_ID", help="May be given again.")
@click.option("--language", type=click.Choice(["en", "de"]))
@click.option("--timezone", help="IANA zone, such as Europe/Berlin.")
@click.option("--database", default="", help="A PostgreSQL URL; SQLite without it.")
@click.option("--database-password-file", default="", help="The file that holds the database's password.")
@click.option(
    "--web-host", default="127.0.0.1", show_default=True, help="Where health and metrics are served."
)
def command(
    config: Path,
    yes: bool,
    hospital: str | None,
    server_name: str | None,
    homeserver: str | None,
    bots: tuple[str, ...],
    login: str | None,
    moderators: tuple[str, ...],
    language: str | None,
    timezone: str | None,
    database: str,
    database_password_file: str,
    web_host: str,
) -> None:
    """Make the settings of a new installation; nothing that exists is overwritten."""

    def ask(given: str | None, question: str, default: str, choice: list[str] | None = None) -> str:
        if given is not None or yes:
            return given if given is not None else default
        kind = click.Choice(choice) if choice else str
        return str(click.prompt(question, default=default, type=kind)).strip()

    _refuse_to_overwrite(config)
    server_name = ask(
        server_name, "Server name (what stands after the colon of your Matrix ids)", "localhost"
    )
    default_url = "http://localhost:8008" if server_name == "localhost" else f"https://{server_name}"
    given_bots = dict(_pair(bot) for bot in bots)
    users = given_bots or {
        name: ask(None, f"Matrix id of the bot {name!r}", f"@{name}:{server_name}") for name in _BOTS
    }
    people = moderators or tuple(
        ask(None, "Moderators' Matrix ids, separated by spaces (none: press Enter)", "").split()
    )
    answers = Answers(
        hospital=ask(hospital, "Name of the hospital", "Our Hospital"),
        homeserver=ask(homeserver, "URL at which the bots reach the homeserver", default_url),
        server_name=server_name,
        bots=users,
        login=ask(login, "How do the bots log in", "password", list(_WAYS)),
        moderators=people,
        language=ask(language, "Language of the house", "en", ["en", "de"]),
        timezone=ask(timezone, "Time zone", "UTC"),
        database=database,
        database_password_file=database_password_file,
        web_host=web_host,
    )
    write_installation(config, answers)
    _next_steps(config, answers)


def _pair(text: str) -> tuple[str, str]:
    name, equals, user_id = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text} is not NAME=USER_ID, such as curbside=@curbside:hospital.example")
    return name, user_id


def _refuse_to_overwrite(config: Path) -> None:
    base = config.parent
    for path in (config, base / "roster.toml", base / "secrets" / "at-rest.keys"):
        if path.exists():
            raise CurbsideError(
                f"{path} exists already: init makes new installations and overwrites nothing."
            )


def write_installation(config: Path, answers: Answers) -> None:
    """Write the files; secrets are readable by their owner only. Raises BadSettings on a wrong answer."""
    from bot.kernel.sealing import KeyRing
    from bot.settings import BadSettings, load

    folder = config.parent / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    config.write_text(settings_text(answers), "utf-8")
    try:
        load(config)
    except BadSettings:
        config.unlink()  # so that the next attempt does not find half an installation
        raise
    (config.parent / "roster.toml").write_text(
        ROSTER.replace("hospital.example", answers.server_name), "utf-8"
    )
    departments = config.parent / FOLDER
    departments.mkdir(exist_ok=True)
    (departments / f"{EXAMPLE.name}.example").write_text(example(answers.server_name), "utf-8")
    KeyRing.append_new_key(folder / "at-rest.keys")
    for name in answers.bots:
        # A password is made here, for the account that is yet to be registered; tokens come from elsewhere.
        secret = secrets.token_urlsafe(24) + "\n" if answers.login == "password" else ""
        path = folder / f"{name}.{answers.login}"
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secret)


def settings_text(answers: Answers) -> str:
    """The settings file, commented."""
    accounts = "\n\n".join(
        f"[bots.{name}]\nuser_id = {quoted(user_id)}\n"
        f"{_WAYS[answers.login]} = {quoted(f'secrets/{name}.{answers.login}')}\n"
        f"display_name = {quoted(_BOTS.get(name, 'Curbside'))}"
        for name, user_id in answers.bots.items()
    )
    database = (
        f"database = {quoted(answers.database)}"
        if answers.database
        else ('# database = "postgresql+asyncpg://curbside@localhost/curbside"')
    )
    if answers.database_password_file:
        database += f"\ndatabase_password_file = {quoted(answers.database_password_file)}"
    return SETTINGS.format(
        hospital=quoted(answers.hospital),
        homeserver=quoted(answers.homeserver),
        server_name=quoted(answers.server_name),
        language=quoted(answers.language),
        timezone=quoted(answers.timezone),
        moderators=json.dumps(list(answers.moderators), ensure_ascii=False),
        database=database,
        web_host=quoted(answers.web_host),
        accounts=accounts,
    )


def _next_steps(config: Path, answers: Answers) -> None:
    say = click.echo
    folder = config.parent / "secrets"
    say(f"Wrote {config}, {config.parent / 'roster.toml'} and the secrets in {folder}.")
    say("Next:")
    if answers.login == "password":
        say("1. Register the bots' accounts on the homeserver with the passwords made for them; on Synapse:")
        for name, user_id in answers.bots.items():
            local = user_id[1:].partition(":")[0]
            password = folder / f"{name}.password"
            say(f"   register_new_matrix_user -c homeserver.yaml --no-admin -u {local} \\")
            say(f'     -p "$(cat {password})" {answers.homeserver}')
    else:
        say(
            f"1. Put each bot's {answers.login} token into its file: "
            + ", ".join(str(folder / f"{name}.{answers.login}") for name in answers.bots)
        )
    say(f"2. Write who is on call into {config.parent / 'roster.toml'}, or, for a whole department, start")
    say(f"   from {config.parent / FOLDER / EXAMPLE.name}.example; docs/department.md goes through it.")
    say(
        f"3. Keep a copy of {folder / 'at-rest.keys'} in a safe place: without it nothing stored can be read."
    )
    say(f"4. curbside check --config {config}")
    say(f"5. curbside run --config {config}")
