"""The settings of this process, for everything below the application factory. `config.py` reads them."""

from config import Config

_config: Config | None = None


def use(config: Config) -> None:
    """Make these the settings of this process."""
    global _config
    _config = config


def config() -> Config:
    """Return the settings of this process. Raises RuntimeError before `use`."""
    if _config is None:
        raise RuntimeError("settings.use(config) has to run first")
    return _config
