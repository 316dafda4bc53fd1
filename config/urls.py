"""Where requests go in: the reader's door, the curator's door, the provider's door."""

from django.contrib import admin
from django.urls import include, path

from newsletter.desk import login
from newsletter.web.api import api

urlpatterns = [
    path("desk/", include(login.urlpatterns)),
    path("desk/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("newsletter.web.urls")),
]

handler400 = "newsletter.web.errors.bad_request"
handler403 = "newsletter.web.errors.forbidden"
handler404 = "newsletter.web.errors.not_found"
handler500 = "newsletter.web.errors.broken"
