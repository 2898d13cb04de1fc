"""`curbside deid`: take identifiers out of texts, check receipts. Needs no settings, database or network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from bot.cli.common import open_keys, with_config
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.deid.engine import Engine
    from bot.deid.model import Result

_LANGUAGES = ("en", "de", "es", "fr")
_PROGRESS = 200  # lines between two words about how far it is


class _Texts(click.Group):
    """A group whose first word may be a file: `curbside deid note.txt`; `./verify` for one called so."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return self.commands.get(cmd_name, self.commands["text"])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] in (*self.commands, "-h", "--help"):
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, ["text", *args])


@click.group(cls=_Texts)
def command() -> None:
    """De-identify text: `curbside deid [FILE…]`, from stdin without a file; or check a receipt.

    Options: --json (one object per input), --jsonl IN OUT (a batch), --language.
    """


@command.command(hidden=True)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per input, a line each.")
@click.option(
    "--jsonl",
    nargs=2,
    metavar="IN OUT",
    default=None,
    help='A batch: a line {"id", "text"} each from IN, what was found to OUT; `-`: stdin, stdout.',
)
@click.option("--language", type=click.Choice(_LANGUAGES), help="Without, it is told from each text.")
def text(files: tuple[str, ...], as_json: bool, jsonl: tuple[str, str] | None, language: str | None) -> None:
    """Take identifiers out of files, or of stdin."""
    if jsonl is not None:
        if files:
            raise click.UsageError("--jsonl takes its input from IN: name no other file.")
        if _same(*jsonl):
            raise click.UsageError("--jsonl: IN and OUT are the same file.")
        wrong = _batch(_engine(), *jsonl, language)
    else:
        wrong = _each(files or ("-",), as_json, language)
    if wrong:
        sys.exit(1)


def described(result: Result) -> dict[str, Any]:
    """What was found in a text as JSON: offsets are those of Python strings (code points) of the original."""
    return {
        "text": result.text,
        "spans": [
            {
                "start": span.start,
                "end": span.end,
                "type": str(span.kind),
                "class": span.kind.letter,
                "tier": str(span.tier),
                "replacement": span.replacement,
            }
            for span in result.spans
        ],
        "quasi": [{"start": hint.start, "end": hint.end, "reason": hint.reason} for hint in result.quasi],
        "language": result.language,
        "versions": dict(result.versions),
    }


def _engine() -> Engine:
    """The engine with its model; what is missing is one sentence."""
    try:
        from bot.deid.engine import Engine

        return Engine.load()
    except ModuleNotFoundError as error:
        raise CurbsideError(f"deid: the package {error.name} is missing; install curbside anew.") from None
    except OSError as error:
        missing = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        raise CurbsideError(
            f"deid: the model cannot be read ({missing}: {error.strerror}); install curbside anew."
        ) from None


def _looked_at(engine: Engine, words: str, language: str | None) -> dict[str, Any]:
    """What was found, or {"error"} with a code and a sentence: then nothing of the text is in it."""
    from bot.deid.engine import TooLong, UnsupportedLanguage

    try:
        return described(engine.find(words, language))
    except UnsupportedLanguage:
        sentence = f"the language is none of {', '.join(_LANGUAGES)}, or cannot be told (see --language)"
        return {"error": {"code": "unsupported-language", "message": sentence}}
    except TooLong as error:
        return {"error": {"code": "too-long", "message": str(error)}}
    except Exception as error:  # one text that cannot be looked at does not stop the others; no word of it
        return {"error": {"code": "failed", "message": f"the engine failed ({type(error).__name__})"}}


def _each(files: Iterable[str], as_json: bool, language: str | None) -> int:
    """Every input by itself; returns how many could not be de-identified."""
    engine, wrong = _engine(), 0
    for name in files:
        shown = "stdin" if name == "-" else name
        words, problem = _read(name)
        found = problem or _looked_at(engine, words, language)
        error = found.get("error")
        if as_json:
            click.echo(json.dumps(found if name == "-" else {"file": name, **found}, ensure_ascii=False))
        elif error is None:
            click.echo(found["text"], nl=False)
        if error is not None:
            wrong += 1
            click.echo(f"{shown}: {error['message']}.", err=True)
    return wrong


def _read(name: str) -> tuple[str, dict[str, Any] | None]:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8"), None
    except OSError as error:
        return "", {"error": {"code": "unreadable", "message": f"cannot be read ({error.strerror})"}}
    except UnicodeDecodeError:
        return "", {"error": {"code": "unreadable", "message": "is no text in UTF-8"}}


def _same(source: str, target: str) -> bool:
    try:
        return "-" not in (source, target) and Path(source).samefile(target)
    except OSError:  # one of them is not there
        return False


def _batch(engine: Engine, source: str, target: str, language: str | None) -> int:
    """Line by line, so that a batch of any size takes little memory; returns how many lines were wrong."""
    wrong = count = 0
    try:
        with click.open_file(source, "rb") as lines, _written(target) as out:
            for count, line in enumerate(lines, 1):
                if line.strip():
                    wrong += _one(engine, line, count, language, out)
                if count % _PROGRESS == 0:
                    click.echo(f"{count} lines, {wrong} not done", err=True)
    except OSError as error:
        raise CurbsideError(f"deid: {error.filename or source} cannot be used ({error.strerror}).") from None
    click.echo(f"{count} lines, {wrong} not done", err=True)
    return wrong


