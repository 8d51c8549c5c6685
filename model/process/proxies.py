"""Proxies as desktops and VPN programs set them, in the words that httpx understands.

httpx, with which Gradio and huggingface_hub talk, refuses to start at all where one of the usual
variables names a scheme that it does not know: GNOME writes socks:// for what is socks5://.
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
KNOWN = ("http://", "https://", "socks5://", "socks5h://")


def tidy_proxies(environment: MutableMapping[str, str] = os.environ) -> None:
    """Rewrite socks:// and what has no scheme; leave out, with a warning, what httpx cannot use."""
    for name in [*VARIABLES, *map(str.upper, VARIABLES)]:
        value = environment.get(name, "").strip()
        if value.startswith("socks://"):
            environment[name] = value.replace("socks", "socks5", 1)
        elif value and "://" not in value:
            environment[name] = f"http://{value}"
        elif value and not value.startswith(KNOWN):
            log.warning("%s is left out: only http, https and socks5 proxies can be used", name)
            del environment[name]
