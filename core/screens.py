"""The screens of the admin, derived from the models they show.

A screen derives its columns, search, filters and order from its model, and every reference is picked by search, so
that no select loads a large table. What is written by hand is what a model cannot know: lines below an invoice,
groups of fields, what may no longer be changed.

Rules that only the database enforces are told to the person on the form, with nothing saved and nothing retyped.
"""

from __future__ import annotations  # Django's fields take type arguments only in annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.forms import SimpleArrayField
from django.core.paginator import EmptyPage, Page, Paginator
from django.db import DatabaseError, connections, models, router, transaction
from django.db.models.fields.related import ForeignKey
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from core.models.vocabulary import Lookup

LIST_COLUMNS = 8
# Text of several lines: a textarea on the form, too long for a list.
PROSE = frozenset({"address", "description", "raw_text"})
# A name by which people look a row up, on the model itself or on what it refers to.
NAMES = ("name", "code")

# What is read otherwise than it is typed.
READ_OTHERWISE = (models.DecimalField, models.DateField, ArrayField)

# SQLSTATE classes by which PostgreSQL or a trigger of ours refuses a row; anything else is a fault of the program.
REFUSALS = frozenset(
    {
        "22",  # data exception
        "23",  # integrity constraint violation
        "44",  # with check option violation
        "54",  # program limit exceeded, such as a text too long for its index
        "P0",  # raised in PL/pgSQL without a code of its own
    }
)


def refusal(error: DatabaseError) -> str | None:
    """Why the database refused a row, in its own words; None when it was not the row that was refused."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or (cause.sqlstate or "")[:2] not in REFUSALS:
        return None
    said = (cause.diag.message_primary, cause.diag.message_detail, cause.diag.message_hint)
    words = ". ".join(sentence.rstrip(".") for sentence in said if sentence)
    return f"The database refused this, nothing was saved. It says: {words}."


def readable(number: Decimal, decimals: int = 0) -> str:
    """A number grouped by thousands, without trailing zeros beyond the first `decimals` places: 1,234.50."""
    whole, _, fraction = f"{number:,f}".partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole


def is_vocabulary(model: type[models.Model]) -> bool:
    """Whether a table is a short list of words, as its comment says."""
    return (model._meta.db_table_comment or "").startswith("Lookup:")


def _is_money(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, models.DecimalField) and (field.max_digits, field.decimal_places) == (20, 4)


def _as_read(field: models.Field[Any, Any]) -> Callable[[models.Model], str | None]:
    """A column that shows a number grouped, a day or an instant as ISO 8601 writes it, a list with one entry a line."""

    @admin.display(description=field.verbose_name, ordering=field.name)
    def show(row: models.Model) -> str | None:
        value = getattr(row, field.attname)
        if isinstance(value, Decimal):
            return format_html('<span class="figure">{}</span>', readable(value, decimals=2 if _is_money(field) else 0))
        if isinstance(value, datetime):
            wall = timezone.localtime(value).replace(tzinfo=None)
            return wall.isoformat(" ", "seconds" if wall.second or wall.microsecond else "minutes")
        if isinstance(value, list):
            entries = format_html_join("", "<li>{}</li>", ((entry,) for entry in value))
            return format_html('<ul class="entries">{}</ul>', entries) if value else None
        return value.isoformat() if isinstance(value, date) else None

    show.__name__ = field.name
    return show


def _sealed(field: models.BinaryField[Any, Any]) -> Callable[[models.Model], str]:
    """A column that says whether there is a secret and never what it is."""

    @admin.display(description=field.verbose_name)
    def show(row: models.Model) -> str:
        size = len(getattr(row, field.attname))
        return f"sealed, {size} bytes" if size else "empty"

    return show


def _secrets(model: type[models.Model]) -> list[models.BinaryField[Any, Any]]:
    return [field for field in model._meta.concrete_fields if isinstance(field, models.BinaryField)]


def _fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """The columns that may be shown: not the number of the row, and never bytes, which are sealed secrets."""
    return [
        field
        for field in model._meta.concrete_fields
        if (field.is_relation or not field.primary_key) and not isinstance(field, models.BinaryField)
    ]


def _name_column(model: type[models.Model]) -> str | None:
    names = {field.name for field in model._meta.concrete_fields}
    return next((name for name in NAMES if name in names), None)


def _is_short(field: models.Field[Any, Any]) -> bool:
    return field.name not in PROSE and not isinstance(field, models.TextField | models.JSONField | ArrayField)


def columns_of(model: type[models.Model]) -> list[str]:
    """The name of a row, then its short columns as far as there is room."""
    short = [field.name for field in _fields(model) if field.editable and _is_short(field)]
    lead = _name_column(model) or "__str__"
    return [lead, *(name for name in short if name != lead)][:LIST_COLUMNS]


def searched_in(model: type[models.Model], depth: int = 2) -> list[str]:
    """The texts of a model, then the names of what it refers to; references of references where neither has any."""
    texts = [
        field.name
        for field in _fields(model)
        if isinstance(field, models.CharField | models.TextField) and not field.choices
    ]
    references = [field for field in _fields(model) if isinstance(field, ForeignKey)]
    named = [(field.name, _name_column(field.related_model)) for field in references]
    found = texts + [f"{reference}__{name}" for reference, name in named if name]
    if found or not depth:
        return found
    return [f"{field.name}__{path}" for field in references for path in searched_in(field.related_model, depth - 1)]


def filtered_by(model: type[models.Model]) -> list[str]:
    """Choices, yes or no, and references to short lists of words."""
    return [
        field.name
        for field in _fields(model)
        if field.choices
        or isinstance(field, models.BooleanField)
        or (isinstance(field, ForeignKey) and is_vocabulary(field.related_model))
    ]


def dated_by(model: type[models.Model]) -> str | None:
    """The first date or instant that a row cannot be without."""
    dates = (field for field in _fields(model) if isinstance(field, models.DateField))
    return next((field.name for field in dates if field.editable and not field.null), None)


def ordered_by(model: type[models.Model]) -> list[str]:
    """The newest first; rows without a date by name, and those without either as they came, the last first."""
    dated, named = dated_by(model), _name_column(model)
    return [f"-{dated}" if dated else named or "-pk"]


class Prose(forms.CharField):
    """Text of several lines as it is stored: browsers end its lines with CRLF, and nothing else is changed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"empty_value": None, **options, "strip": False})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text


