"""Rules of the catalogue that need what no terminal tells: declared, and UNVERIFIABLE until it is there."""

from expectations.rules.declaration import Unjudged

UNJUDGED = (
    Unjudged("terminal_software_outdated", "J", "A terminal runs the fleet's software.", ("software_version",), "S"),
)
"""In the catalogue's order."""
