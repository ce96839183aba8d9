"""`matdisc elicit`: a table of element pairs from the answers of a language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from matdisc.atomic import naming, write_atomic
from matdisc.progress import news


def elicit(
    elements: Annotated[list[str], typer.Argument(help="Symbols of at least two elements.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV file that answers are appended to, or prompts go to.")],
    domain: Annotated[
        list[str] | None, typer.Option("--domain", help="A field of knowledge; repeat for several. Default: five.")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", help="Base address of an OpenAI-compatible service; without it nothing is sent."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model's name at that service.")] = None,
    key_variable: Annotated[
        str, typer.Option("--key-variable", help="Environment variable that holds the service's key.")
    ] = "MATDISC_ELICIT_KEY",
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait for one answer.")] = 60.0,
) -> None:
    """Ask a language model how well elements replace each other, or write the prompts.

    Without --endpoint the prompts are written to --out as JSON lines and nothing is sent. With it each answer is
    appended to the CSV table --out, and the same command goes on where it stopped.

    Example: matdisc elicit Fe Co Ni --endpoint http://localhost:8080/v1 --model my-model --out table.csv
    """
    from matdisc.errors import RunError
    from matdisc.models.evidence import elicit as asking

    asked = asking.questions(elements, domain or list(asking.DOMAINS))
    if endpoint is None:
        lines = [
            {"element_1": q.element_1, "element_2": q.element_2, "domain": q.domain, "prompt": q.prompt()}
            for q in asked
        ]
        write_atomic(out, "".join(json.dumps(line) + "\n" for line in lines).encode())
        typer.echo(f"{len(asked)} prompts written to {out}; nothing was sent (name an --endpoint and a --model to ask)")
        return
    if not model:
        raise RunError("option '--model' is missing; name the model as the service at --endpoint knows it")

    def said(done: int, total: int) -> None:
        if done % 25 == 0 or done == total:
            news(f"elicit: {done} of {total}")

    with naming(out):
        sent = asking.elicit(asked, asking.Endpoint(endpoint, model, key_variable, timeout), out, said)
    typer.echo(f"{sent} questions asked, {len(asked) - sent} answered before; table: {out}")
