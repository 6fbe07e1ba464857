"""What a request must fit before compliance is asked: the tool, the loaded pack, the workspace.

These answers need no consent and no clock, except `usage`, which counts for `admission`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from compliance import campaigns, territories
from compliance.admission import Usage
from compliance.marks.labels import Shows
from compliance.terms import Vocabulary
from identity import models
from serve.line import templates
from serve.line.asked import Asked
from workspace.errors import Fault, InvalidRequest, NotFound, ToolNotAllowed
from workspace.plans import Plan
from workspace.ports import FaceEncoder
from workspace.store import WorkspaceStore
from workspace.types import RGB, ModelId, ModelStatus, PackSummary, Tool, Workspace

CARRIED_OUT = tuple(Tool)
CATALOGUE_PROMPT = "$product, catalog, plain white studio"
CATALOGUE_PROMPT_WITH_MODEL = "$model wearing $product, full body, plain white studio"


def tool_takes_no_model(asked: Asked) -> None:
    """Refuse custom models on background swap, whether or not the model exists.

    Raises:
        ToolNotAllowed: a model is chosen or the prompt names one.
    """
    if asked.tool is not Tool.BACKGROUND_SWAP:
        return
    if asked.model_id is not None:
        raise ToolNotAllowed("Background swap takes no custom model.", (), None, "/model_id")
    if templates.names_model(asked.prompt):
        raise ToolNotAllowed("Background swap takes no `$model`.", (), None, "/prompt")


def words_known(asked: Asked, vocabulary: Vocabulary) -> None:
    """Hold purpose, channel and territories to known words: the audit log has them in clear.

    Raises:
        InvalidRequest: one is not among them.
    """
    if asked.purpose not in vocabulary.purposes:
        raise _wrong(f"A purpose is one of {', '.join(vocabulary.purposes)}.", "/purpose")
    if asked.channel not in vocabulary.channels:
        raise _wrong(f"A channel is one of {', '.join(vocabulary.channels)}.", "/channel")
    for index, territory in enumerate(asked.territories):
        if territories.normalize(territory) is None:
            raise _wrong(
                "A territory is * (worldwide), EU, a country such as US, or US-NY.",
                f"/territories/{index}",
            )


def label_explained(asked: Asked) -> None:
    """Ask why a picture is to carry no visible label.

    Raises:
        InvalidRequest: no reason is given.
    """
    if asked.label == "none" and not asked.label_reason.strip():
        raise _wrong("Say why the pictures carry no visible label.", "/label_reason")


def fit(asked: Asked, pack: PackSummary) -> Asked:
    """Check the request against the loaded pack and fill in its defaults.

    Raises:
        InvalidRequest: the pack lacks the tool or the aspect ratio, or takes fewer products; or
            the tool needs a product or a prompt.
    """
    tool_offered(asked, pack)
    aspect_ratio = asked.aspect_ratio or pack.default_aspect_ratio
    if aspect_ratio not in pack.sizes:
        raise _wrong(f"The loaded pack draws {', '.join(pack.sizes)}.", "/aspect_ratio")
    if len(asked.product_ids) > pack.max_products:
        raise _wrong(f"The loaded pack takes {pack.max_products} product(s).", "/product_ids")
    if asked.tool is Tool.FLATLAY_TO_CATALOG and not asked.product_ids:
        raise _wrong("Flatlay to Catalog needs a product.", "/product_ids")
    return replace(asked, aspect_ratio=aspect_ratio, prompt=_prompt(asked))


def tool_offered(asked: Asked, pack: PackSummary) -> None:
    """Refuse a tool that the loaded pack lacks.

    Raises:
        InvalidRequest: it does.
    """
    if asked.tool.value not in offered(pack):
        raise _wrong(f"The loaded pack does not offer {asked.tool.value}.", "/tool")


def offered(pack: PackSummary) -> tuple[str, ...]:
    """The tools of the loaded pack that this service can carry out."""
    return tuple(tool for tool in pack.tools if tool in CARRIED_OUT)


def _prompt(asked: Asked) -> str:
    if asked.prompt.strip():
        return asked.prompt
    if asked.tool is Tool.FLATLAY_TO_CATALOG:
        return CATALOGUE_PROMPT_WITH_MODEL if asked.model_id else CATALOGUE_PROMPT
    if asked.tool is Tool.BACKGROUND_SWAP:
        raise _wrong("Say what the new background is, for example `a sandy beach`.", "/prompt")
    raise _wrong("Say what the picture shows, for example `$model wearing $product`.", "/prompt")


def plan_of(plans: Mapping[str, Plan], workspace: Workspace) -> Plan:
    """Look up the plan of a workspace.

    Raises:
        Fault: the workspace is on a plan that `plans.toml` no longer has.
    """
    if workspace.plan not in plans:
        raise Fault("The workspace is on a plan that plans.toml does not have.")
    return plans[workspace.plan]


def products_exist(store: WorkspaceStore, asked: Asked) -> None:
    """Make sure that every product is one of this workspace.

    Raises:
        NotFound: one is not.
    """
    for index, product_id in enumerate(asked.product_ids):
        if not store.count("products", "id = ?", (product_id,)):
            raise NotFound("There is no such product.", (), None, f"/product_ids/{index}")


def with_campaign(store: WorkspaceStore, asked: Asked) -> Asked:
    """Name a campaign by its id; one that is not found stays as it is, and admission refuses it.

    Raises:
        InvalidRequest: a campaign is named without a custom model.
    """
    if asked.campaign is None:
        return asked
    if asked.model_id is None:
        raise _wrong("A campaign is about a custom model; choose one.", "/campaign")
    found = campaigns.named(store, asked.model_id, asked.campaign)
    return replace(asked, campaign=found.id) if found else asked


def model_status(store: WorkspaceStore, model_id: ModelId | None) -> ModelStatus | None:
    """The status of a custom model; None when there is none under this id."""
    row = store.db.execute("SELECT status FROM models WHERE id = ?", [model_id]).fetchone()
    return ModelStatus(row[0]) if row else None


def model_allows(store: WorkspaceStore, asked: Asked) -> None:
    """Hold a usable model to the tools that its workspace allows it on.

    Raises:
        ToolNotAllowed: the model's own list lacks the tool.
    """
    if model_status(store, asked.model_id) is not ModelStatus.READY or asked.model_id is None:
        return  # admission says why it can't be used at all
    if asked.tool not in models.describe(store, asked.model_id).tools:
        raise ToolNotAllowed("This model is not allowed on this tool.", (), None, "/tool")


def shows(
    store: WorkspaceStore,
    model_id: ModelId | None,
    encoder: FaceEncoder,
    picture: RGB,
    is_photo: bool = False,
) -> Shows:
    """Whom a picture shows: the model, and without one a synthetic person if there is a face.

    Args:
        is_photo: It is a photo that was changed; a face in it is a real person's.
    """
    if model_id is None:
        someone: Shows = "real_person" if is_photo else "synthetic"
        return someone if encoder.detect(picture) else "nobody"
    row = store.db.execute("SELECT kind FROM models WHERE id = ?", [model_id]).fetchone()
    return "synthetic" if row and row[0] == "synthetic" else "real_person"


def model_version(store: WorkspaceStore, model_id: ModelId | None) -> int | None:
    """The version of a custom model's likeness."""
    row = store.db.execute("SELECT version FROM models WHERE id = ?", [model_id]).fetchone()
    return int(row[0]) if row else None


def usage(
    store: WorkspaceStore,
    generation_id: str,
    model_id: ModelId | None,
    now: datetime,
    at_submit: bool,
) -> Usage:
    """Count what was used so far, without the generation that is asked about.

    Args:
        at_submit: Whether the queue counts, too; once accepted, a generation is not refused for it.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = "id <> ? AND status IN ('queued', 'running', 'completed')"
    return Usage(
        images_today=_images(
            store, f"{counts} AND created_at >= ?", (generation_id, midnight.isoformat())
        ),
        images_of_model=(
            _images(store, f"{counts} AND model_id = ?", (generation_id, model_id))
            if model_id
            else 0
        ),
        queued=(store.count("generations", "status IN ('queued', 'running')") if at_submit else 0),
    )


def _images(store: WorkspaceStore, where: str, params: tuple[str, ...]) -> int:
    sql = f"SELECT COALESCE(SUM(n), 0) FROM generations WHERE {where}"
    return int(store.db.execute(sql, params).fetchone()[0])


def _wrong(detail: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, pointer)
