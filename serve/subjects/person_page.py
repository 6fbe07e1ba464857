"""A person's own page as HTML: plain, without a script or a file from elsewhere. Pure.

Every word that came from somebody goes through `escape`. The address of the page is a secret, so
nothing on it leads to another site.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from compliance import plain
from compliance.campaigns import Campaign
from compliance.ledger import Publication, UseOfPerson
from serve.subjects.person import Person, Shown
from serve.subjects.person_style import STYLE
from workspace.types import Approval, ImageId, ModelStatus

CONFIRMATION = "WITHDRAW"
_FOR_YOU = "Somebody said yes for you."
_STATES = {
    ModelStatus.READY: (
        "state",
        "Your consent is in force",
        "Pictures of you may be made and used within the terms below.",
    ),
    ModelStatus.SUSPENDED: (
        "state rests",
        "Paused",
        "No picture of you is made and none is published. What was made so far is kept.",
    ),
    ModelStatus.EXPIRED: (
        "state ended",
        "Your consent has ended",
        "No picture of you is made any more, and no further one is published.",
    ),
    ModelStatus.REVOKED: (
        "state ended",
        "You have withdrawn",
        "Your photos, your name, what was computed from your face and every picture of you were "
        "destroyed here. Ids, times and the terms in fixed words are left, as proof.",
    ),
    ModelStatus.ERASED: (
        "state ended",
        "Everything of you was destroyed",
        "Your photos, your name, what was computed from your face and every picture of you are "
        "gone. Ids, times and the terms in fixed words are left, as proof.",
    ),
    ModelStatus.NEEDS_ATTENTION: (
        "state ended",
        "You were not enrolled",
        "The photos did not pass the checks. What was sent was destroyed.",
    ),
}
_NOT_YET = (
    "state rests",
    "Not in use yet",
    "You are being set up. No picture of you can be made before that is finished and approved.",
)
_DAMAGED = (
    "state rests",
    "This can't be read at the moment",
    "What is kept about you here was changed or damaged; nobody can use it. You can withdraw.",
)
_ANSWERS: dict[tuple[Approval, bool], str] = {
    (Approval.APPROVED, True): "you said yes",
    (Approval.APPROVED, False): "somebody said yes for you",
    (Approval.DECLINED, True): "you said no",
    (Approval.DECLINED, False): "somebody said no for you",
}


def document(title: str, body: str, alone: bool = False) -> str:
    """Put a body into the whole page."""
    kind = ' class="alone"' if alone else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow, noarchive">'
        '<link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><main{kind}>"
        f'<p class="brand">housemodel</p>{body}</main></body></html>'
    )


def missing() -> str:
    """The page of an address that does not open, whatever the reason."""
    return document(
        "Not here",
        "<h1>There is no page here</h1><p>The address is not complete, or it has ended. "
        "Ask whoever sent it to you for a new one.</p>",
        alone=True,
    )


def closed_door(address: str) -> str:
    """What is shown before somebody presses the button: nothing of the person."""
    return document(
        "Your page",
        "<h1>A page for one person</h1><p>It shows what is done with your likeness here, and lets "
        "you decide about it. Open it only if it was sent to you.</p>"
        f'<form method="post" action="{escape(address)}/open"><button>Open my page</button></form>',
        alone=True,
    )


def problem(title: str, detail: str) -> str:
    """Say what went wrong."""
    return document(
        "Not now",
        f"<h1>{escape(title)}</h1><p>{escape(detail)}</p><p>Go back and try again.</p>",
        alone=True,
    )


def whole(
    person: Person,
    address: str,
    token: str,
    notice: str = "",
    wrong: bool = False,
    went: Sequence[Publication] = (),
) -> str:
    """The page.

    Args:
        address: Its own path.
        token: What every button carries.
        notice: What was done, or why it was not.
        wrong: Whether `notice` is about something that was not done.
        went: Where pictures went, for the one time after a withdrawal.
    """
    hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
    parts = [_head(person), _notice(notice, wrong), _went(went), _state(person, address, hidden)]
    if not person.is_gone:
        parts += [_pictures(person, address, hidden), _campaigns(person, address, hidden)]
    parts += [_terms(person), _pay(person), _uses(person, address, hidden)]
    if not person.is_gone:
        parts.append(_end(address, hidden))
    parts.append(
        f"<footer><p>This address opens until {plain.day(person.expires_at)}. Whoever has it sees "
        "this page and can answer for you: keep it to yourself.</p>"
        '<p><a href="/policy">How long what is kept</a></p></footer>'
    )
    return document("Your page", "".join(parts))


def _head(person: Person) -> str:
    whose = f"{escape(person.name)}, this is" if person.name else "This is"
    return (
        "<h1>Your likeness</h1>"
        f'<p class="soft">{whose} what {escape(person.workspace)} does with it.</p>'
    )


def _notice(notice: str, wrong: bool) -> str:
    if not notice:
        return ""
    kind = "notice problem" if wrong else "notice"
    role = "alert" if wrong else "status"
    return f'<p class="{kind}" role="{role}">{escape(notice)}</p>'


def _went(publications: Sequence[Publication]) -> str:
    known = [one for one in publications if one.where]
    if not known:
        return ""
    items = "".join(f"<li>{escape(_said_of(one))}</li>" for one in known)
    return (
        "<section><h2>Where pictures of you went</h2><p>Keep this list: these words were "
        f"destroyed, too, and are shown this once. Ask for what is there to be taken down.</p>"
        f"<ul>{items}</ul></section>"
    )


def _state(person: Person, address: str, hidden: str) -> str:
    kind, title, says = _STATES.get(person.status, _NOT_YET) if person.status else _DAMAGED
    buttons = ""
    if person.status is ModelStatus.READY:
        buttons = _form(address, "pause", hidden, "<button>Pause all use</button>")
    elif person.status is ModelStatus.SUSPENDED and person.paused_by_person:
        says += " You paused it; only you can allow it again."
        buttons = _form(address, "resume", hidden, "<button>Allow it again</button>")
    elif person.status is ModelStatus.SUSPENDED:
        says += f" {person.workspace} paused it."
        keep = '<button class="quiet">Keep it paused until I allow it</button>'
        buttons = _form(address, "pause", hidden, keep)
    if person.has_certificate and person.is_gone:
        buttons += (
            f'<p><a class="button" href="{escape(address)}/certificate">Download the signed '
            "certificate of destruction</a></p>"
        )
    return f'<section class="{kind}"><h2>{title}</h2><p>{escape(says)}</p>{buttons}</section>'


def _pictures(person: Person, address: str, hidden: str) -> str:
    if not person.waiting:
        return ""
    cards = "".join(_card(image, use, address, hidden) for image, use in person.waiting)
    more = person.waiting_in_all - len(person.waiting)
    rest = f"<p>{more} more come after these.</p>" if more else ""
    return (
        f'<section id="waiting"><h2>Waiting for your answer ({person.waiting_in_all})</h2>'
        "<p>Yes lets the picture be used as you agreed. No destroys it, for good.</p>"
        f'<ul class="pictures">{cards}</ul>{rest}</section>'
    )


def _card(image: ImageId, use: UseOfPerson | None, address: str, hidden: str) -> str:
    link = escape(f"{address}/images/{image}")
    said = f"<p>{_purpose_of(use)}</p>" if use else ""
    when = f" of {plain.day(use.made_at)}" if use else ""
    return (
        f'<li><a href="{link}"><img src="{link}" alt="Picture of you{when}" loading="lazy"></a>'
        f"<div>{said}{_answers('image', image, address, hidden, 'No, destroy it')}</div></li>"
    )


def _campaigns(person: Person, address: str, hidden: str) -> str:
    if not person.campaigns:
        return ""
    items = "".join(_campaign(one, address, hidden) for one in person.campaigns)
    waits = sum(one.status is Approval.PENDING for one in person.campaigns)
    title = f"Campaigns ({waits} wait for your answer)" if waits else "Campaigns"
    return f'<section id="campaigns"><h2>{title}</h2>{items}</section>'


def _campaign(one: Campaign, address: str, hidden: str) -> str:
    said = [plain.purpose(one.purpose)] if one.purpose else []
    said += [plain.channel(channel) for channel in one.channels] + plain.places(one.territories)
    where = f'<p class="soft">{escape(", ".join(said))}</p>' if said else ""
    note = f"<p>{escape(one.note)}</p>" if one.note else ""
    if one.status is Approval.PENDING:
        buttons = _answers("campaign", one.id, address, hidden, "No")
    else:
        yes = "You said yes." if (one.decided_by or "").startswith("tal_") else _FOR_YOU
        buttons = f"<p>{yes}</p>{_no_after_all('campaign', one.id, address, hidden)}"
    return f"<p><strong>{escape(one.name)}</strong></p>{where}{note}{buttons}"


def _answers(kind: str, about: str, address: str, hidden: str, no: str) -> str:
    inside = (
        f'{_about(kind, about)}<div class="answers">'
        '<button name="answer" value="approve">Yes</button>'
        f'<button class="quiet" name="answer" value="decline">{no}</button></div>'
    )
    return _form(address, "answer", hidden, inside)


def _no_after_all(kind: str, about: str, address: str, hidden: str) -> str:
    button = '<button class="quiet" name="answer" value="decline">Change it to no</button>'
    return _form(address, "answer", hidden, _about(kind, about) + button)


def _about(kind: str, about: str) -> str:
    return (
        f'<input type="hidden" name="kind" value="{kind}">'
        f'<input type="hidden" name="about" value="{escape(about)}">'
    )


def _terms(person: Person) -> str:
    title = "What you had agreed to" if person.is_gone else "What you agreed to"
    if person.given is None:
        return (
            f"<section><h2>{title}</h2><p>The record of your consent can't be read.</p></section>"
        )
    rows = "".join(
        f"<dt>{escape(heading)}</dt><dd>{escape(sentence)}</dd>"
        for heading, sentence in plain.in_words(person.given.terms)
    )
    version = f"Version {person.given.version}, of {plain.day(person.given.recorded_at)}."
    head = f'<h2>{title}</h2><p class="soft">{version}</p>'
    return f'<section id="terms">{head}<dl>{rows}</dl></section>'


def _pay(person: Person) -> str:
    sums = "".join(
        f'<p class="sum">{escape(total)} {escape(currency)}</p>'
        for currency, total in person.pay.totals.items()
    )
    lines = "".join(
        f"<li>{escape(line.amount or 'not computed')} {escape(line.currency)}: "
        f"{escape(line.says)}</li>"
        for line in person.pay.lines
    )
    listed = f"<ul>{lines}</ul>" if lines else ""
    return (
        f'<section id="pay"><h2>Your pay until today</h2>{sums or "<p>Nothing so far.</p>"}{listed}'
        '<p class="soft">Reckoned from the record and the terms; taxes and what was paid already '
        "are not in it.</p></section>"
    )


def _uses(person: Person, address: str, hidden: str) -> str:
    title = f"<h2>Every picture of you ({person.uses_in_all})</h2>"
    if not person.uses:
        return f'<section id="uses">{title}<p>None was made.</p></section>'
    rows = "".join(_row(shown, address, hidden) for shown in person.uses)
    heads = "".join(f"<th>{name}</th>" for name in ("Made", "For", "Published", "Picture"))
    return (
        f'<section id="uses">{title}<table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{_turning(person, address)}</section>"
    )


def _row(shown: Shown, address: str, hidden: str) -> str:
    use = shown.use
    went = "".join(f"<li>{escape(_said_of(one))}</li>" for one in shown.publications)
    published = f"<ul>{went}</ul>" if went else "not published"
    picture = "no longer kept"
    if shown.is_kept:
        picture = f'<a href="{escape(f"{address}/images/{use.image_id}")}">Look</a>'
    if shown.approval is Approval.PENDING:
        picture += " (waits for your answer)"
    elif shown.approval is not Approval.NONE:
        picture += f" ({_ANSWERS[shown.approval, shown.answered_by_person]})"
    if shown.approval is Approval.APPROVED and shown.is_kept:
        picture += _no_after_all("image", use.image_id, address, hidden)
    return (
        f'<tr><td data-is="Made">{plain.day(use.made_at)}</td>'
        f'<td data-is="For">{_purpose_of(use)}</td><td data-is="Published">{published}</td>'
        f'<td data-is="Picture">{picture}</td></tr>'
    )


def _purpose_of(use: UseOfPerson) -> str:
    said = (
        f"{plain.ONE_PICTURE.get(use.tool, use.tool)}, for {plain.purpose(use.purpose)}, "
        f"on {plain.channel(use.channel)}, in {_and(plain.places(use.territories))}"
    )
    return escape(said[0].upper() + said[1:])


def _said_of(one: Publication) -> str:
    where = f": {one.where}" if one.where else ""
    return (
        f"{plain.day(one.published_at)}, {plain.purpose(one.purpose)}, "
        f"{plain.channel(one.channel)}, {_and(plain.places(one.territories))}{where}"
    )


def _turning(person: Person, address: str) -> str:
    if person.pages == 1:
        return ""
    links = [
        f'<a href="{escape(address)}?page={number}#uses">{words}</a>'
        for number, words in ((person.page - 1, "Newer"), (person.page + 1, "Older"))
        if 1 <= number <= person.pages
    ]
    return f"<p>Page {person.page} of {person.pages}. {' '.join(links)}</p>"


def _end(address: str, hidden: str) -> str:
    inside = (
        f'<label for="word">Write {CONFIRMATION} to confirm</label>'
        '<input type="text" id="word" name="word" autocomplete="off" autocapitalize="characters" '
        'spellcheck="false" required><br><button class="final">Withdraw for good</button>'
    )
    return (
        '<section id="end"><h2>Withdraw for good</h2><p>Your photos, your name, what was computed '
        "from your face and every picture of you are destroyed here at once, and nothing can bring "
        "them back. Work that waits is cancelled. You get a signed certificate, and a list of "
        "where pictures were published, so that you can ask for them to be taken down.</p>"
        f"{_form(address, 'withdraw', hidden, inside)}</section>"
    )


def _form(address: str, act: str, hidden: str, inside: str) -> str:
    return f'<form method="post" action="{escape(address)}/{act}">{hidden}{inside}</form>'


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "nowhere"
