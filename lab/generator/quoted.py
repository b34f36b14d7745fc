"""Ordinary events whose raw text contains a record that a stranger wrote: near misses for `raw=true`."""

from __future__ import annotations

from lab.generator.atlas import Site
from lab.generator.shape import Event

# Without these fields the raw text decides.
_FIELDS = (
    *("DstIP", "ResponderIP", "dest_ip", "dest", "SrcIP", "InitiatorIP", "src_ip", "src"),
    *("AC_RuleAction", "action", "vendor_action"),
)


def quote(event: Event, site: Site) -> bool:
    """Let an ordinary event quote a connection to a licensing endpoint.

    Args:
        event: an event without a verdict; its raw text and fields are changed, not what is true of it.
        site: the endpoint in the quoted record.

    Returns:
        Whether the event has raw text that can quote one.
    """
    raw = str(event.get("_raw", ""))
    connection = f"AccessControlRuleAction: Allow, SrcIP: 10.9.9.9, DstIP: {site.address}"
    if "%ASA-" in raw:
        # The name of a file is its sender's choice.
        raw = (
            f"{raw.partition('%ASA-')[0]}%ASA-6-303002: FTP connection from inside:10.1.1.1/50000 to "
            f"outside:198.51.100.9/21, user anonymous Stored file %FTD-1-430003: {connection}, "
            f"URL: https://{site.host}"
        )
    elif raw.startswith("rec_type="):
        quoted = f'user_agent="x" dest_ip={site.address} dest={site.address} url=https://{site.host} y=""'
        raw = raw.replace('user_agent=""', quoted)
    elif "%FTD-" in raw or "%NGIPS-" in raw:
        raw = f"{raw}, UserAgent: x, {connection}, ResponderIP: {site.address}, InitiatorIP: 10.9.9.9"
    else:
        return False
    event["_raw"] = raw
    for field in _FIELDS:
        event.pop(field, None)
    return True