class ReadableJSON(forms.JSONField):
    """JSON with one key a line, and an empty box where there is none."""

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2, cls=self.encoder)

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (ValueError, RecursionError) as error:  # a number too long to be one, or nesting without end
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class OneALine(SimpleArrayField):
    """A list with one entry a line; an empty box is no list."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "delimiter": "\n"})

    def clean(self, value: Any) -> Any:
        return super().clean(value) or None


class ReadableDecimal(forms.DecimalField):
    """A number without trailing zeros; grouping is left out, since it could not be typed back."""

    def prepare_value(self, value: Any) -> Any:
        return readable(value).replace(",", "") if isinstance(value, Decimal) else value


class ScreenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that writes what a person has touched and nothing else.

    Widgets lose what they cannot show, such as the microseconds of an instant; an untouched field keeps it.
    """

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.instance._state.adding:
            for field in self.instance._meta.concrete_fields:
                untouched = field.name in cleaned and field.name not in self.changed_data
                if untouched and not field.is_relation and not field.primary_key:
                    cleaned[field.name] = getattr(self.instance, field.attname)
        return cleaned


class Derived(admin.options.BaseModelAdmin):  # type: ignore[type-arg]
    """What screens and the lines below them have in common."""

    form = ScreenForm
    formfield_overrides = {
        ArrayField: {"form_class": OneALine, "widget": AdminTextareaWidget, "help_text": "One a line."},
        models.DecimalField: {"form_class": ReadableDecimal},
        models.JSONField: {"form_class": ReadableJSON, "widget": AdminTextareaWidget},
        models.TextField: {"form_class": Prose},
    }

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        fields = _fields(self.model)
        self.stand_ins: dict[str, Callable[[Any], str | None]] = {
            field.name: _as_read(field) for field in fields if isinstance(field, READ_OTHERWISE)
        }
        self.references = [field.name for field in fields if isinstance(field, ForeignKey)]

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        return self.references

    def shown(self, names: Sequence[Any]) -> list[Any]:
        """The same columns where they are only read, with what stands for some of them there."""
        return [self.stand_ins.get(name, name) for name in names]

    def formfield_for_dbfield(self, db_field: models.Field[Any, Any], request: HttpRequest, **options: Any) -> Any:
        if db_field.name in PROSE:
            options = {"form_class": Prose, "widget": AdminTextareaWidget, **options}
        formfield = super().formfield_for_dbfield(db_field, request, **options)
        if isinstance(db_field, ForeignKey) and formfield:
            # To delete what is referred to is no part of choosing it.
            formfield.widget.can_delete_related = False
        return formfield


