"""The documents say what the program does: settings, rosters, commands, events, links."""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click
import jsonschema
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.app import capabilities
from bot.chat.message import Message, content_of
from bot.chat.rich import verbatim
from bot.cli.main import curbside
from bot.consults.model import FHIR
from bot.dev.department import EXAMPLE
from bot.directory.roster import load_roster
from bot.kernel import metrics
from bot.settings import Settings, load

REPO = Path(__file__).parents[2]
PAGES = sorted([*REPO.glob("*.md"), *REPO.glob("docs/**/*.md")])
DEPARTMENT = (REPO / "docs" / "department.md").read_text("utf-8")
OPERATOR = (REPO / "docs" / "operator.md").read_text("utf-8")
EVENTS = (REPO / "docs" / "events.md").read_text("utf-8")
SCHEMA = json.loads((REPO / "docs" / "events.schema.json").read_text("utf-8"))
TITLED = dict(re.findall(r'^ *```\w+ title="([^"]+)"\n(.*?)^ *```$', OPERATOR, re.MULTILINE | re.DOTALL))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())


# The settings ------------------------------------------------------------------------------------


def _shown(default: Any) -> str:
    """A default as one writes it in the settings file."""
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, timedelta):
        seconds = int(default.total_seconds())
        if seconds >= 2 * 86400 and seconds % 86400 == 0:
            return f'`"{seconds // 86400}d"`'
        unit, size = next(
            (unit, size) for unit, size in (("h", 3600), ("m", 60), ("s", 1)) if seconds % size == 0
        )
        return f'`"{seconds // size}{unit}"`'
    if isinstance(default, Path):
        default = default.as_posix()
    return f"`{json.dumps(default)}`"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        if prefix + name == "bots":
            yield from _settings(get_args(field.annotation)[1], "bots.NAME.")
        elif (section := _section(field)) is not None:
            yield from _settings(section, f"{prefix}{name}.")
        else:
            yield prefix + name, _shown(field.default)


def test_the_table_of_settings_is_the_models() -> None:
    table = OPERATOR.partition("| Setting | Default |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| \S", table, re.MULTILINE)
    assert len(rows) == len(table.strip().splitlines()) - 2  # the rest of the heading, and the rule below it
    assert dict(rows) == dict(_settings(Settings))


def test_the_example_of_settings_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURBSIDE_LOG_LEVEL", "info")
    config = tmp_path / "curbside.toml"
    config.write_text(TITLED["curbside.toml"], "utf-8")
    assert set(load(config).bots) == {"curbside", "support"}


def test_every_other_example_of_settings_loads(tmp_path: Path) -> None:
    config = tmp_path / "curbside.toml"
    for text in re.findall(r"^```toml\n(.*?)^```$", OPERATOR, re.MULTILINE | re.DOTALL):
        config.write_text(text + TITLED["curbside.toml"], "utf-8")
        load(config)


def test_the_example_of_a_roster_loads(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(TITLED["roster.toml"], "utf-8")
    roster = load_roster(path, "UTC")
    assert set(roster.services) == {"cardiology", "psychiatry"}
    assert roster.services["cardiology"].timers["urgent"] == timedelta(minutes=10)
    assert roster.name_of("@anna.berg:hospital.example") == "Dr Anna Berg"
    table = OPERATOR.partition("| Entry | Meaning |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`(\w+)`", table)) | set(re.findall(r"`(\w+)\.", table))
    for entry in _entries(tomllib.loads(TITLED["roster.toml"])):
        assert entry in told, entry


def _entries(values: dict[str, Any]) -> Iterator[str]:
    yield from ("services", "clinicians")
    for service in values["services"].values():
        yield from service
        for shift in service.get("shifts", ()):
            yield from shift
    for person in values["clinicians"].values():
        yield from person


def test_the_guide_for_departments_shows_the_packaged_example() -> None:
    blocks = re.findall(
        r'^```toml title="departments/cardiology.toml"\n(.*?)^```$', DEPARTMENT, re.MULTILINE | re.DOTALL
    )
    assert "\n".join(blocks) == EXAMPLE.read_text("utf-8")


