"""Who opened whose photos as an admin, when and why: what legal and the auditor read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from console.client import Api, ApiProblem, Json
from console.parts import forms
from console.parts.html import text
from console.parts.times import moment


async def drawn(api: Api, scopes: Collection[str], names: Mapping[str, str]) -> str:
    """The list, newest first; empty where nobody ever looked, or for whoever may not know.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    try:
        grants = await api.items("/v1/break-glass")
    except ApiProblem as found:
        if found.status == 403:
            return ""
        raise
    rows = "".join(_row(grant, "consents:write" in scopes, names) for grant in grants)
    if not rows:
        return ""
    return (
        "<section class='hm-part' id='glass'><h2>Photos opened by an admin</h2>"
        "<div class='hm-scroll' tabindex='0' role='region' aria-label='Photos opened by an admin'>"
        "<table class='hm-table'><thead><tr><th scope='col'>Who</th><th scope='col'>Model</th>"
        "<th scope='col'>Reason</th><th scope='col'>From (UTC)</th><th scope='col'>Until</th>"
        f"<th scope='col'>State</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _row(grant: Json, may_close: bool, names: Mapping[str, str]) -> str:
    actor = str(grant.get("actor") or "")
    state = "Open" if grant.get("open") else "Closed"
    if grant.get("open") and may_close:
        state = forms.form(f"DELETE /v1/break-glass/{grant.get('id')}", [], "Close", "Closed.")
    return (
        f"<tr><td>{text(names.get(actor, actor))}</td><td>{text(grant.get('model_id'))}</td>"
        f'<td class="hm-wrap">{text(grant.get("reason") or "–")}</td>'
        f"<td>{text(moment(grant.get('created_at')))}</td>"
        f"<td>{text(moment(grant.get('expires_at')))}</td><td>{state}</td></tr>"
    )
