"""The profiles of one's own that a lake is read with, beside those that are built in."""

from ingest.settings import Settings
from protocols.profile import Profile, load_profile


def own_profiles(settings: Settings) -> dict[str, Profile]:
    """The profiles of the settings' lines that are files of one's own, by the names under which frames are recorded.

    Raises:
        ProfileError: such a file is gone or wrong; nothing that it reads would land.
    """
    files = {line.profile for line in settings.lines if line.profile.endswith(".toml")}
    return {profile.name: profile for profile in map(load_profile, sorted(files))}
