"""Where requests go in: the reader's door, the curator's door, the provider's door."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("desk/", admin.site.urls),
    path("", include("newsletter.web.urls")),
]
