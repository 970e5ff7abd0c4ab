"""The profiles of one's own that a lake is read with, beside those that are built in."""

from pathlib import Path

from ingest.settings import Settings
from protocols.profile import Profile, load_profile


def own_profiles(settings: Settings) -> dict[str, Profile]:
    """The profiles of the settings' lines that are files of one's own, by the names under which frames are recorded.

    Raises:
        ProfileError: such a file is gone or wrong; nothing that it reads would land.
    """
    files = {line.profile for line in settings.lines if line.profile.endswith(".toml")}
    return {profile.name: profile for profile in map(load_profile, sorted(files))}


def landing_lacks(settings: Settings, profile: str) -> str:
    """What to say of frames that a profile reads: nothing, unless it is a file that no line of the settings names.

    Args:
        settings: those that `land` will have: the file's, without a command's own words.
        profile: a name, or the path of a .toml file.
    """
    named = {Path(line.profile).resolve() for line in settings.lines if line.profile.endswith(".toml")}
    if not profile.endswith(".toml") or not Path(profile).is_file() or Path(profile).resolve() in named:
        return ""
    return (
        f"{profile}: no line of the settings has this profile, so what it reads will not land\n"
        f'  try: profile = "{profile}" of a line in tillwatch.toml, before `tillwatch land`'
    )