def test_the_templates_to_copy_are_read(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    (block,) = re.findall(
        r'^```toml title="departments/templates.toml"\n(.*?)^```$', DEPARTMENT, re.MULTILINE | re.DOTALL
    )
    path.write_text("[services.neurology]\n[services.infectious-diseases]\n" + block, "utf-8")
    assert set(load_roster(path, "UTC").templates) == {"stroke", "stewardship"}


def test_the_recipes_for_rotas_are_read(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    recipes = re.findall(r"`((?:windows|turn) = [^`]+)`", DEPARTMENT)
    spans = [f"windows = [{span}]" for span in re.findall(r'`("[^"`]*\d\d:\d\d[^"`]*")`', DEPARTMENT)]
    assert len(recipes) >= 6
    assert len(spans) >= 3
    for recipe in recipes + spans:
        path.write_text(f'[[rotas.x.layers]]\npeople = ["@a:hs", "@b:hs"]\nstart = 2026-01-05\n{recipe}\n')
        assert load_roster(path, "UTC").rotas["x"].people == ("@a:hs", "@b:hs")


def test_the_metrics_named_are_counted() -> None:
    counted = set(re.findall(r"^# HELP (\w+)", metrics.exposition().decode(), re.MULTILINE))
    named = set(re.findall(r"\bcurbside_(?:[a-z]+_)*[a-z]+\b", OPERATOR))
    assert named == {name for name in counted if name.startswith("curbside_")}


# Commands ----------------------------------------------------------------------------------------


@every_page
def test_the_bots_know_the_commands(page: Path) -> None:
    known = {"curbside"}
    for capability in capabilities():
        for command in capability.commands:
            known |= {command.word, *command.synonyms}
    if page.name == "tutorial.md":
        known |= {"job", "jobs", "tick"}  # the package that it builds
    text = re.sub(r"https?://\S+", "", page.read_text("utf-8"))
    unknown = set(re.findall(r"(?<![\w!\]/*:.`\[(])!([a-zäöüß][\w-]*)|`!([a-zäöüß][\w-]*)", text))
    assert {word for found in unknown for word in found if word} <= known


@every_page
def test_the_command_line_has_the_commands(page: Path) -> None:
    for line in _typed(page.read_text("utf-8")):
        words = shlex.split(line, comments=True)[1:]
        group: click.Command = curbside
        context = click.Context(curbside)
        while words and isinstance(group, click.Group):
            found = group.get_command(context, words.pop(0))
            assert found is not None, line
            group = found
        options = {name for parameter in group.params for name in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, line


def _typed(text: str) -> Iterator[str]:
    """What stands on the page as a command line of ours."""
    yield from re.findall(r"`(curbside [^`\n]+)`", text)
    for block in re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip().startswith("curbside "))


@every_page
def test_make_has_the_targets(page: Path) -> None:
    makefile = (REPO / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = page.read_text("utf-8")
    named = re.findall(r"`make ([a-z ]+?)(?: ARGS=[^`]*)?`|^make ([a-z]+)", text, re.MULTILINE)
    assert {target for found in named for words in found for target in words.split()} <= targets


# Events ------------------------------------------------------------------------------------------


def _texts(node: ast.AST | None) -> set[str]:
    """The texts that an expression may have."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    return _texts(node.body) | _texts(node.orelse) if isinstance(node, ast.IfExp) else set()


def _kinds_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "Message" and node.args:
                yield from _texts(node.args[0])
            for keyword in node.keywords:
                if keyword.arg == "kind":
                    yield from _texts(keyword.value)
        elif isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["kind"]:
            yield from _texts(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
                if argument.arg == "kind":
                    yield from _texts(default)


def _kinds() -> set[str]:
    """Every kind that occurs where the program makes a message."""
    found: set[str] = set()
    for path in (REPO / "bot").rglob("*.py"):
        text = path.read_text("utf-8")
        if path.parent.name != "dev" and "Message" in text:
            found |= set(_kinds_in(ast.parse(text)))
    return found


def test_every_kind_of_event_is_told_and_no_other() -> None:
    kinds = _kinds()
    assert {"pong", "consult.page", "consult.unstaffed", "progress"} <= kinds
    table = EVENTS.partition("| Kind | Sent when |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == kinds
    assert set(SCHEMA["properties"]["kind"]["anyOf"][0]["enum"]) == kinds


def test_the_states_of_a_consult_are_told() -> None:
    table = EVENTS.partition("## States of a consult")[2].partition("\n\nAnswered")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([\w-]+) \| ?([\w-]*) ?\|$", table, re.MULTILINE)
    assert {state: (status, business or None) for state, status, business in rows} == {
        str(state): told for state, told in FHIR.items()
    }
    assert {str(state) for state in FHIR} <= set(SCHEMA["properties"]["state"]["enum"])


def test_the_schema_is_one_and_fits_our_messages() -> None:
    validator = jsonschema.Draft202012Validator
    validator.check_schema(SCHEMA)
    page = Message(
        "consult.page", verbatim("…"), id="C-7F3K", state="requested", seq=0, buttons={"✅": "accept"}
    )
    for message in (
        page,
        Message("pong", verbatim("pong 7")),
        Message("progress", verbatim("…"), state="done"),
    ):
        for content in content_of(message):
            validator(SCHEMA).validate({**content["org.curbside"], "out": "01KJPRZB00FAJ1RNV4WC8RC9JD"})
    (example,) = re.findall(r"^```json\n(.*?)^```$", EVENTS, re.MULTILINE | re.DOTALL)
    validator(SCHEMA).validate(json.loads(example)["org.curbside"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "pong"},
        {"v": 1, "kind": "nothing"},
        {"v": 1, "kind": "consult.new"},
        {"v": 1, "kind": "consult.page", "id": "C-7F3K"},
        {"v": 1, "kind": "pong", "question": "text"},
    ],
)
def test_the_schema_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


# Pages -------------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as MkDocs and the forges make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@every_page
def test_links_within_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in _anchors(there), target


_PLACES = {"_matrix", "dev", "etc", "livez", "metrics", "opt", "readyz", "run"}


@every_page
def test_pages_name_no_place_of_somebodys_machine(page: Path) -> None:
    text = re.sub(r"\]\([^)]*\)|https?://\S+|</\w+>", "", page.read_text("utf-8"))
    found = set(re.findall(r"(?<![\w.>~/$}])/([A-Za-z_]\w*)", text))
    assert found <= _PLACES


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r"([\w/.-]+\.md)$", (REPO / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert named == {page.relative_to(REPO / "docs").as_posix() for page in REPO.glob("docs/**/*.md")}
