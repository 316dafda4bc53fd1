"""The one admin site of the product, in the product's dress."""

from unfold.sites import UnfoldAdminSite


class DeskSite(UnfoldAdminSite):
    """Django's admin as the curator's desk."""