@contextmanager
def _written(target: str) -> Iterator[IO[Any]]:
    """A file that is there once all is written to it; what is no plain file is written to as it is."""
    path = Path(target)
    if target == "-" or (path.exists() and not path.is_file()):
        with click.open_file(target, "w", encoding="utf-8") as out:
            yield out
        return
    path = path.resolve()  # what a link leads to is written anew, not the link
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            out = part.open("x", encoding="utf-8")
        except OSError as error:
            raise OSError(error.errno, error.strerror, target) from None
        with out:
            if path.exists():
                shutil.copymode(path, part)
            yield out
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _one(engine: Engine, line: bytes, number: int, language: str | None, out: IO[Any]) -> int:
    """One line of a batch; 1 if it could not be done."""
    found: dict[str, Any]
    name = None
    try:
        given = json.loads(line)
        name = _id(given.get("id"))
        words = _text(given["text"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sentence = 'is no object with "id" and "text" in Unicode'
        found = {"error": {"code": "bad-line", "message": sentence}}
    else:
        found = _looked_at(engine, words, language)
    error = found.get("error")
    if error is not None:
        click.echo(f"line {number}: {error['message']}", err=True)
        found = {"line": number, **found}
    out.write(json.dumps({"id": name, **found}, ensure_ascii=False) + "\n")
    return int(error is not None)


def _id(value: object) -> object:
    """An id as it came; ValueError for one that no JSON in UTF-8 can give back: NaN, half a character."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    value.encode()  # ValueError for half a character
    return value


# Receipts ----------------------------------------------------------------------------------------


@command.command()
@with_config
def key(config: Path) -> None:
    """Show the public key that this house's receipts are checked with, and its fingerprint."""
    from bot.deid import receipts
    from bot.settings import load

    public = receipts.public_key(open_keys(load(config)).derive(receipts.SIGNING))
    click.echo(f"{public}\nFingerprint: {receipts.fingerprint(public)}")


@command.command()
@click.argument("receipt", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--text",
    "shown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A text or file: is it the one that was shown to others?",
)
@click.option("--key", help="The hospital's public key: a receipt signed with another is refused.")
@click.option("--by", metavar="@USER:SERVER", help="Did this person attest? Needs the author's own copy.")
@click.option(
    "--at-rest-keys",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The house's own key file: --text may then be what the author wrote, too.",
)
def verify(
    receipt: Path, shown: Path | None, key: str | None, by: str | None, at_rest_keys: Path | None
) -> None:  # fmt: skip
    """Check a receipt, offline: who signed it, and what it says. Exit 1 when something is wrong."""
    from bot.deid import receipts

    try:
        found = receipts.read(receipt.read_text("utf-8"), key=key)
    except OSError as error:
        raise CurbsideError(f"{receipt}: cannot be read ({error.strerror}).") from None
    except (receipts.BadReceipt, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, receipts.BadReceipt) else "it is no receipt"
        raise CurbsideError(f"{receipt}: {reason}.") from None
    for line in _told(found):
        click.echo(line)
    if key is None:
        click.echo("Signed with the key below: compare it with the one that the hospital tells.")
    click.echo(f"Key {found.fingerprint} ({found.key})")
    if by is not None:
        if not receipts.is_by(found, by):
            raise CurbsideError(f"It was not {by} who attested, or this is not the author's own copy.")
        click.echo(f"Attested by {by}.")
    if shown is not None:
        _compare(found, shown, at_rest_keys)


def _told(receipt: Any) -> Iterable[str]:
    """What a receipt says, in words: what was found and who looked, nothing more."""
    said = receipt.content
    found = ", ".join(f"{letter} {count}" for letter, count in said["found"].items() if count)
    restored = ", ".join(f"{letter} {count}" for letter, count in said["restored"].items())
    warnings = ", ".join(f"{reason} {count}" for reason, count in said["warnings"].items())
    versions = ", ".join(f"{name} {version}" for name, version in said["versions"].items())
    attested = said["attested"]
    yield f"{said['id']} of {said['house']}, {said['made_at']}, language {said['language']}"
    yield f"Taken out, by class of 45 CFR 164.514(b)(2)(i): {found or 'nothing'}"
    yield f"Brought back by the author: {restored or 'nothing'}"
    yield f"Warned of: {warnings or 'nothing'}"
    yield f"Files shown: {len(said['files'])}"
    yield f"Looked with: {versions}"
    yield f"Attested by {attested['as']} at {attested['at']}: {attested['words']}"
    yield f"Consent: {attested['consent']}"


def _compare(receipt: Any, path: Path, at_rest_keys: Path | None) -> None:
    from bot.deid import receipts

    try:
        data = path.read_bytes()
    except OSError as error:
        raise CurbsideError(f"{path}: cannot be read ({error.strerror}).") from None
    words = data.decode("utf-8", "replace")
    for candidate in (words, words.removesuffix("\n")):
        if receipts.is_after(receipt, candidate):
            click.echo(f"{path} is the text that was shown.")
            return
    if receipts.is_file(receipt, data):
        click.echo(f"{path} is one of the files that were shown.")
        return
    if at_rest_keys is not None:
        from bot.kernel.sealing import KeyRing

        secret = KeyRing.load(at_rest_keys).derive(receipts.BEFORE)
        if any(receipts.is_before(receipt, one, secret) for one in (words, words.removesuffix("\n"))):
            click.echo(f"{path} is what the author wrote; it was not shown.")
            return
    raise CurbsideError(f"{path} is not what was shown.")
