"""The words that a creative reads. Names of pages, steps and buttons live here and nowhere else."""

from __future__ import annotations

BRAND = "housemodel"

HOME = "Home"
EDITORIAL = "Editorial Images"
REFINE = "Refine Image"
FLATLAY = "Flatlay to Catalog"
SWAP = "Model Background Swap"
MODELS = "Models"
REVIEW = "Review"
COMPLIANCE = "Compliance"
ADMIN = "Admin"
ADMIN_PEOPLE, ADMIN_KEYS = "People and roles", "API keys"
ADMIN_ENGINES, ADMIN_GLASS = "Packs and engines", "Break-glass"
ENROL = "Create custom model"
SCRATCH = "Create from scratch"
VERIFY = "Verify"
VERIFY_INTRO = "Which marks does a picture carry, and was it made here? Nothing of it is kept."
VERIFY_LIMITS = (
    "A picture without marks is no proof of anything: a photo of a screen loses them all. "
    "Pictures of other workspaces are recognised as made by this appliance, and no more is said."
)

CREATE_NEW = "Create New image"
PAST = "View past generations"
SELECT_MODEL = "Select consistent model"
GUIDELINES = "Adding Model Guidelines"
POLICY = "How long it is kept, and how it is destroyed: show this to the person first"
NO_POLICY = (
    "Nobody can be enrolled yet: this workspace has published no retention policy. "
    "Ask legal to publish one."
)
CREATE_MODEL = "Create your model"
NEXT, BACK, CANCEL, GENERATE = "Next", "Back", "Cancel", "Generate"

OWN_PAGE = "The person's own page"
WAITING, ENDING, AUDIT = "Waiting for an answer", "Consents by their end", "Audit log"

NAMELESS = "Custom model"  # a model whose name was destroyed with a refused enrolment

PROMPT_START = "$model wearing $product"

TOOLS = {"editorial": EDITORIAL, "flatlay_to_catalog": FLATLAY, "background_swap": SWAP}
TOOL_SUMMARIES = {
    "editorial": "Your model in your product, in a scene that you describe.",
    "flatlay_to_catalog": "Flat product photos become catalogue pictures, in every shot you need.",
    "background_swap": "A new background for a photo that you already have.",
}
GENDERS = (("Female", "female"), ("Male", "male"), ("Non-binary", "non_binary"))
TERRITORIES = {
    "EU": "European Union",
    "US": "United States",
    "GB": "United Kingdom",
    "CN": "China",
    "*": "Worldwide",
}
PHOTOS = {"full_body": "Full-body shot", "close_up": "Close-up shot", "both": "Both photos"}

STATUS = {
    "draft": "Draft",
    "building": "Being made",
    "needs_attention": "Needs attention",
    "awaiting_approval": "Waits for a second person",
    "ready": "Ready",
    "suspended": "Suspended",
    "expired": "Consent ended",
    "revoked": "Revoked",
    "erased": "Erased",
    "queued": "Waiting",
    "running": "Rendering",
    "completed": "Done",
    "refused": "Refused",
    "failed": "Failed",
    "cancelled": "Cancelled",
}

PAY = (
    ("Per published image", "per_image"),
    ("Flat fee", "flat"),
    ("For a period", "period"),
)

SYNTHETIC_PACK_NOTE = "This pack draws synthetic mannequins, not photographs."
SWAP_RULE = (
    "Custom models can't be used here. A person who agreed to appear in your pictures did not "
    "agree to be put into someone else's photo, so the service refuses a custom model on this tool."
)
SWAP_NOT_OFFERED = (
    "This tool is not offered yet with the pack that is loaded now. Editorial Images and "
    "Flatlay to Catalog are ready to use."
)
PROMPT_HELP = "$model is the chosen model, $product the chosen product; $$ is a dollar sign."
PLAN_WITHOUT_MODELS = (
    "This workspace's plan has no custom models. "
    "An admin can move it to the pro or enterprise plan."
)
DATE_WRONG = "The end date is not a date; write it as year-month-day, for example 2027-11-22."
SEED_WRONG = "The seed is a whole number from 0 to 4294967295; leave it empty for any."
PRODUCT_MISSING = "Choose at least one product photo."
NOBODY_READY = (
    "No custom model is ready",
    "Enrol a person with two photos and their consent.",
)
SIGNED_OUT = "You are signed out"


def words(table: dict[str, str], key: object) -> str:
    """The words for a code; an unknown code is shown readable rather than raw."""
    name = str(key or "")
    return table.get(name) or name.replace("_", " ").capitalize()