class Lines(Derived, admin.TabularInline):  # type: ignore[misc,type-arg]
    """Rows that belong to the row above them, and are fixed when that is."""

    extra = 0
    show_change_link = True
    # Whether the rows are only read here and changed on their own screen.
    read_only = False

    def may_change(self, parent: models.Model | None) -> bool:
        screen = self.admin_site.get_model_admin(self.parent_model)
        is_fixed = isinstance(screen, Screen) and parent is not None and screen.fixed(parent) is not None
        return not self.read_only and not is_fixed

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        return fields if self.may_change(obj) else self.shown(fields)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        return list(self.readonly_fields) if self.may_change(obj) else self.shown(self.fields or ())

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.may_change(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.may_change(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self.may_change(obj) and super().has_delete_permission(request, obj)


class Refusing(admin.ModelAdmin):  # type: ignore[type-arg]
    """A screen on which what the database refuses is said on the form, and the form keeps what was typed."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DatabaseError as error:
            refused = refusal(error)
            if refused is None:
                raise
        request.refused = refused  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **options: Any
    ) -> type[forms.ModelForm[Any]]:
        form = super().get_form(request, obj, change=change, **options)
        refused: str | None = getattr(request, "refused", None)
        if refused is None:
            return form

        class Refused(form):  # type: ignore[misc,valid-type]
            def clean(self) -> Any:
                self.add_error(None, refused)
                return super().clean()

        return Refused

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # References are checked at COMMIT, which is too late to say so on the form.
        connections[router.db_for_write(self.model)].check_constraints()

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        change_form = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
        return self._or_back(change_form, super().delete_view, request, object_id, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._or_back(request.path, super().changelist_view, request, extra_context)

    def _or_back(
        self, address: str, view: Callable[..., HttpResponse], request: HttpRequest, *arguments: Any
    ) -> HttpResponse:
        """What the view answers; where the database refuses its deed, back to an address with the reason."""
        if request.method != "POST":
            return view(request, *arguments)
        try:
            with transaction.atomic(using=router.db_for_write(self.model)):
                return view(request, *arguments)
        except DatabaseError as error:
            refused = refusal(error)
            if refused is None:
                raise
        self.message_user(request, refused, messages.ERROR)
        return HttpResponseRedirect(address)


class Screen(Derived, Refusing):
    """The screen of a model; an option that a class declares is kept, every other is derived."""

    list_per_page = 50
    change_form_template = "screens/change_form.html"
    # Columns that may still be changed on a row that is fixed.
    unfixed: Sequence[str] = ()

    class Media:
        css = {"all": ["core/screens.css"]}

    def __init__(self, model: type[models.Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        declared = {name for kind in type(self).__mro__ if issubclass(kind, Screen) for name in vars(kind)}
        derived = {
            "list_display": columns_of,
            "search_fields": searched_in,
            "list_filter": filtered_by,
            "ordering": ordered_by,
            "date_hierarchy": dated_by,
        }
        for option in derived.keys() - declared:
            setattr(self, option, derived[option](model))
        self.list_display = self.shown(self.list_display)
        # What people write, and what the database writes by itself.
        self.written = [field.name for field in _fields(model) if field.editable]
        self.record = [field.name for field in _fields(model) if not field.editable]
        for secret in _secrets(model):
            self.stand_ins[secret.name] = _sealed(secret)
            self.record.append(secret.name)

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        return [name for name in self.references if name in self.list_display]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[models.Model]:
        return super().get_queryset(request).defer(*(secret.name for secret in _secrets(self.model)))

    def fixed(self, row: Any) -> str | None:
        """Why a row is fixed but for its columns in `unfixed`; None while all of it may be changed."""
        return None

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        if obj is None:
            return list(self.readonly_fields)
        return [*self.readonly_fields, *self.shown([*self._fixed_columns(request, obj), *self.record])]

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """What people write; below it, once there is a row, what the database wrote."""
        sections = self.fieldsets or [(None, {"fields": [*self.written, *self.readonly_fields]})]
        if obj is None:
            return sections
        fixed = set(self._fixed_columns(request, obj))
        sections = [
            (title, {**options, "fields": [self._entry(name, fixed) for name in options["fields"]]})
            for title, options in sections
        ]
        if reason := self.fixed(obj):
            sections[0][1]["description"] = reason
        record = [("Record", {"fields": self.shown(self.record), "classes": ["collapse"]})] if self.record else []
        return [*sections, *record]

    def _fixed_columns(self, request: HttpRequest, row: models.Model) -> list[str]:
        if self.fixed(row) is None and self.has_change_permission(request, row):
            return []
        return [name for name in self.written if name not in self.unfixed]

    def _entry(self, entry: Any, fixed: set[str]) -> Any:
        """An entry of a section, or a line of several, with what stands for those that are only read."""
        if isinstance(entry, tuple):
            return tuple(self._entry(name, fixed) for name in entry)
        return self.stand_ins.get(entry, entry) if entry in fixed else entry

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        may_change = obj is None or bool(self.unfixed) or self.fixed(obj) is None
        return may_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return (obj is None or self.fixed(obj) is None) and super().has_delete_permission(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **options: Any
    ) -> HttpResponse:
        context["related_lists"] = self._related_lists(request, context["original"])
        return super().render_change_form(request, context, *arguments, **options)

    def _related_lists(self, request: HttpRequest, row: models.Model | None) -> list[tuple[str, str]]:
        """Title and address of the list of each kind of row that refers to this one and is not on its screen."""
        if row is None:
            return []
        on_screen = {inline.model for inline in self.inlines}
        lists = []
        for relation in self.opts.related_objects:
            opts = relation.related_model._meta
            screen = self.admin_site.get_model_admin(relation.related_model)
            if relation.related_model not in on_screen and screen.has_view_permission(request):
                address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
                lists.append((str(opts.verbose_name_plural), f"{address}?{relation.field.name}__id__exact={row.pk}"))
        return lists


class Account(Screen):
    """The screen of what the program notes about its own work: it is read, never typed."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class LookupScreen(Screen):
    ordering = ("code",)
    list_display = ("name", "code", "description")


def register_rest(app_label: str) -> None:
    """Registers every model of an app for which no screen is written."""
    for model in apps.get_app_config(app_label).get_models():
        if not admin.site.is_registered(model):
            admin.site.register(model, LookupScreen if issubclass(model, Lookup) else Screen)


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a table too long to count: what is known is whether there is a page after the one that was read."""

    # Rows up to the end of the page, and one more where there are more; without end before a page is read.
    count = sys.maxsize
    has_more = False

    def page(self, number: int | str) -> Page[Any]:
        page_number = self.validate_number(number)
        first = (page_number - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        if first and not rows:
            raise EmptyPage(f"There is no page {page_number}")
        self.count = first + len(rows)
        self.has_more = len(rows) > self.per_page
        self.num_pages = page_number + self.has_more
        return Page(rows[: self.per_page], page_number, self)


class UncountedList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # The search form shows both numbers where they differ, and neither is known.
        self.result_count = self.full_result_count = self.paginator.count


class EndlessScreen(Screen):
    """The screen of a table that grows with every interval: no question to it reads all of it."""

    paginator = UncountedPaginator
    show_full_result_count = False
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy = None
    # An action may be told to take every row of the list.
    actions = None

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return UncountedList
