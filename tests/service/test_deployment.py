"""docs/guides/service.md and docs/deploy: every setting and figure is named, files can be read, and commands exist."""

import configparser
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from pydantic import BaseModel

from matdisc.cli.app import app
from matdisc.service.http.metrics import Metrics
from matdisc.service.settings import Settings

pytestmark = pytest.mark.service
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "guides" / "service.md").read_text(encoding="utf-8")
DEPLOY = DOCS / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
MANIFESTS = sorted(DEPLOY.glob("*.yaml"))
GROUPS = {name: field.default for name, field in Settings.model_fields.items() if isinstance(field.default, BaseModel)}


def rows():
    """Return name and default of each row of the page's table of settings."""
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (.*?) \|", PAGE.split("## Settings")[1].split("\n## ")[0], re.M))


def test_every_setting_is_in_the_table_and_nothing_else():
    single = {name for name in Settings.model_fields if name not in ("home", "board", *GROUPS)}
    grouped = {f"{group}.{name}" for group, part in GROUPS.items() for name in type(part).model_fields}
    assert set(rows()) == single | grouped


def test_the_defaults_in_the_table_are_those_that_hold():
    for name, said in rows().items():
        group, _, key = name.rpartition(".")
        default = getattr(GROUPS[group], key) if group else Settings.model_fields[name].default
        if re.fullmatch(r"`?(true|false|[\d.]+)`?", said):
            assert tomllib.loads(f"x = {said.strip('`')}")["x"] == default, name
        elif said == "none":
            assert not default, name


def test_every_figure_is_on_the_page(sqlite_store):
    metrics = Metrics(sqlite_store)
    metrics.observe("/v1/me", "GET", 200, 0.1)
    figures = re.findall(r"^# TYPE (\S+)", metrics.text().decode(), re.M)
    missing = [name for name in figures if f"`{name}" not in PAGE and not name.endswith("_created")]
    assert len(figures) > 5
    assert missing == []


def test_alerts_are_about_figures_that_exist():
    rules = [
        rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    assert len(rules) > 3
    for rule in rules:
        for name in re.findall(r"(?:matdisc|http)_[a-z_]+", rule["expr"]):
            assert f"`{re.sub('_(count|bucket)$', '', name)}" in PAGE


def test_links_of_the_page_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert "../deploy/nginx.conf" in links
    assert [link for link in links if not (DOCS / "guides" / link).is_file()] == []
    for page in ("hosting.md", "clusters.md"):
        links += re.findall(r"\]\(([^)#]+)\)", (DOCS / "guides" / page).read_text(encoding="utf-8"))
    assert {path.name for path in DEPLOY.iterdir()} <= {Path(link).name for link in links}


NAMES = "|".join(typer.main.get_command(app).commands)


def commands():
    """Return the words of every command line of matdisc on the page and in the files beside it."""
    lines = []
    for path in [DOCS / "guides" / "service.md", *UNITS, DEPLOY / "kuberay.yaml"]:
        text = re.sub(r"^#.*$", "", path.read_text(encoding="utf-8"), flags=re.M)
        lines += re.findall(rf"\bmatdisc ((?:{NAMES})\b[^\n&`]*)", text)
    lines += re.findall(
        r"^CMD \[(.*)\]", (DEPLOY / "Containerfile").read_text().replace('"', "").replace(",", ""), re.M
    )
    found = [shlex.split(line.split("#")[0]) for line in lines]
    for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        found += [container["args"] for container in containers(document)]
    return [words[words[0] == "matdisc" :] for words in found]


def containers(document):
    template = document.get("spec", {}).get("template")
    return template["spec"]["containers"] if template else []


def parse(words):
    """Parse a command line; raises if there is no such command or option. A name alone is no command line."""
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    if words:
        command.make_context("matdisc", list(words))


def test_all_commands_on_the_page_and_in_the_files_exist_with_their_options():
    found = commands()
    assert {"up", "api", "worker", "backup", "token", "init", "datasets"} <= {words[0] for words in found}
    for words in found:
        parse(words)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_stops_in_order_and_may_write_little(path):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(path)
    service = unit["Service"]
    assert service["ExecStart"].split()[:2] == ["/opt/matdisc/bin/matdisc", path.stem.partition("-")[2] or "up"]
    assert int(service["TimeoutStopSec"]) >= 15
    assert service["Restart"] == "always"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"].startswith("/srv/board")
    assert service["User"] == "matdisc"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_can_be_read(path):
    documents = list(yaml.safe_load_all(path.read_text()))
    assert all(documents)
    if path.name != "alerts.yaml":
        assert all({"apiVersion", "kind", "metadata", "spec"} <= set(document) for document in documents)


def test_private_labels_are_mounted_by_workers_only():
    for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        for container in containers(document):
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            assert ("labels" in mounts) == (container["name"] == "worker")
