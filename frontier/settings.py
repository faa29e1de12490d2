"""Settings, read from `.env.local` and the environment; the environment wins.

Development needs no setting at all. Anything else must say who may call it and bring its own secret and database.
"""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env.local")

ENVIRONMENT = env.str("FRONTIER_ENV", "development")
if ENVIRONMENT not in {"development", "test", "production"}:
    raise ImproperlyConfigured(f"FRONTIER_ENV is {ENVIRONMENT!r}; write development, test or production.")
IS_DEVELOPMENT = ENVIRONMENT == "development"


def required(name: str, in_development: str) -> str:
    """The setting `name`; outside development it has no default."""
    value: str = env.str(name, in_development if IS_DEVELOPMENT else "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. With FRONTIER_ENV={ENVIRONMENT} put it in the environment or in .env.local."
        )
    return value


SECRET_KEY = required("FRONTIER_SECRET_KEY", in_development="development-only-" + "0" * 40)
DEBUG = IS_DEVELOPMENT and env.bool("FRONTIER_DEBUG", True)
ALLOWED_HOSTS = [
    host.strip() for host in required("FRONTIER_ALLOWED_HOSTS", in_development="localhost,127.0.0.1").split(",")
]

# Django's own tables lie in a schema of their own: the schema files cannot see them, a dump of `public` is whole.
SEARCH_PATH = "-c search_path=django,public"
# Holds the embedded server and whatever else a clone makes for itself; ignored by git.
EMBEDDED_ROOT = BASE_DIR / ".frontier"


def database() -> dict[str, Any]:
    """The database named by DATABASE_URL or SUPABASE_DB_URL; in development, without either, the embedded one."""
    for name in ("DATABASE_URL", "SUPABASE_DB_URL"):
        if env.str(name, ""):
            config: dict[str, Any] = {**env.db_url(name)}
            if config["ENGINE"] != "django.db.backends.postgresql":
                raise ImproperlyConfigured(f"{name} must begin with postgresql://, Frontier runs on PostgreSQL only.")
            config["OPTIONS"] = {"options": SEARCH_PATH, **config.get("OPTIONS", {})}
            return config
    if not IS_DEVELOPMENT:
        raise ImproperlyConfigured(
            f"DATABASE_URL is not set. With FRONTIER_ENV={ENVIRONMENT} name the database: "
            "postgresql://user:password@host:5432/name"
        )
    return {"ENGINE": "database.backend", "NAME": "frontier", "OPTIONS": {"options": SEARCH_PATH}}


DATABASES = {
    "default": {
        **database(),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": env.int("FRONTIER_CONN_MAX_AGE", 60),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "frontier.apps.FrontierAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "procrastinate.contrib.django",
    "django_extensions",
    "frontier",
    "database",
    "core",
    "metering",
    "invoicing",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "frontier.urls"
WSGI_APPLICATION = "frontier.wsgi.application"

AUTH_USER_MODEL = "core.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# The folder database/migrations holds SQL; the Django migrations that run it belong to the apps with models.
MIGRATION_MODULES = {"database": None, "frontier": None}
# Triggers reach the database through the schema files, like everything else.
PGTRIGGER_INSTALL_ON_MIGRATE = False
PGTRIGGER_MIGRATIONS = True

# Where files of readings are kept and archived: a folder, or s3://bucket/prefix.
LAKE = env.str("FRONTIER_LAKE", str(BASE_DIR / "var" / "lake"))
# Fernet keys of the credentials to vendors' portals, newest first: it seals, all of them open.
CREDENTIAL_KEYS = env.list("FRONTIER_CREDENTIAL_KEYS", default=[])

# Where notices are mailed; in development into files. Without it none is sent, and the refusal says so.
MAIL_URL = env.str("FRONTIER_MAIL_URL", f"filemail:///{BASE_DIR / 'var' / 'mail'}" if IS_DEVELOPMENT else "")
EMAIL_BACKEND = ""
if MAIL_URL:
    vars().update({name: value for name, value in env.email_url_config(MAIL_URL).items() if value is not None})
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("FRONTIER_MAIL_FROM", "frontier@localhost")
# How this installation is reached, for links in mails.
BASE_URL = env.str("FRONTIER_BASE_URL", "http://127.0.0.1:8000" if IS_DEVELOPMENT else "").rstrip("/")
# How many days before an invoice is due people are reminded of it.
PAYMENT_NOTICE_DAYS = env.int("FRONTIER_PAYMENT_NOTICE_DAYS", 7)

# Other addresses of vendors' portals, by vendor: a sandbox, a region. Never from a tenant's data.
VENDOR_URLS = env.json("FRONTIER_VENDOR_URLS", default={})
# Workers import the tasks; no other command waits for that.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
PROCRASTINATE_IMPORT_PATHS = ["core.tasks", "metering.tasks", "invoicing.tasks"]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"

if not IS_DEVELOPMENT:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("FRONTIER_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env.int("FRONTIER_HSTS_SECONDS", 3600)
