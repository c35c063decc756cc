"""The checks of `flask doctor`, a module for each thing that they look at.

`DIAGNOSIS` finds out why something does not work: the seed's seven phases and nine reasons for empty contacts.
`SECURITY` finds out what is open to strangers.
"""

from chatapp.cli.checks import account, connection, exposure, files, installation, processes, safe_settings
from chatapp.cli.checks.examination import Check

DIAGNOSIS: dict[str, Check] = {
    "database": installation.database,
    "indexes": installation.indexes,
    "users": installation.users,
    "stored files": files.stored_files,
    "workers": installation.workers,
    "media": installation.media,
    "binding": installation.binding,
    "health": connection.health,
    "clock": connection.clock,
    "readiness": connection.readiness,
    "log-in": account.log_in,
    "token": account.token,
    "token's user": account.token_user,
    "contacts": account.contacts,
    "cors": connection.allowed_origin,
    "polling": connection.polling,
    "moved connections": processes.moved_connections,
    "websocket": connection.web_socket,
    "bus": processes.bus,
    "clocks": processes.clocks,
    "redis": processes.redis,
}

SECURITY: dict[str, Check] = {
    "environment": safe_settings.environment,
    "files": safe_settings.files,
    "secret": safe_settings.secret,
    "metrics token": safe_settings.metrics_token,
    "limits": safe_settings.limits,
    "directory": safe_settings.directory,
    "e-mails": safe_settings.emails,
    "listening": safe_settings.listening,
    "health": connection.health,
    "https": exposure.https,
    "headers": exposure.headers,
    "metrics": exposure.metrics,
    "documents": exposure.documents,
    "discovery": exposure.discovery,
    "demo users": exposure.demo_users,
    "cors": exposure.other_websites,
    "counting": exposure.counting,
    "proxies": exposure.proxies,
    "log-in": account.log_in,
    "address": exposure.address,
}
