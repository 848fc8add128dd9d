"""`slotwarden explain`: why a candidate stands where it does, and what would alter that."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format

from ranker.cli.shared import (
    DataDir,
    Json,
    Lang,
    Language,
    PolicyDir,
    app,
    fail,
    print_json,
    settings_with,
)
from ranker.explaining import Explainer
from ranker.request_file import parse_request
from ranker.serving.page_token import load_keys
from ranker.serving.state import State
from ranker.telemetry import log_as_json
from ranker.v1 import explain_pb2 as pb


@app.command()
def explain(
    request: Annotated[Path, typer.Option(help="JSON file of the request.")],
    candidate: Annotated[str, typer.Option(help="Id of the candidate to explain.")],
    surface: Annotated[str, typer.Option(help="Instead of the file's surface.")] = "",
    terminal: Annotated[str, typer.Option(help="Instead of the file's terminal.")] = "",
    data_dir: DataDir = None,
    policy_dir: PolicyDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Say why a candidate stands where it does, and the least that would alter it."""
    log_as_json(level=logging.WARNING)
    settings = settings_with(data_dir=data_dir, policy_dir=policy_dir)
    if not (settings.data_dir / "facts.sqlite").exists():
        fail(f"{settings.data_dir}: holds no fact store")
    message = parse_request(request.read_bytes(), surface)
    message.terminal = terminal or message.terminal
    state = State(settings)
    keys = load_keys(settings.data_dir) if message.page_token else []
    explainer = Explainer(settings, state, keys)
    asked = pb.ExplainRequest(request=message, candidate_id=candidate)
    reply = explainer.explain(asked.SerializeToString())
    if as_json:
        values = json_format.MessageToDict(
            reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        print_json(values)
    else:
        print(reply.said_zh if lang == Language.ZH else reply.said_en)
