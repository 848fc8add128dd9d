"""A feed service in Python: `client.py ADDRESS KEYS_FILE CANDIDATES SECONDS`."""

import os
import sys
import time
from pathlib import Path

from ranker.client import Client, Slot
from ranker.v1 import decision_pb2
from ranker.v1 import rerank_pb2 as pb

PACE_S = 0.2


def shown(slot: Slot) -> str:
    """Show a candidate with its duties, marks and numbers: without them it is unlawful."""
    names = [decision_pb2.Duty.Name(duty).removeprefix("DUTY_") for duty in slot.duties]
    return "+".join([slot.id or "-", *names])


address, keys_file, candidates, seconds = sys.argv[1:]
rows = [line.split() for line in Path(candidates).read_text(encoding="utf-8").splitlines()]
columns = pb.CandidateColumns(
    string_ids=[row[0] for row in rows], utilities=[float(row[1]) for row in rows]
)
request = pb.RerankRequest(surface="home", terminal="phone", slot_count=5, columns=columns)
keys = tuple(Path(keys_file).read_text(encoding="utf-8").split())  # a line each
token = os.environ.get("TOKEN", "")  # under TLS alone
with Client(address, token=token, deadline_s=0.5, keys=keys, refresh_s=1.0) as client:
    until = time.monotonic() + float(seconds)
    while (begun := time.monotonic()) < until:
        page = client.page(request)
        print(page.origin, *map(shown, page.slots), flush=True)
        if page.fault:
            print(page.fault, file=sys.stderr, flush=True)
        time.sleep(max(begun + PACE_S - time.monotonic(), 0))
