"""What an admin gets of processes, machines and packs: figures, versions, licences.

Nothing here has a place for a workspace's name, a prompt, a picture or a custom model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serve.wire.admin_views import QueueView
from serve.wire.views import PackLicenceView, Time
from workspace.machine import Running


class EngineView(BaseModel):
    """One process of the appliance."""

    model_config = ConfigDict(from_attributes=True)

    part: Literal["gateway", "diffusion", "identity", "whole"]
    name: str
    state: Literal["ready", "drawing", "starting"]
    engine: str
    device: str
    device_memory_bytes: int | None = Field(description="Null where it is the machine's own.")
    device_memory_free_bytes: int | None
    memory_bytes: int | None = Field(description="Resident memory of the process.")
    drawing: int = Field(description="Pictures in work.")
    drawn: int | None = Field(description="Pictures since it started; null where not counted.")
    failures: int = Field(description="Renders that failed in a row; three start it anew.")
    up_seconds: float | None


class EnginesView(BaseModel):
    """The loaded pack's name, every process, and how much waits."""

    pack: str
    queue: QueueView = Field(description="Of the whole appliance: all unlocked workspaces.")
    items: list[EngineView]


class NodeView(BaseModel):
    """One machine on which something of the appliance runs."""

    name: str
    cpus: int
    load: float = Field(description="Processes that want a CPU, mean of the last minute.")
    memory_bytes: int
    memory_free_bytes: int
    parts: list[str] = Field(description="Names of the processes on it.")


class NodesView(BaseModel):
    items: list[NodeView]


class AcknowledgedView(BaseModel):
    """Who answered for a licence."""

    contract: str
    by: str
    at: Time


class ShelvedPackView(BaseModel):
    """A pack that lies here, loaded or not."""

    folder: str
    name: str | None = None
    version: str | None = None
    digest: str | None = None
    loaded: bool
    licences: list[PackLicenceView] = []
    contract_needed: bool = Field(False, description="It is not free for commercial use.")
    acknowledged: AcknowledgedView | None = Field(None, description="The contract on record.")
    problem: str | None = Field(None, description="Why it can't be read.")


class ShelfView(BaseModel):
    items: list[ShelvedPackView]


def nodes(running: Iterable[Running]) -> NodesView:
    """Group processes by the machine that they are on."""
    found: dict[str, NodeView] = {}
    for one in running:
        if one.machine is None:
            continue
        seen = one.machine
        node = found.setdefault(
            seen.name,
            NodeView(
                name=seen.name,
                cpus=seen.cpus,
                load=seen.load,
                memory_bytes=seen.memory_bytes,
                memory_free_bytes=seen.memory_free_bytes,
                parts=[],
            ),
        )
        node.parts.append(one.name)
    return NodesView(items=[found[name] for name in sorted(found)])
