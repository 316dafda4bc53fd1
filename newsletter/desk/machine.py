"""Beat's schedule and the accounts: other apps' pages, in the desk's dress and under its rules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from newsletter.desk.pages import KeptPage


class TaskWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """Beat's list of known tasks as Unfold draws a choice."""


class TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskWidget()


class TasksOfSchedule(TabularInline):
    model = PeriodicTask
    fields = readonly_fields = ("name", "task", "args", "kwargs")
    can_delete = False
    extra = 0
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class PeriodicTaskPage(KeptPage, beat.PeriodicTaskAdmin):
    form = TaskForm
    # Beat's own template has an inline script, only to translate crontab lines; the policy forbids it.
    change_form_template = None
    list_select_related = ("interval", "crontab", "solar", "clocked")


class SchedulePage(KeptPage):
    inlines = (TasksOfSchedule,)


class CrontabPage(KeptPage, beat.CrontabScheduleAdmin):
    inlines = (TasksOfSchedule,)


class AccountPage(KeptPage, UserAdmin):  # type: ignore[misc,type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")


class GroupPage(KeptPage, GroupAdmin):  # type: ignore[misc]
    """Groups of permissions."""


_PAGES: dict[Any, type[KeptPage]] = {
    PeriodicTask: PeriodicTaskPage,
    IntervalSchedule: SchedulePage,
    CrontabSchedule: CrontabPage,
    SolarSchedule: SchedulePage,
    ClockedSchedule: SchedulePage,
    User: AccountPage,
    Group: GroupPage,
}
for _model, _page in _PAGES.items():
    admin.site.unregister(_model)
    admin.site.register(_model, _page)
