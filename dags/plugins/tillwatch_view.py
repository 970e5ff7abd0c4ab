"""The page of cases in Airflow's menu: an external view, where `[app]` of the settings names its address.

Set ``AIRFLOW__CORE__PLUGINS_FOLDER`` to this folder. Where ``app.framed_by`` names Airflow's origin the page
opens within Airflow, elsewhere in a tab of its own.
"""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

ROUTE = "tillwatch-cases"


class TillwatchView(AirflowPlugin):
    """One entry of the menu; none while there is no address."""

    name = "tillwatch"
    external_views: ClassVar[list[dict[str, Any]]] = []

    @classmethod
    def on_load(cls, *args: object, **kwargs: object) -> None:
        """Read the address when Airflow has loaded the plugin, not when it reads the file."""
        del args, kwargs
        from ingest.settings import load_settings

        app = load_settings().app
        if app.url is None:
            return
        view = {"name": "tillwatch: cases", "href": f"{app.url}/cases", "destination": "nav", "category": "browse"}
        cls.external_views = [view | ({"url_route": ROUTE} if app.framed_by else {})]
